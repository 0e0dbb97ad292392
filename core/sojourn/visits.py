"""Sessions of other processes that this one works in for a while: a request served, a message handled."""

from __future__ import annotations

from collections import OrderedDict
from threading import RLock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn.identity import SessionId
    from sojourn.session import Session

__all__ = ["MAX_KEPT", "Visits"]

MAX_KEPT: Final = 1024
"""Sessions that are remembered after they were left, so that coming back is no join, and their counts go on."""


class Visits:
    """Kept apart from the sessions that the process runs: code without a session never falls into one of these.

    `join` makes the session when it is first entered, or entered again after its end, of which it is given the last.
    """

    def __init__(self, join: Callable[[SessionId, Session | None], Session]) -> None:
        self._join = join
        self._lock = RLock()
        self._known: OrderedDict[str, Session] = OrderedDict()
        self._inside: dict[str, int] = {}

    def enter(self, session_id: SessionId) -> Session:
        """The session, joined if this process does not know it. To be left as often as it was entered."""
        with self._lock:
            session = self._known.pop(session_id, None)
            if session is None or not session.is_running:
                session = self._join(session_id, session)
            self._known[session_id] = session
            self._inside[session_id] = self._inside.get(session_id, 0) + 1
            return session

    def leave(self, session: Session) -> None:
        """Work in the session is done; it is not ended by that."""
        with self._lock:
            left = self._inside.get(session.session_id, 1) - 1
            if left > 0:
                self._inside[session.session_id] = left
                return
            self._inside.pop(session.session_id, None)
            for name in list(self._known) if len(self._known) > MAX_KEPT else ():
                if name not in self._inside:
                    del self._known[name]
                if len(self._known) <= MAX_KEPT:
                    return

    def find(self, session_id: str) -> Session | None:
        """One that is or was visited, if it is still remembered."""
        return self._known.get(session_id)

    def under_way(self) -> list[Session]:
        """Those that code of this process is inside of now."""
        with self._lock:
            visited = [self._known.get(name) for name in self._inside]
        return [session for session in visited if session is not None and session.is_running]

    def known(self) -> list[Session]:
        """All that are remembered."""
        return list(self._known.values())

    def renew_in_child(self) -> None:
        """After `fork`, in the child: another thread may have held the lock, and is not here to let go of it."""
        self._lock = RLock()
