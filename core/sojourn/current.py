"""The session that the running code belongs to."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sojourn.session import Session

__all__ = ["chosen", "enter"]

_chosen: ContextVar[Session | None] = ContextVar("sojourn_session", default=None)


def enter(session: Session | None) -> None:
    """Make this the session of the calling context: of this task or thread and of what it starts from now on."""
    _chosen.set(session)


def chosen() -> Session | None:
    """The innermost session of this context that is still running; None leaves the choice to the process."""
    session = _chosen.get()
    while session is not None and not session.is_running:
        session = session.outer
    return session
