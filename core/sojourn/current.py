"""The session that the running code belongs to, and what else every span started by it is told."""

from __future__ import annotations

from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn.session import Session

__all__ = ["Stamp", "chosen", "enter", "innermost", "stamp", "stamps"]

Stamp = str | bool | int | float | tuple[str, ...]
"""A plain fact, as an attribute of a span takes it."""

_NONE: Final[Mapping[str, Stamp]] = MappingProxyType({})
_chosen: ContextVar[Session | None] = ContextVar("sojourn_session", default=None)
_stamps: ContextVar[Mapping[str, Stamp]] = ContextVar("sojourn_stamps", default=_NONE)


def enter(session: Session | None) -> None:
    """Make this the session of the calling context: of this task or thread and of what it starts from now on."""
    _chosen.set(session)


def innermost() -> Session | None:
    """The session that this context entered last, running or not."""
    return _chosen.get()


def chosen() -> Session | None:
    """The innermost session of this context that is still running; None leaves the choice to the process."""
    session = _chosen.get()
    while session is not None and not session.is_running:
        session = session.outer
    return session


def stamp(facts: Mapping[str, Stamp]) -> None:
    """Have every span that this context starts from now on carry these facts, and no others."""
    _stamps.set(facts)


def stamps() -> Mapping[str, Stamp]:
    """What spans started now carry: the agent at work, the user and grouping of a scope."""
    return _stamps.get()
