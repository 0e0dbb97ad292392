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
from sojourn.arguments import demand_flag, demand_number, demand_text, is_mapping, parse_tags
from sojourn.client import get_client as running_client
from sojourn.client import is_sheltered, open_client, shutdown
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
    track_tool,
    workflow,
)
from sojourn.endstate import EndState, parse_end_state
from sojourn.health import Health
from sojourn.limits import LimitOptions, LimitReached, parse_limits
from sojourn.session import Session

# After the module of that name: importing it binds it here.
from sojourn.decorators import session  # isort: skip
from sojourn.settings import Settings

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from enum import Enum
    from typing import Unpack
    from uuid import UUID

    from sojourn.agentmark import AgentMarkGroupingProcessor, AgentMarkSDK
    from sojourn.carriage import environment, extract, inject
    from sojourn.configuration import InitOptions
    from sojourn.decisions import decision, handoff, response, state_change
    from sojourn.events import ActionEvent, ErrorEvent, Event, LLMEvent, ToolEvent
    from sojourn.langchain_handlers import AsyncLangchainCallbackHandler as AsyncLangchainCallbackHandler
    from sojourn.langchain_handlers import LangchainCallbackHandler as LangchainCallbackHandler
    from sojourn.program import (
        Client,
        configure,
        create_agent,
        end_all_sessions,
        get_api_key,
        get_client,
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
    from sojourn.validation import ValidationError, print_validation_summary, validate_trace_spans

__all__ = [
    "ERROR",
    "SUCCESS",
    "UNSET",
    "ActionEvent",
    "AgentMarkGroupingProcessor",
    "AgentMarkSDK",
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
    "ValidationError",
    "add_tags",
    "agent",
    "configure",
    "create_agent",
    "create_pii_masker",
    "current_session",
    "decision",
    "end_all_sessions",
    "end_session",
    "end_trace",
    "environment",
    "extract",
    "flush",
    "get_analytics",
    "get_api_key",
    "get_client",
    "get_session",
    "guardrail",
    "handoff",
    "health",
    "init",
    "inject",
    "observe",
    "operation",
    "print_validation_summary",
    "record",
    "record_action",
    "record_function",
    "record_tool",
    "response",
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
    "state_change",
    "stop_instrumenting",
    "task",
    "tool",
    "trace",
    "track_agent",
    "track_endpoint",
    "track_tool",
    "update_trace_metadata",
    "validate_trace_spans",
    "with_agentmark",
    "workflow",
]

_log = logging.getLogger("sojourn")

# Names that most programs never use are loaded when they are asked for.
_LATER = {
    "sojourn.agentmark": ("AgentMarkGroupingProcessor", "AgentMarkSDK"),
    # Not in `__all__`: they need langchain-core, which most programs do without.
    "sojourn.langchain_handlers": ("AsyncLangchainCallbackHandler", "LangchainCallbackHandler"),
    "sojourn.validation": ("ValidationError", "print_validation_summary", "validate_trace_spans"),
    "sojourn.carriage": ("environment", "extract", "inject"),
    "sojourn.decisions": ("decision", "handoff", "response", "state_change"),
    "sojourn.events": ("ActionEvent", "ErrorEvent", "Event", "LLMEvent", "ToolEvent"),
    "sojourn.redaction": ("create_pii_masker",),
    "sojourn.program": (
        "Client",
        "configure",
        "create_agent",
        "end_all_sessions",
        "get_api_key",
        "get_client",
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

    Local and cheap: no network on this thread. Returns the session; None with `auto_start_session=False`, given here
    or (though a checker cannot know of that) to `configure` before, and then the inherited id is kept for the next
    `start_session`. A second call returns the running session, joins another
    one that it names, gives it the limits that it names, replaces redactors and the capture of log lines, and raises
    RuntimeError for another endpoint, key, sample rate or choice of libraries.

    Options: `max_cost` (US dollars), `max_tokens` and `max_calls` of each session, and `on_limit` (`"raise"`, `"warn"`
    or a function); `redact` (functions from text to text); `sample_rate`; `capture_logs`; `instrument`;
    `global_provider` (record all spans of a program that sets no tracer provider of its own). Those of AgentOps are
    listed in `sojourn.configuration`. What `configure` was told holds where nothing is given here.
    """
    demand_text("api_key", api_key)
    demand_text("endpoint", endpoint)
    demand_text("name", name)
    demand_flag("auto_start_session", auto_start_session)
    own_tags = parse_tags(tags)
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
    tags, name = own_tags or known.get("tags"), name or known.get("name") or asked.trace_name
    starts = asked.auto_start_session if auto_start_session is None else auto_start_session
    first = running_client() is None
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
    tags: str | Iterable[str] | Mapping[str, object] | None = None,
    inherited_session_id: str | UUID | None = None,
    name: str | None = None,
    **limits: Unpack[LimitOptions],
) -> Session:
    """Start a session beside those that run, or join one; it is the current one of this thread or task from here on.

    Begins to record, with default settings, when `init` was not called. `max_cost`, `max_tokens`, `max_calls` and
    `on_limit` are this session's own, in place of those of `init`. `tags` that are facts by name become its metadata.
    """
    facts: Mapping[str, object] | None = None
    if is_mapping(tags):
        facts, tags = tags, None
    demand_text("name", name)
    labels = parse_tags(tags)
    if unknown := limits.keys() - LimitOptions.__annotations__.keys():
        known = ", ".join(sorted(LimitOptions.__annotations__))
        raise TypeError(f"start_session got unknown options: {', '.join(sorted(unknown))}; known are {known}")
    chosen = parse_limits(**limits)
    client = running_client()
    if client is None:
        client = open_client(Settings.read())
        client.kept_inheritance = client.settings.inherited_session_id
    kept, client.kept_inheritance = client.kept_inheritance, None
    started = client.start_session(client.configuration.tags(labels), inherited_session_id or kept, name, chosen)
    if facts:
        started.set_metadata(facts)
    return started


def current_session() -> Session | None:
    """The session that the calling code belongs to, or None."""
    client = running_client()
    return None if client is None else client.current_session()


def end_session(
    session_or_status: EndState | str | Enum | Session | None = None,
    end_state_reason: str | None = None,
    video: str | os.PathLike[str] | None = None,
    is_auto_end: bool | None = False,
    *,
    end_state: EndState | str | Enum | None = None,
    **legacy: object,
) -> Cost | None:
    """End the current session, or the one given, and return what it cost in this process; None when none runs.

    The state is given first or as `end_state`; without one it is `Indeterminate`. `is_auto_end` is given by
    frameworks, and does nothing under `init(skip_auto_end_session=True)`. What else is given by name is kept with the
    end, under `agentops.legacy.`.
    """
    demand_flag("is_auto_end", is_auto_end)
    chosen = session_or_status if isinstance(session_or_status, Session) else None
    first = None if isinstance(session_or_status, Session) else session_or_status
    state = parse_end_state(next((given for given in (end_state, first) if given is not None), EndState.INDETERMINATE))
    client = running_client()
    if is_auto_end and client is not None and client.configuration.skip_auto_end_session:
        return None
    session = chosen or _current("end_session")
    return None if session is None else session.end_session(state, end_state_reason, video, **legacy)


def record(event: Event) -> None:
    """Record an event in the current session."""
    session = _current("record")
    if session is not None:
        session.record(event)
        return
    from sojourn.events import check_event

    check_event(event)


def add_tags(tags: str | Iterable[str]) -> None:
    """Unite tags with those of the current session."""
    given = parse_tags(tags)
    session = _current("add_tags")
    if session is not None:
        session.add_tags(given)


def set_tags(tags: str | Iterable[str]) -> None:
    """Replace the tags of the current session."""
    given = parse_tags(tags)
    session = _current("set_tags")
    if session is not None:
        session.set_tags(given)


def get_analytics(scope: Literal["process", "session"] = "process") -> dict[str, Any] | None:
    """What this process did in the current session, or all its processes; None when no session runs."""
    session = _current("get_analytics")
    return None if session is None else session.get_analytics(scope)


def health() -> Health:
    """Whether recording works: what this process wrote, delivered, and could not. Waits for nothing."""
    client = running_client()
    return Health() if client is None else client.health()


def flush(timeout_s: float = 5.0) -> bool:
    """Write and deliver everything that has ended so far; False when not all of it was taken over in time."""
    demand_number("timeout_s", timeout_s)
    client = running_client()
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
