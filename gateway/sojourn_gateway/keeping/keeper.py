"""Erasing, retention and repricing over one store."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine import erasure, repricing, retention
from sojourn_gateway.engine.erasure import Erased
from sojourn_gateway.engine.reading import find_session
from sojourn_gateway.engine.retention import Keeping
from sojourn_gateway.engine.scores import insert_scores
from sojourn_gateway.engine.sizes import read_state
from sojourn_gateway.engine.upkeep import Upkeep
from sojourn_gateway.keeping.backups import make_backup
from sojourn_gateway.keeping.exports import export
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sojourn.home import Home
    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.exporting import Chosen
    from sojourn_gateway.engine.sizes import StoreState
    from sojourn_gateway.keeping.exports import Format, What
    from sojourn_gateway.model.score import Score

__all__ = ["Keeper", "Policy", "Swept", "Unpriced"]

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PATIENCE_S: Final = 60.0
"""How long to wait for roll-ups, which say what belongs to a session."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say of how long, and how much, is kept; 0 is without end."""

    days: int = 0
    """For projects of which nothing else was said."""
    size: int = 0
    """Bytes on disk, of the whole store."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What retention removed from a project."""

    project: str
    erased: Erased
    loose_logs: int = 0
    """Log records of no session and no trace that is kept."""
    loose_points: int = 0
    """Points of metrics of no session that is kept."""


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Calls of a model whose price is not known."""

    provider: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int


class Keeper:
    """Changes what is stored. Any thread may ask; one thing is done at a time."""

    def __init__(
        self,
        engine: Engine,
        home: Home,
        policy: Policy | None = None,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Over `engine`, which stays the caller's. Files that the home keeps go with their sessions."""
        self._engine = engine
        self._home = home
        self._policy = policy or Policy()
        self._now_ns = now_ns
        self._busy = threading.Lock()
        self._upkeep = Upkeep(engine, now_ns)

    def resume(self) -> None:
        """Finish what the death of an earlier process interrupted."""
        with self._busy:
            erasure.finish(self._engine, self._forget)
            repricing.resume_repricing(self._engine)

    def erase_session(self, project: str, session_id: str) -> Erased | None:
        """Erase a session with all that belongs to it; None when the project has none of that id.

        When this returns it is in no table, and what arrives of it late is not kept.
        """
        with self._busy:
            self._settle()
            if find_session(self._engine, project, session_id) is None:
                return None
            return self._erase(project, {"session": [session_id]}, bury=True)

    def erase_user(self, project: str, user_id: str) -> Erased | None:
        """Erase what is kept of a user; None when nothing is.

        Sessions that name nobody else go whole. Of others go the traces with a span of the user, and what was told
        of the user.
        """
        with self._busy:
            self._settle()
            named = erasure.named_by(self._engine, project, user_id)
            return self._erase(project, named, bury=True) if named else None

    def keeping(self, project: str) -> Keeping:
        """How long, and how much, the project keeps."""
        return retention.read_keeping(self._engine, project) or Keeping(self._policy.days)

    def keep(self, project: str, keeping: Keeping) -> None:
        """Have this hold for the project."""
        retention.write_keeping(self._engine, project, keeping)

    def sweep(self) -> list[Swept]:
        """Remove what is older, or more, than is to be kept; whole sessions, those first that were silent longest."""
        with self._busy:
            self._settle()
            swept = [found for project in retention.list_projects(self._engine) if (found := self._sweep(project))]
            if self._policy.size:
                swept += self._sweep_all(self._policy.size)
        return swept

    def tend(self, stopping: Callable[[], bool]) -> bool:
        """Have the store index what it did not, while it rests; whether there was anything to do.

        It gives way to whatever else is asked, so that nothing waits for it.
        """
        return self._upkeep.look(stopping)

    def reprice(self, since_ns: int = 0) -> int:
        """Price anew what began since; how many traces were summed up anew. Reported costs stay."""
        with self._busy:
            return repricing.reprice(self._engine, since_ns)

    def unpriced(self, project: str) -> list[Unpriced]:
        """What has no price, most tokens first."""
        self._settle()
        return [Unpriced(*row) for row in repricing.list_unpriced(self._engine, project)]

    def export(self, project: str, what: What, shape: Format, chosen: Chosen) -> Iterator[bytes]:
        """The pieces of a file with what is chosen of a project. Raises `GatewayFault` for what it cannot be."""
        self._settle()
        return export(self._engine, project, what, shape, chosen)

    def keep_scores(self, project: str, scores: Sequence[Score]) -> None:
        """Keep scores under the ids and times that they bring; one that is there already is not doubled."""
        insert_scores(self._engine, project, scores)

    def back_up(self, folder: Path) -> dict[str, Any]:
        """Back everything up into a folder; what the backup says of itself."""
        with self._busy:
            return make_backup(self._engine, self._home, folder)

    def state(self) -> StoreState:
        """How large the store is, and how it is doing."""
        return read_state(self._engine)

    def _settle(self) -> None:
        if not self._engine.settle(_PATIENCE_S):
            raise GatewayFault("the store is busy with what was recorded; try again in a moment")

    def _sweep(self, project: str) -> Swept | None:
        keeping = self.keeping(project)
        erased, loose, points = Erased(), 0, 0
        if keeping.days:
            before_ns = max(self._now_ns() - keeping.days * retention.DAY_NS, 0)
            old = retention.old_sessions(self._engine, project, before_ns)
            erased = self._erase(project, {"session": old}, bury=False)
            loose = retention.delete_loose_logs(self._engine, project, before_ns)
            points = retention.delete_loose_points(self._engine, project, before_ns)
        if keeping.size:
            surplus = retention.surplus(self._engine, project, keeping.size)
            erased += self._erase(project, {"session": [session for _, session in surplus.sessions]}, bury=False)
            points += retention.delete_loose_points(self._engine, project, surplus.points_before_ns)
        return Swept(project, erased, loose, points) if erased or loose or points else None

    def _sweep_all(self, size: int) -> Iterator[Swept]:
        """Remove what is too much in the store as a whole."""
        surplus = retention.surplus(self._engine, None, size)
        by_project: dict[str, list[str]] = {}
        for project, session in surplus.sessions:
            by_project.setdefault(project, []).append(session)
        erased = {
            project: self._erase(project, {"session": sessions}, bury=False) for project, sessions in by_project.items()
        }
        for project in retention.list_projects(self._engine) if surplus.points_before_ns else by_project:
            points = retention.delete_loose_points(self._engine, project, surplus.points_before_ns)
            if points or project in erased:
                yield Swept(project, erased.pop(project, Erased()), loose_points=points)
        for project, gone in erased.items():
            yield Swept(project, gone)

    def _erase(self, project: str, named: dict[str, list[str]], *, bury: bool) -> Erased:
        if not any(named.values()):
            return Erased()
        erasure.doom(self._engine, project, named, bury=bury)
        return erasure.finish(self._engine, self._forget)

    def _forget(self, checksums: Sequence[str]) -> int:
        """Remove attached files; those that lie elsewhere are the user's own."""
        found = 0
        for sha256 in checksums:
            path = self._home.attachments / sha256
            if _SHA256.fullmatch(sha256) and path.is_file():
                path.unlink(missing_ok=True)
                found += 1
        return found
