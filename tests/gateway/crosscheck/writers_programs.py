"""The story by programs: our own SDK, and AgentMark's client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.conftest import ROOT
from tests.gateway.crosscheck.door import Door, Writer, Written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.gateway.crosscheck.facts import Fact, Told
    from tests.gateway.serving import Served

__all__ = ["PROGRAM_WRITERS"]

_PROGRAMS = Path(__file__).resolve().parent / "programs"
_AGENTMARK = ROOT / ".cache" / "versions" / "agentmark-0.7.1" / "bin" / "python"

_SAID: Told = {
    "turns": 2,
    "steps": 6,
    "model calls": 2,
    "tool calls": 2,
    "errors": 1,
    "input tokens": 2200,
    "output tokens": 180,
    "cached tokens": 0,
    "reasoning tokens": 0,
    "all tokens": 2380,
    "cost": Decimal("0.001444"),
    "state": "Success",
    "name": "Order 4812",
    "user": "ada",
    "tags": ("refund", "vip"),
}
_BY_HAND: dict[Fact, str] = {
    "cached tokens": "a call by hand has no field for them",
    "reasoning tokens": "a call by hand has no field for them",
}


def _ran(python: Path | str, program: str, gateway: Served, folder: Path) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SOJOURN_HOME": str(folder / "sojourn"),
        "no_proxy": "127.0.0.1",
    }
    done = subprocess.run(
        [str(python), str(_PROGRAMS / f"{program}.py"), gateway.url],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert gateway.engine.settle(60)
    return str(json.loads(done.stdout.strip().splitlines()[-1])["session"])


def _ours(door: Door) -> Written:
    gateway, home = door.gateway(f"ours-{uuid4().hex[:8]}")
    return Written(gateway, home, _ran(sys.executable, "ours", gateway, door.place()))


def _agentmark(door: Door) -> Written:
    if not _AGENTMARK.exists():
        pytest.fail(f"there is no environment {_AGENTMARK.parents[1].relative_to(ROOT)}: `make test` prepares it")
    gateway, home = door.gateway(f"agentmark-{uuid4().hex[:8]}")
    return Written(gateway, home, _ran(_AGENTMARK, "agentmark", gateway, door.place()))


PROGRAM_WRITERS: Sequence[Writer] = (
    Writer("sojourn", "`sojourn`", _ours, _SAID, _BY_HAND),
    Writer(
        "agentmark",
        "agentmark-sdk 0.7.1",
        _agentmark,
        {**_SAID, "state": "open"},
        {**_BY_HAND, "state": "sessions do not end"},
        is_judge=True,
    ),
)
