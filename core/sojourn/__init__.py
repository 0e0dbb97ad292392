"""Record whole agent sessions in one line.

    import sojourn
    sojourn.init()

From here on the model and tool calls of this program are recorded as the spans of one session. Importing the package
configures, opens and patches nothing.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, overload

from sojourn import configuration
from sojourn.client import get_client, is_sheltered, open_client, shutdown
from sojourn.configuration import Configuration
from sojourn.cost import Cost
from sojourn.decorators import (
    agent,
    guardrail,
    operation,
    record_action,
    record_function,
    record_tool,
    task,
    tool,
    trace,
    track_agent,
    track_endpoint,
    workflow,
)
from sojourn.endstate import EndState
from sojourn.events import ActionEvent, ErrorEvent, Event, LLMEvent, ToolEvent
from sojourn.health import Health
from sojourn.limits import LimitReached, parse_limits
from sojourn.session import Session

# After the module of that name: importing it binds it here.
from sojourn.decorators import session  # isort: skip
from sojourn.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import Enum
    from typing import Unpack
    from uuid import UUID

    from sojourn.configuration import InitOptions
    from sojourn.limits import LimitOptions
    from sojourn.program import (
        Client,
        configure,
        create_agent,
        end_all_sessions,
        get_api_key,
        get_session,
        set_api_key,
        set_parent_key,
        stop_instrumenting,
    )
    from sojourn.redaction import create_pii_masker
    from sojourn.spans import (
        SpanContext,
        SpanKind,
        SpanOptions,
        SpanResult,
        observe,
        span,
        span_context,
        span_context_sync,
        with_agentmark,
    )
    from sojourn.traces import (
        ERROR,
        SUCCESS,
        UNSET,
        TraceContext,
        TraceState,
        end_trace,
        start_trace,
        update_trace_metadata,
    )

__all__ = [
    "ERROR",
    "SUCCESS",
    "UNSET",
    "ActionEvent",
    "Client",
    "Configuration",
    "Cost",
    "EndState",
    "ErrorEvent",
    "Event",
    "Health",
    "LLMEvent",
    "LimitReached",
    "Session",
    "SpanContext",
    "SpanKind",
    "SpanOptions",
    "SpanResult",
    "ToolEvent",
    "TraceContext",
    "TraceState",
    "add_tags",
    "agent",
    "configure",
    "create_agent",
    "create_pii_masker",
    "current_session",
    "end_all_sessions",
    "end_session",
    "end_trace",
    "flush",
    "get_analytics",
    "get_api_key",
    "get_session",
    "guardrail",
    "health",
    "init",
    "observe",
    "operation",
    "record",
    "record_action",
    "record_function",
    "record_tool",
    "session",
    "set_api_key",
    "set_parent_key",
    "set_tags",
    "shutdown",
    "span",
    "span_context",
    "span_context_sync",
    "start_session",
    "start_trace",
    "stop_instrumenting",
    "task",
    "tool",
    "trace",
    "track_agent",
    "track_endpoint",
    "update_trace_metadata",
    "with_agentmark",
    "workflow",
]

_log = logging.getLogger("sojourn")

# Names that most programs never use are loaded when they are asked for.
_LATER = {
    "sojourn.redaction": ("create_pii_masker",),
    "sojourn.program": (
        "Client",
        "configure",
        "create_agent",
        "end_all_sessions",
        "get_api_key",
        "get_session",
        "set_api_key",
        "set_parent_key",
        "stop_instrumenting",
    ),
    "sojourn.spans": (
        "SpanContext",
        "SpanKind",
        "SpanOptions",
        "SpanResult",
        "observe",
        "span",
        "span_context",
        "span_context_sync",
        "with_agentmark",
    ),
    "sojourn.traces": (
        "ERROR",
        "SUCCESS",
        "UNSET",
        "TraceContext",
        "TraceState",
        "end_trace",
        "start_trace",
        "update_trace_metadata",
    ),
}
_HOMES = {name: module for module, names in _LATER.items() for name in names}


@overload
def init(
    api_key: str | None = None,
    *,
    endpoint: str | None = None,
    tags: str | Iterable[str] | None = None,
    name: str | None = None,
    auto_start_session: Literal[True] | None = None,
    inherited_session_id: str | UUID | None = None,
    **options: Unpack[InitOptions],
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
    **options: Unpack[InitOptions],
) -> Session | None: ...


def init(
    api_key: str | None = None,
    *,
    endpoint: str | None = None,
    tags: str | Iterable[str] | None = None,
    name: str | None = None,
    auto_start_session: bool | None = None,
    inherited_session_id: str | UUID | None = None,
    **options: Unpack[InitOptions],
) -> Session | None:
    """Begin to record, and start a session or join the one named by `inherited_session_id`.

    Local and cheap: no network on this thread. Returns the session; None with `auto_start_session=False`, and then
    the inherited id is kept for the next `start_session`. A second call returns the running session, joins another
    one that it names, gives it the limits that it names, replaces redactors and the capture of log lines, and raises
    RuntimeError for another endpoint, key, sample rate or choice of libraries.

    Options: `max_cost` (US dollars), `max_tokens` and `max_calls` of each session, and `on_limit` (`"raise"`, `"warn"`
    or a function); `redact` (functions from text to text); `sample_rate`; `capture_logs`; `instrument`. Those of
    AgentOps are listed in `sojourn.configuration`. What `configure` was told holds where nothing is given here.
    """
    asked = configuration.asked(options)
    known = configuration.pending()
    inherited = inherited_session_id or known.get("inherited_session_id")
    settings = asked.applied(
        Settings.read(
            api_key=api_key or asked.api_key,
            endpoint=endpoint or asked.endpoint,
            inherited_session_id=inherited,
            options=asked.options,
        )
    )
    tags, name = tags or known.get("tags"), name or known.get("name") or asked.trace_name
    starts = asked.auto_start_session if auto_start_session is None else auto_start_session
    first = get_client() is None
    client = open_client(settings)
    if first:
        client.configuration = asked
        configuration.reset()
    else:
        client.oversight.adjust(settings, asked.options.keys(), tested=is_sheltered())
    if not first and inherited is None:
        running = client.current_session()
        if running is not None:
            client.oversight.limit(running, settings.limits)
            if tags is not None:
                running.add_tags(tags)
            return running
    if not starts:
        client.kept_inheritance = settings.inherited_session_id
        return None
    return client.start_session(asked.tags(tags), settings.inherited_session_id, name, settings.limits)


def start_session(
    tags: str | Iterable[str] | None = None,
    inherited_session_id: str | UUID | None = None,
    name: str | None = None,
    **limits: Unpack[LimitOptions],
) -> Session:
    """Start a session beside those that run, or join one; it is the current one of this thread or task from here on.

    Begins to record, with default settings, when `init` was not called. `max_cost`, `max_tokens`, `max_calls` and
    `on_limit` are this session's own, in place of those of `init`.
    """
    chosen = parse_limits(**limits)
    client = get_client() or open_client(Settings.read())
    kept, client.kept_inheritance = client.kept_inheritance, None
    return client.start_session(client.configuration.tags(tags), inherited_session_id or kept, name, chosen)


def current_session() -> Session | None:
    """The session that the calling code belongs to, or None."""
    client = get_client()
    return None if client is None else client.current_session()


def end_session(
    end_state: EndState | str | Enum | Session = EndState.INDETERMINATE,
    end_state_reason: str | None = None,
    video: str | None = None,
    is_auto_end: bool = False,
) -> Cost | None:
    """End the current session and return what it cost in this process; None when no session runs.

    `is_auto_end` is given by frameworks, and does nothing under `init(skip_auto_end_session=True)`. A session may be
    given in place of the state.
    """
    chosen = end_state if isinstance(end_state, Session) else None
    state = EndState.INDETERMINATE if isinstance(end_state, Session) else end_state
    client = get_client()
    if is_auto_end and client is not None and client.configuration.skip_auto_end_session:
        return None
    session = chosen or _current("end_session")
    return None if session is None else session.end_session(state, end_state_reason, video)


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


def health() -> Health:
    """Whether recording works: what this process wrote, delivered, and could not. Waits for nothing."""
    client = get_client()
    return Health() if client is None else client.health()


def flush(timeout_s: float = 5.0) -> bool:
    """Write and deliver everything that has ended so far; False when not all of it was taken over in time."""
    client = get_client()
    return True if client is None else client.flush(timeout_s)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'sojourn' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def _current(function: str) -> Session | None:
    session = current_session()
    if session is None:
        _log.warning("sojourn: %s() has no running session to act on; call sojourn.init() first", function)
    return session
