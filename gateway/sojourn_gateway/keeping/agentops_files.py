"""What leaves AgentOps: exports of sessions (`/v2/sessions/<id>/export`), and traces of `/v4` and `/public/v1`."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sojourn import semconv
from sojourn_gateway.ingest.agentops_events import error_record, fact, step_of
from sojourn_gateway.ingest.agentops_rows import Action, Failure, as_text, items_of, parse_event
from sojourn_gateway.ingest.attributes import encode_attributes
from sojourn_gateway.keeping.made import Made, moment_ns, number, span_id, text, trace_id
from sojourn_gateway.model.faults import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sojourn_gateway.ingest.agentops_events import Value

__all__ = ["RESOURCE", "SECTIONS", "is_export", "is_span", "is_trace", "make_row", "make_session", "make_span"]

Told = dict[str, Any]

RESOURCE: Final = {semconv.SERVICE_NAME: "agentops"}
SECTIONS: Final = ("actions", "llms", "tools", "errors", "others")

_OTHERS: Final = frozenset({"agent", "workflow", "retrieval", "chain", "guardrail", "task"})
"""Kinds of steps that `others` tells. A call around the call that counts is told there too, and must not count."""

_STATES: Final = {"success": "Success", "fail": "Fail", "failure": "Fail", "error": "Fail"}
_KINDS: Final = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES: Final = {"OK": Status.STATUS_CODE_OK, "ERROR": Status.STATUS_CODE_ERROR}
_DEEPEST: Final = 40


def is_export(told: Mapping[str, Any], streamed: tuple[str, ...]) -> bool:
    """Whether it is the export of a session."""
    return isinstance(told.get("session"), dict) and any(name in streamed or name in told for name in SECTIONS)


def is_trace(told: Mapping[str, Any], streamed: tuple[str, ...]) -> bool:
    """Whether it is a trace; its spans may have come before."""
    return "trace_id" in told and ("spans" in streamed or "spans" in told) and "span_name" not in told


def is_span(told: Mapping[str, Any]) -> bool:
    """Whether it is a span of a trace."""
    return "span_id" in told and "span_name" in told


def make_session(told: Mapping[str, Any], made: Made) -> None:
    """The facts of a session: begin, host, tags, agents and end. Raises `Malformed`."""
    session = cast("Told", told["session"])
    session_id = text(session, "id", "session_id")
    start_ns = moment_ns(session, "init_timestamp")
    if not session_id or start_ns is None:
        raise Malformed("a session without `id` or `init_timestamp`")
    host, video = _unwrapped(session.get("host_env")), text(session, "video")
    begun: dict[str, Value] = {}
    if isinstance(host, dict) and host:
        begun[semconv.SESSION_HOST] = as_text(cast("Told", host))
    if video:
        begun[semconv.SESSION_VIDEO] = video
    made.add_log(fact(session_id, semconv.SESSION_START, "start import", start_ns, begun))
    if tags := _tags(session.get("tags")):
        said: dict[str, Value] = {semconv.SESSION_TAGS_ADDED: tags}
        made.add_log(fact(session_id, semconv.SESSION_UPDATE, "tags import", start_ns, said))
    agents = session.get("agents")
    for agent_id, name in cast("Told", agents if isinstance(agents, dict) else {}).items():
        agent: dict[str, Value] = {semconv.AGENT_ID: as_text(agent_id), semconv.AGENT_NAME: as_text(name)}
        made.add_log(fact(session_id, semconv.SESSION_UPDATE, f"agent {agent_id}", start_ns, agent))
    end_ns = moment_ns(session, "end_timestamp")
    if end_ns is not None:
        state = _STATES.get(text(session, "end_state").lower(), "Indeterminate")
        ended: dict[str, Value] = {
            semconv.SESSION_END_STATE: state,
            semconv.SESSION_END_REASON: text(session, "end_state_reason"),
            semconv.SESSION_END_EXPLICIT: True,
        }
        made.add_log(fact(session_id, semconv.SESSION_END, "end import", end_ns, ended))


def make_row(section: str, told: Told, session_id: str, made: Made) -> None:
    """A row of a section. Raises `Malformed`."""
    session = text(told, "session_id") or session_id
    if not session:
        raise Malformed("a row without `session_id`, of no session that the file names")
    row = dict(told)
    if section != "others" or not text(row, "event_type"):
        row["event_type"] = section if section != "others" else "actions"
    if section == "errors" and not isinstance(row.get("id"), str):
        # The service counts them; a number alone is no id.
        row["id"] = f"{session} error {as_text(row.get('id'))} {text(row, 'timestamp', 'init_timestamp')}"
    elif not text(row, "id"):
        row["id"] = sha256(as_text(row).encode()).hexdigest()
    if not text(row, "init_timestamp", "timestamp"):
        raise Malformed("a row without a time")
    event = parse_event(row, now_ns=0)
    if isinstance(event.what, Failure):
        made.add_log(error_record(session, event, event.what))
        return
    span = step_of(session, event, event.what)
    kind = text(told, "event_type")
    if section == "others" and kind and isinstance(event.what, Action):
        # The session era has no word for these, and takes each for an action.
        for one in span.attributes:
            if one.key == semconv.KIND:
                one.value.string_value = kind if kind in _OTHERS else "other"
    made.add_span(span)


def make_span(told: Told, in_trace: str, made: Made) -> None:
    """A span of a trace. Raises `Malformed`."""
    start_ns = moment_ns(told, "start_time")
    own = text(told, "span_id")
    in_trace = text(told, "trace_id") or in_trace
    if start_ns is None or not own or not in_trace:
        raise Malformed("a span without `span_id`, `start_time` or a trace")
    end_ns = moment_ns(told, "end_time")
    if end_ns is None:
        end_ns = start_ns + round(number(told.get("duration")) or 0)
    said: Told = {}
    for member in ("attributes", "span_attributes"):
        said |= dict(_flat(told.get(member), ""))
    for name, value in _flat(told.get("resource_attributes"), ""):
        # The resource of all spans of a request is one; what differs is told by the span itself.
        said.setdefault(name, value)
    span = Span(
        trace_id=trace_id(in_trace),
        span_id=span_id(own),
        name=text(told, "span_name"),
        kind=_kind(text(told, "span_kind")),
        start_time_unix_nano=start_ns,
        end_time_unix_nano=max(start_ns, end_ns),
        attributes=encode_attributes(said),
    )
    if parent := text(told, "parent_span_id"):
        span.parent_span_id = span_id(parent)
    if code := _STATUSES.get(text(told, "status_code").upper().removeprefix("STATUS_CODE_")):
        span.status.code, span.status.message = code, text(told, "status_message")
    _add_events(span, told)
    made.add_span(span)


def _add_events(span: Span, told: Told) -> None:
    moments, kept = items_of(told.get("event_timestamps")), items_of(told.get("event_attributes"))
    for index, name in enumerate(items_of(told.get("event_names"))):
        at_ns = moment_ns({"event": moments[index]}, "event") if index < len(moments) else None
        said = dict(_flat(kept[index], "")) if index < len(kept) else {}
        span.events.add(
            name=as_text(name), time_unix_nano=at_ns or span.start_time_unix_nano, attributes=encode_attributes(said)
        )


def _flat(value: Any, name: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Attributes by their whole names, out of the tree in which they are shown."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in cast("Told", value).items():
            yield from _flat(inner, f"{name}.{key}" if name else key, depth + 1)
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in items_of(value)):
        for index, inner in enumerate(items_of(value)):
            yield from _flat(inner, f"{name}.{index}", depth + 1)
    elif name:
        yield name, value


def _kind(said: str) -> Span.SpanKind.ValueType:
    name = said.upper().removeprefix("SPAN_KIND_")
    return Span.SpanKind.Value(f"SPAN_KIND_{name if name in _KINDS else 'INTERNAL'}")


def _tags(value: Any) -> tuple[str, ...]:
    told = _unwrapped(value)
    items = items_of(told) if not isinstance(told, str) else [told]
    return tuple(dict.fromkeys(as_text(one) for one in items if isinstance(one, str) and one))


def _unwrapped(value: Any) -> Any:
    """What a text holds that is JSON of an object or list, as the service wrote it; anything else as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
