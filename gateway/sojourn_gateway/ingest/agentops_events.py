"""Events and sessions of AgentOps' session era become OTLP, so that they enter by the same door as everything else.

Ids are computed from the ids that the sender gave, so that what is sent again, or updated, replaces what is there: a
session's events form one trace, whose id is the session's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from sojourn import semconv
from sojourn_gateway.ingest.agentops_rows import Action, Call, Failure, Tool, as_text
from sojourn_gateway.ingest.attributes import encode_attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sojourn_gateway.ingest.agentops_rows import Event, Said
    from sojourn_gateway.model.span import Json

__all__ = [
    "Sender",
    "encode_events",
    "encode_logs",
    "error_record",
    "fact",
    "kept_json",
    "lines_printed",
    "reported_by_developer",
    "span_id_of",
    "step_of",
    "trace_id_of",
]

SERVICE: Final = "agentops"

Value = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose events they are: a session, and the process that sends them."""

    session_id: str
    process: str


def trace_id_of(session_id: str) -> bytes:
    """The trace that holds a session's events: the bytes of a UUID, else of a hash of the id."""
    try:
        found = UUID(session_id).bytes
    except ValueError:
        found = bytes(16)
    return found if any(found) else sha256(session_id.encode()).digest()[:16]


def span_id_of(event_id: str) -> bytes:
    """The span that an event becomes."""
    return sha256(f"event {event_id}".encode()).digest()[:8]


def encode_events(sender: Sender, events: Iterable[Event]) -> tuple[bytes, bytes]:
    """An OTLP request of spans and one of log records; empty when there is nothing for it."""
    spans: list[Span] = []
    records: list[LogRecord] = []
    for event in events:
        if isinstance(event.what, Failure):
            records.append(error_record(sender.session_id, event, event.what))
        else:
            spans.append(step_of(sender.session_id, event, event.what))
    by_resource = ResourceSpans(resource=_resource(sender), scope_spans=[ScopeSpans(scope=_SCOPE, spans=spans)])
    traces = ExportTraceServiceRequest(resource_spans=[by_resource]).SerializeToString() if spans else b""
    return traces, encode_logs(sender, records) if records else b""


def encode_logs(sender: Sender, records: Sequence[LogRecord]) -> bytes:
    """An OTLP request of log records."""
    by_resource = ResourceLogs(resource=_resource(sender), scope_logs=[ScopeLogs(scope=_SCOPE, log_records=records)])
    return ExportLogsServiceRequest(resource_logs=[by_resource]).SerializeToString()


def step_of(session_id: str, event: Event, what: Action | Call | Tool) -> Span:
    """The span of an action, a call of a model or a use of a tool."""
    told: dict[str, Value] = {semconv.SESSION_ID: session_id, semconv.EVENT_ID: event.id}
    if event.agent_id:
        told[semconv.AGENT_ID] = event.agent_id
    asked, replied = semconv.INPUT, semconv.OUTPUT
    match what:
        case Call():
            name = f"chat {what.model}" if what.model else "chat"
            told |= _of_call(what)
        case Tool():
            name = f"execute_tool {what.name}" if what.name else "execute_tool"
            told |= {semconv.OPERATION: semconv.EXECUTE_TOOL, semconv.TOOL_NAME: what.name or "tool"}
            told |= _kept(semconv.LOGS, what.logs)
            if what.cost is not None:
                told[semconv.USAGE_COST] = what.cost
            asked, replied = semconv.TOOL_CALL_ARGUMENTS, semconv.TOOL_CALL_RESULT
        case Action():
            name = what.name
            told[semconv.KIND] = "action"
            told |= _kept(semconv.LOGS, what.logs)
            if what.screenshot:
                told[semconv.SCREENSHOT] = what.screenshot
    told |= _kept(asked, event.params) | _kept(replied, event.returns)
    return Span(
        trace_id=trace_id_of(session_id),
        span_id=span_id_of(event.id),
        name=name,
        kind=Span.SPAN_KIND_CLIENT if isinstance(what, Call) else Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=event.start_ns,
        end_time_unix_nano=event.end_ns,
        attributes=encode_attributes(told),
    )


def error_record(session_id: str, event: Event, what: Failure) -> LogRecord:
    """The log record of an error by hand, at the step that triggered it when that is known."""
    told: dict[str, Value] = {
        semconv.EVENT_ID: event.id,
        semconv.EXCEPTION_TYPE: what.error_type or "Error",
        # No span of the session era has failed: each error is one by itself.
        semconv.ERROR_OWN: True,
    }
    optional = {
        semconv.EXCEPTION_MESSAGE: what.details,
        semconv.EXCEPTION_STACKTRACE: what.stack,
        semconv.ERROR_TYPE: what.code,
        semconv.AGENT_ID: event.agent_id,
        semconv.TRIGGER_ID: what.trigger_id,
        semconv.TRIGGER_TYPE: what.trigger_type,
    }
    told |= {key: value for key, value in optional.items() if value}
    told |= _kept(semconv.INPUT, event.params) | _kept(semconv.OUTPUT, event.returns)
    record = _record(session_id, semconv.EXCEPTION_EVENT, f"event {event.id}", event.start_ns, told)
    record.severity_number = SeverityNumber.SEVERITY_NUMBER_ERROR
    record.severity_text = "ERROR"
    record.trace_id = trace_id_of(session_id)
    if what.trigger_id:
        record.span_id = span_id_of(what.trigger_id)
    return record


