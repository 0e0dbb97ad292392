"""The session that the running code belongs to, and what else every span started by it is told."""

from __future__ import annotations

from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from sojourn import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

__all__ = [
    "Before",
    "Stamp",
    "Stay",
    "chosen",
    "enter",
    "innermost",
    "stamp",
    "stamp_user",
    "stamps",
    "stamps_of_process",
    "stamps_of_scope",
]


class Stay(Protocol):
    """A session, as far as it matters which one is current."""

    @property
    def is_running(self) -> bool:
        """Whether nobody in this process has ended it."""
        ...

    @property
    def outer(self) -> Stay | None:
        """The session in which it was started."""
        ...


class Before(NamedTuple):
    """What was current before a scope was entered."""

    context: Context | None
    session: Stay | None
    stamps: Mapping[str, Stamp]


Stamp = str | bool | int | float | tuple[str, ...]
"""A plain fact, as an attribute of a span takes it."""

_NONE: Final[Mapping[str, Stamp]] = MappingProxyType({})
_chosen: ContextVar[Stay | None] = ContextVar("sojourn_session", default=None)
_stamps: ContextVar[Mapping[str, Stamp]] = ContextVar("sojourn_stamps", default=_NONE)
_process: Mapping[str, Stamp] = _NONE


def enter(session: Stay | None) -> None:
    """Make this the session of the calling context: of this task or thread and of what it starts from now on."""
    _chosen.set(session)


def innermost() -> Stay | None:
    """The session that this context entered last, running or not."""
    return _chosen.get()


def chosen() -> Stay | None:
    """The innermost session of this context that is still running; None leaves the choice to the process."""
    session = _chosen.get()
    while session is not None and not session.is_running:
        session = session.outer
    return session


def stamp(facts: Mapping[str, Stamp]) -> None:
    """Have every span that this context starts from now on carry these facts, and no others."""
    _stamps.set(facts)


def stamps() -> Mapping[str, Stamp]:
    """What spans started now carry: the agent at work, the user and grouping of a scope, else what the process says."""
    told = _stamps.get()
    return _process if told is _NONE else told


def stamps_of_scope() -> Mapping[str, Stamp]:
    """What the scopes around say, without the process: what is to be put back by `stamp`."""
    return _stamps.get()


def stamp_user(user_id: str | None) -> None:
    """Have every span of this process that is started outside of any scope carry the user it works for."""
    global _process
    _process = _NONE if user_id is None else {semconv.USER_ID: user_id}


def stamps_of_process() -> Mapping[str, Stamp]:
    """What spans outside of any scope carry."""
    return _process
