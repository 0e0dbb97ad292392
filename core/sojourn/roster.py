"""The sessions of this process: all that run, and of those that ended the last, and all that somebody holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from sojourn.forgetting import forget_oldest
from sojourn.tally import Tally

if TYPE_CHECKING:
    from sojourn.session import Session

__all__ = ["MAX_ENDED", "Roster"]

MAX_ENDED: Final = 1024
"""Ended sessions that are remembered though the program has let go of them: a server has millions."""


class Roster:
    """Every method may be called from any thread, and by a signal handler in the middle of another."""

    def __init__(self) -> None:
        self._running: dict[str, Session] = {}
        self._ended: dict[str, Session] = {}
        self._held: WeakValueDictionary[str, Session] = WeakValueDictionary()
        self._strays: dict[str, Tally] = {}
        """Of sessions that spans are given to, and that this process has neither started nor joined so far."""

    def begin(self, session: Session) -> None:
        """A session has begun, or goes on."""
        self._ended.pop(session.session_id, None)
        self._strays.pop(session.session_id, None)
        self._held[session.session_id] = self._running[session.session_id] = session

    def end(self, session: Session) -> None:
        """A session has ended; one that has begun anew under its id goes on."""
        if self._running.get(session.session_id) is not session:
            return
        self._ended[session.session_id] = session
        del self._running[session.session_id]
        forget_oldest(self._ended, MAX_ENDED)

    def find(self, session_id: str) -> Session | None:
        """The session of this id, if it runs or is remembered."""
        return self._running.get(session_id) or self._held.get(session_id)

    def tally_of(self, session_id: str) -> Tally:
        """Where spans of a session are counted; a session that begins under this id later has counted them."""
        session = self.find(session_id)
        if session is not None:
            return session.tally
        stray = self._strays.get(session_id)
        if stray is None:
            stray = self._strays.setdefault(session_id, Tally())
            forget_oldest(self._strays, MAX_ENDED)
        return stray

    def running(self) -> list[Session]:
        """Those that run, oldest first."""
        return [session for session in list(self._running.values()) if session.is_running]

    def first(self) -> Session | None:
        """The oldest that runs."""
        # Every span of code without a session asks this: the oldest nearly always runs, so nothing is copied.
        try:
            for session in self._running.values():
                if session.is_running:
                    return session
        except RuntimeError:  # another thread has begun or ended one meanwhile
            return next(iter(self.running()), None)
        return None

    def first_known(self) -> Session | None:
        """The oldest that is remembered, running or not."""
        known = [*self._ended.copy().values(), *self._running.copy().values()]
        return next(iter(known), None)