def fact(session_id: str, name: str, uid: str, time_ns: int, told: Mapping[str, Value]) -> LogRecord:
    """A fact of a session; told again under the same `uid` it replaces the earlier one."""
    return _record(session_id, name, uid, time_ns, told)


def lines_printed(session_id: str, trace_id: bytes, text: str, start_ns: int) -> list[LogRecord]:
    """What a program printed, line by line. Sent again, longer, each line replaces itself."""
    lines = text.splitlines()
    records: list[LogRecord] = []
    for number, line in enumerate(lines):
        # A nanosecond apart: they came as one text, and keep its order.
        record = _record(session_id, "", f"printed {number}", start_ns + number, {semconv.PRINTED_LINES: len(lines)})
        record.severity_number = SeverityNumber.SEVERITY_NUMBER_INFO
        record.severity_text = "INFO"
        record.trace_id = trace_id
        record.body.CopyFrom(AnyValue(string_value=line))
        records.append(record)
    return records


def reported_by_developer(session_id: str, told: Mapping[str, Json], now_ns: int) -> LogRecord:
    """A fault inside the client's own library, which it reports about itself: no error of the program's."""
    fields = {
        semconv.EXCEPTION_TYPE: told.get("type"),
        semconv.EXCEPTION_STACKTRACE: told.get("stack_trace"),
        semconv.SDK_VERSION: told.get("sdk_version"),
    }
    facts: dict[str, Value] = {key: as_text(value) for key, value in fields.items() if value}
    record = _record(session_id, semconv.CLIENT_FAULT, f"developer {as_text(dict(told))}", now_ns, facts)
    record.severity_number = SeverityNumber.SEVERITY_NUMBER_ERROR
    record.severity_text = "ERROR"
    record.body.CopyFrom(AnyValue(string_value=as_text(told.get("message") or "")))
    return record


def kept_json(value: Json) -> str:
    """A JSON value as text that reads as itself; a text stays bare unless it would read as something else."""
    if not isinstance(value, str):
        return as_text(value)
    try:
        read: Any = json.loads(value)
    except (ValueError, RecursionError):
        return as_text(value)
    # JSON of an object or list inside a text is nearly always meant as what it says.
    return as_text(value) if isinstance(read, dict | list) else json.dumps(value)


def _of_call(what: Call) -> dict[str, Value]:
    told: dict[str, Value] = {semconv.OPERATION: semconv.CHAT}
    if what.model:
        told |= {semconv.REQUEST_MODEL: what.model, semconv.RESPONSE_MODEL: what.model}
    if what.thread_id:
        told[semconv.CONVERSATION_ID] = what.thread_id
    if what.prompt_tokens is not None:
        told[semconv.USAGE_INPUT_TOKENS] = what.prompt_tokens
    if what.completion_tokens is not None:
        told[semconv.USAGE_OUTPUT_TOKENS] = what.completion_tokens
    if what.cost is not None:
        told[semconv.USAGE_COST] = what.cost
    if what.prompt is not None:
        told |= {
            semconv.INPUT_MESSAGES: _messages(what.prompt, "user"),
            semconv.EVENT_PROMPT_FORM: what.prompt.form,
        }
    if what.completion is not None:
        told |= {
            semconv.OUTPUT_MESSAGES: _messages(what.completion, "assistant"),
            semconv.EVENT_COMPLETION_FORM: what.completion.form,
        }
    return told


def _messages(said: Said, role: str) -> str:
    if said.form == "chatml":
        return as_text(list(said.messages))
    return as_text([{"role": role, "parts": [{"type": "text", "content": said.text}]}])


def _kept(key: str, value: Json) -> dict[str, Value]:
    return {} if value is None else {key: kept_json(value)}


def _record(session_id: str, name: str, uid: str, time_ns: int, told: Mapping[str, Value]) -> LogRecord:
    attributes = {
        semconv.SESSION_ID: session_id,
        semconv.LOG_UID: sha256(f"{session_id}\n{uid}".encode()).hexdigest()[:32],
        **told,
    }
    return LogRecord(
        time_unix_nano=time_ns,
        observed_time_unix_nano=time_ns,
        event_name=name,
        attributes=encode_attributes(attributes),
    )


def _resource(sender: Sender) -> Resource:
    return Resource(
        attributes=encode_attributes({semconv.SERVICE_NAME: SERVICE, semconv.SERVICE_INSTANCE_ID: sender.process})
    )


_SCOPE: Final = InstrumentationScope(name=SERVICE)
