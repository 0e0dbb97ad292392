"""Record whole agent sessions in one line.

    import sojourn
    sojourn.init()

From here on the model and tool calls of this program are recorded as the spans of one session. Importing the package
configures, opens and patches nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal, overload

from sojourn.client import get_client, open_client, shutdown
from sojourn.cost import Cost
from sojourn.endstate import EndState
from sojourn.events import ActionEvent, ErrorEvent, Event, LLMEvent, ToolEvent
from sojourn.session import Session
from sojourn.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

__all__ = [
    "ActionEvent",
    "Cost",
    "EndState",
    "ErrorEvent",
    "Event",
    "LLMEvent",
    "Session",
    "ToolEvent",
    "add_tags",
    "current_session",
    "end_session",
    "flush",
    "get_analytics",
    "init",
    "record",
    "set_tags",
    "shutdown",
    "start_session",
]

_log = logging.getLogger("sojourn")


@overload
def init(
    api_key: str | None = None,
    *,
    endpoint: str | None = None,
    tags: str | Iterable[str] | None = None,
    name: str | None = None,
    auto_start_session: Literal[True] = True,
    inherited_session_id: str | UUID | None = None,
) -> Session: ...


@overload
def init(
    api_key: str | None = None,
    *,
    endpoint: str | None = None,
    tags: str | Iterable[str] | None = None,
    name: str | None = None,
    auto_start_session: bool,
    inherited_session_id: str | UUID | None = None,
) -> Session | None: ...


def init(
    api_key: str | None = None,
    *,
    endpoint: str | None = None,
    tags: str | Iterable[str] | None = None,
    name: str | None = None,
    auto_start_session: bool = True,
    inherited_session_id: str | UUID | None = None,
) -> Session | None:
    """Begin to record, and start a session or join the one named by `inherited_session_id`.

    Local and cheap: no network on this thread. Returns the session; None with `auto_start_session=False`, and then
    the inherited id is kept for the next `start_session`. A second call returns the running session, joins another
    one that it names, and raises RuntimeError for another endpoint or key.
    """
    settings = Settings.read(api_key=api_key, endpoint=endpoint, inherited_session_id=inherited_session_id)
    first = get_client() is None
    client = open_client(settings)
    if not first and inherited_session_id is None:
        running = client.current_session()
        if running is not None:
            if tags is not None:
                running.add_tags(tags)
            return running
    if not auto_start_session:
        client.kept_inheritance = settings.inherited_session_id
        return None
    return client.start_session(tags, settings.inherited_session_id, name)


def start_session(
    tags: str | Iterable[str] | None = None,
    inherited_session_id: str | UUID | None = None,
    name: str | None = None,
) -> Session:
    """Start a session beside those that run, or join one; it is the current one of this thread or task from here on.

    Begins to record, with default settings, when `init` was not called.
    """
    client = get_client() or open_client(Settings.read())
    kept, client.kept_inheritance = client.kept_inheritance, None
    return client.start_session(tags, inherited_session_id or kept, name)


def current_session() -> Session | None:
    """The session that the calling code belongs to, or None."""
    client = get_client()
    return None if client is None else client.current_session()


def end_session(end_state: EndState | str = EndState.INDETERMINATE, end_state_reason: str | None = None) -> Cost | None:
    """End the current session and return what it cost in this process; None when no session runs."""
    session = _current("end_session")
    return None if session is None else session.end_session(end_state, end_state_reason)


def record(event: Event) -> None:
    """Record an event in the current session."""
    session = _current("record")
    if session is not None:
        session.record(event)


def add_tags(tags: str | Iterable[str]) -> None:
    """Unite tags with those of the current session."""
    session = _current("add_tags")
    if session is not None:
        session.add_tags(tags)


def set_tags(tags: str | Iterable[str]) -> None:
    """Replace the tags of the current session."""
    session = _current("set_tags")
    if session is not None:
        session.set_tags(tags)


def get_analytics() -> dict[str, Any] | None:
    """What this process did in the current session; None when no session runs."""
    session = _current("get_analytics")
    return None if session is None else session.get_analytics()


def flush(timeout_s: float = 5.0) -> bool:
    """Write and deliver everything that has ended so far; False when not all of it was taken over in time."""
    client = get_client()
    return True if client is None else client.flush(timeout_s)


def _current(function: str) -> Session | None:
    session = current_session()
    if session is None:
        _log.warning("sojourn: %s() has no running session to act on; call sojourn.init() first", function)
    return session
