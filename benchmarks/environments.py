"""Environments of those that are measured beside us: one each, since what they need does not go together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ROOT", "environment"]

ROOT: Final = Path(__file__).resolve().parents[1]
_FOLDER: Final = ROOT / ".cache" / "peers"


def environment(name: str, wanted: Sequence[str]) -> str:
    """The interpreter of an environment that holds what is wanted; it is made when it is not there yet.

    Raises CalledProcessError when it cannot be installed here.
    """
    venv = _FOLDER / name.replace(" ", "-").lower()
    stamp = venv / "installed.txt"
    if not stamp.exists() or stamp.read_text("utf-8").split() != list(wanted):
        print(f"preparing {name} in {venv.relative_to(ROOT)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "-qq", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, *wanted], check=True)
        stamp.write_text("\n".join(wanted), "utf-8")
    return str(venv / "bin" / "python")
