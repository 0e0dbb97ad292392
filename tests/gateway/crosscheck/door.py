"""What a writer writes into, and what it says it wrote."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sojourn.home import Home
from sojourn_gateway.settings import Settings
from tests.gateway.serving import served

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sojourn_gateway.engine import Engine
    from tests.gateway.crosscheck.facts import Fact, Told
    from tests.gateway.serving import Served

__all__ = ["Door", "Reader", "Writer", "Written"]


@dataclass
class Written:
    """A session that is in the store."""

    gateway: Served
    home: Path
    """That of the gateway, by which commands find it."""
    session_id: str

    @cached_property
    def traces(self) -> list[dict[str, Any]]:
        """Its traces, oldest first, as `/v1` lists them."""
        found: list[dict[str, Any]] = self.gateway.data(
            "/v1/traces", session_id=self.session_id, sort_by="start_time", sort_order="asc"
        )
        return found


@dataclass(slots=True)
class Door:
    """Gateways over one engine, each with a project of its own; closed by `close`."""

    engine: Engine
    folder: Path
    _stack: ExitStack = field(default_factory=ExitStack)
    _made: int = 0

    def gateway(self, project: str) -> tuple[Served, Path]:
        """A new one, and its home."""
        self._made += 1
        home = self.folder / f"home{self._made}"
        return self._stack.enter_context(served(self.engine, Home(home), Settings(project=project))), home

    def place(self) -> Path:
        """A folder for one writer."""
        self._made += 1
        made = self.folder / f"place{self._made}"
        made.mkdir()
        return made

    def close(self) -> None:
        """Stop them all."""
        self._stack.close()


@dataclass(frozen=True, slots=True)
class Writer:
    """A door through which the story is told."""

    id: str
    name: str
    write: Callable[[Door], Written]
    says: Told
    """What must be read of it. Of all else, readers must only say the same."""
    unsaid: Mapping[Fact, str]
    """What the door cannot say, and why."""
    outside_traces: Mapping[Fact, str] = field(default_factory=dict["Fact", str])
    """What belongs to the session and to none of its traces, and why."""
    apart: Mapping[Fact, str] = field(default_factory=dict["Fact", str])
    """What it tells of something else, so that not everybody can say the same, and why."""
    is_implicit: bool = False
    """It gives no session's id, so that its trace is one by itself."""
    is_judge: bool = False
    """A vendor's own client, in an environment of its own."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A contract by which a session is read."""

    id: str
    name: str
    read: Callable[[Written], Told]
    unsaid: Mapping[Fact, str]
    """What the contract has no word for, and why."""
    of_traces: bool = False
    """It tells of traces, and is asked for all of a session's."""
    of_named: bool = False
    """It knows no session that is a trace without a session's id."""
    while_open: Mapping[Fact, Any] = field(default_factory=dict["Fact", Any])
    """What it says of a session that still runs, where its contract has no word for that."""
