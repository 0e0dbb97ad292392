"""Sessions, spans and log lines as a test wants to compare them: plain values, decoded from OTLP."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sojourn import semconv
from sojourn.journal import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

__all__ = ["CapturedEvent", "CapturedLog", "CapturedSession", "CapturedSpan", "Records"]


@dataclass(frozen=True)
class CapturedEvent:
    """Something that happened during a step, such as an exception."""

    name: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class CapturedSpan:
    """One finished step."""

    name: str
    kind: str
    """`internal`, `client`, `server`, `producer` or `consumer`."""
    attributes: dict[str, Any]
    trace_id: str
    span_id: str
    parent: str | None
    """The span id of the step around it."""
    session_id: str | None
    status: str
    """`unset`, `ok` or `error`."""
    status_message: str
    start_ns: int
    end_ns: int
    events: tuple[CapturedEvent, ...] = ()

    @property
    def duration_s(self) -> float:
        """Seconds from its start to its end."""
        return (self.end_ns - self.start_ns) / 1e9

    def content(self, key: str) -> Any:
        """An attribute that holds JSON text, parsed."""
        return json.loads(self.attributes[key])


@dataclass
class CapturedSession:
    """One session, as its events tell it."""

    session_id: str
    joined: bool = False
    name: str | None = None
    tags: list[str] = field(default_factory=list[str])
    end_state: str | None = None
    """None while nobody has ended it."""
    end_state_reason: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    """Everything that its events said, under the names of the attributes; what was said last stands."""


@dataclass(frozen=True)
class CapturedLog:
    """One log line, or an error that was recorded by hand (`event` is then `exception`)."""

    session_id: str | None
    event: str
    severity: str
    message: str | None
    logger: str
    attributes: dict[str, Any]
    time_ns: int
    trace_id: str | None
    span_id: str | None


class Records:
    """OTLP requests, taken apart."""

    def __init__(self) -> None:
        self._spans: dict[str, CapturedSpan] = {}
        self._told: dict[str, tuple[str, LogRecord]] = {}

    def add(self, kind: Kind, payload: bytes) -> None:
        """Take one request. Of a span that is told twice the last word counts; unfinished ones are left out."""
        if kind is Kind.LOGS:
            for resource_logs in ExportLogsServiceRequest.FromString(payload).resource_logs:
                for scope_logs in resource_logs.scope_logs:
                    for record in scope_logs.log_records:
                        uid = str(_plain(record.attributes)[semconv.LOG_UID])
                        self._told[uid] = (scope_logs.scope.name, record)
        elif kind is Kind.TRACES:
            for resource_spans in ExportTraceServiceRequest.FromString(payload).resource_spans:
                for scope_spans in resource_spans.scope_spans:
                    for span in scope_spans.spans:
                        self._spans[span.span_id.hex()] = _span(span)

    def spans(self) -> list[CapturedSpan]:
        """Finished spans in the order of their start."""
        return sorted(self._spans.values(), key=lambda span: span.start_ns)

    def logs(self) -> list[CapturedLog]:
        """Log lines and errors, in the order in which they were written."""
        return [
            _log(scope, record)
            for scope, record in self._told.values()
            if record.event_name in {"", semconv.EXCEPTION_EVENT}
        ]

    def sessions(self) -> list[CapturedSession]:
        """Sessions in the order of their first event."""
        found: dict[str, CapturedSession] = {}
        for _, record in self._told.values():
            facts = _plain(record.attributes)
            session_id = str(facts.pop(semconv.SESSION_ID, ""))
            del facts[semconv.LOG_UID]
            if record.event_name not in {"", semconv.EXCEPTION_EVENT}:
                session = found.setdefault(session_id, CapturedSession(session_id))
                _happened(session, record.event_name, record.time_unix_nano, facts)
        return list(found.values())


def _happened(session: CapturedSession, event: str, time_ns: int, facts: dict[str, Any]) -> None:
    session.facts.update(facts)
    session.name = facts.get(semconv.SESSION_NAME, session.name)
    if semconv.SESSION_TAGS in facts:
        session.tags = list(facts[semconv.SESSION_TAGS])
    session.tags = list(dict.fromkeys([*session.tags, *facts.get(semconv.SESSION_TAGS_ADDED, ())]))
    match event:
        case semconv.SESSION_START:
            session.start_ns = time_ns
        case semconv.SESSION_JOIN:
            session.joined, session.start_ns = True, session.start_ns or time_ns
        case semconv.SESSION_END:
            session.end_ns = time_ns
            session.end_state = facts.get(semconv.SESSION_END_STATE)
            session.end_state_reason = facts.get(semconv.SESSION_END_REASON)
        case _:
            pass


def _span(span: Span) -> CapturedSpan:
    attributes = _plain(span.attributes)
    session_id = attributes.get(semconv.SESSION_ID)
    return CapturedSpan(
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        attributes=attributes,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent=span.parent_span_id.hex() or None,
        session_id=None if session_id is None else str(session_id),
        status=Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_").lower(),
        status_message=span.status.message,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        events=tuple(CapturedEvent(event.name, _plain(event.attributes)) for event in span.events),
    )


def _log(scope: str, record: LogRecord) -> CapturedLog:
    attributes = _plain(record.attributes)
    del attributes[semconv.LOG_UID]
    return CapturedLog(
        session_id=attributes.pop(semconv.SESSION_ID, None),
        event=record.event_name,
        severity=record.severity_text or ("ERROR" if record.severity_number >= 17 else "INFO"),
        message=record.body.string_value if record.HasField("body") else None,
        logger=scope,
        attributes=attributes,
        time_ns=record.time_unix_nano,
        trace_id=record.trace_id.hex() or None,
        span_id=record.span_id.hex() or None,
    )


def _plain(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return None if kind is None else getattr(value, kind)
