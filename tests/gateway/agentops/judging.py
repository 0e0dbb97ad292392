"""Runs a program under a client of AgentOps, in the environment that `make` prepared for that release."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.gateway.serving import Served

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(__file__).resolve().parent / "programs"
KEY = "11111111-2222-4333-8444-555555555555"

# Python itself tells of every address that is asked for: what is not on this machine is refused, and written down.
CUT = """
import os, sys
def refuse(event, args):
    if event == "socket.connect":
        where = args[1]
    elif event == "socket.getaddrinfo":
        where = args[:2]
    else:
        return
    if not isinstance(where, tuple) or str(where[0]) in ("127.0.0.1", "::1", "localhost", "None"):
        return
    with open(os.environ["JUDGE_STRAYED"], "a") as out:
        print(event, where[0], file=out)
    raise OSError("this judge reaches the loopback address only")
sys.addaudithook(refuse)
"""


def judged(release: str, program: str, gateway: Served, folder: Path, **environment: str) -> Any:
    """What a program printed as its last line, parsed; it could reach the gateway and nothing else."""
    python = ROOT / ".cache" / "versions" / f"agentops-{release}" / "bin" / "python"
    if not python.exists():
        pytest.fail(f"there is no environment {python.parents[1].relative_to(ROOT)}: `make test` prepares it")
    here = folder / "judge"
    here.mkdir()
    (here / "sitecustomize.py").write_text(CUT, "utf-8")
    with socket.socket() as refusing:
        # Bound, and never listening: whoever asks this proxy is refused.
        refusing.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{refusing.getsockname()[1]}"
        told = {
            "PATH": os.environ["PATH"],
            "HOME": str(here),
            "PYTHONPATH": str(here),
            "JUDGE_STRAYED": str(here / "strayed"),
            "http_proxy": proxy,
            "https_proxy": proxy,
            "no_proxy": "127.0.0.1,localhost",
            "AGENTOPS_API_KEY": KEY,
            "AGENTOPS_API_ENDPOINT": gateway.url,
            "AGENTOPS_EXPORTER_ENDPOINT": f"{gateway.url}/v1/traces",
            **environment,
        }
        done = subprocess.run(
            [str(python), str(PROGRAMS / f"{program}.py")],
            cwd=here,
            env=told,
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert gateway.engine.settle(60)
    return json.loads(done.stdout.strip().splitlines()[-1])


def strayed(folder: Path) -> set[str]:
    """The hosts that a program asked for in vain."""
    found = folder / "judge" / "strayed"
    return {line.split()[1] for line in found.read_text("utf-8").splitlines()} if found.exists() else set()
