"""Runs a program under Agentuity's own client, in the environment that `make` prepared for that release."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.gateway.serving import Served

__all__ = ["PROGRAMS", "environment", "run"]

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(__file__).resolve().parent / "programs"


def environment(name: str) -> Path:
    """The folder of an environment that is there; without it the test is skipped."""
    folder = ROOT / ".cache" / "versions" / name
    if not (folder / ".sojourn-stamp").exists():
        pytest.skip(f"npm could not make {folder.relative_to(ROOT)}; `make {folder.relative_to(ROOT)}/.sojourn-stamp`")
    return folder


def run(
    command: Sequence[str | Path], gateway: Served, here: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. It is told of a proxy that refuses whatever is not on this machine."""
    assert gateway.engine.settle(60)
    with socket.socket() as refusing:
        # Bound, and never listening.
        refusing.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{refusing.getsockname()[1]}"
        told = {
            "PATH": os.environ["PATH"],
            "HOME": str(here),
            "http_proxy": proxy,
            "https_proxy": proxy,
            "no_proxy": "127.0.0.1,localhost",
            "NO_COLOR": "1",
            **variables,
        }
        done = subprocess.run(
            [str(part) for part in command],
            cwd=here,
            env=told,
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )
    assert gateway.engine.settle(60)
    return done


def judged(gateway: Served, here: Path, base: str, key: str, *arguments: str) -> Any:
    """What the vendor's client made of our answers."""
    node = shutil.which("node")
    assert node is not None, "Node.js 20 or newer is not on PATH"
    home = environment("agentuity-2.0.21")
    done = run([node, PROGRAMS / "judge.mjs", home, base, key, *arguments], gateway, here)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return json.loads(done.stdout.strip().splitlines()[-1])
