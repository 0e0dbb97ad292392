"""The code of the README, which is recorded and run like any other program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["README", "python_blocks"]

README: Final = Path(__file__).resolve().parents[2] / "README.md"


def python_blocks() -> list[str]:
    """The Python programs of the README, in order."""
    return re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
