"""Runs commands in this process, against a gateway that answers or the store that it serves."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sojourn.home import Gateway, Home
from sojourn_gateway.command import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.gateway.serving import Served

__all__ = ["Ran", "announce", "run"]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it printed, without blank ends."""
        return [line.rstrip() for line in self.out.splitlines()]

    @property
    def told(self) -> Any:
        """What it printed as JSON."""
        return json.loads(self.out)


def announce(gateway: Served, home: Path) -> None:
    """Have commands of this home go through the gateway."""
    Home(home).announce(Gateway(url=gateway.url, pid=os.getpid()))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ran:
    """Run `sojourn`."""
    capsys.readouterr()
    status = main(arguments)
    told = capsys.readouterr()
    return Ran(status, told.out, told.err)
