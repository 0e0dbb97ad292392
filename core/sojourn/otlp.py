"""Spans and session events as OTLP requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage

from sojourn import semconv
from sojourn.clock import new_uuid
from sojourn.content import as_text, fits_64_bits, utf8
from sojourn.journal import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableSequence, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["Forked", "SessionEvent", "count", "encode_events", "encode_finished", "encode_pending", "halve"]

Value = str | bool | int | float | tuple[str, ...]

SCOPE = "sojourn"


class SessionEvent:
    """Something that happened to a session: it started, was joined, got tags, ended, wrote a log line; or an error."""

    __slots__ = (
        "attributes",
        "body",
        "name",
        "observed_ns",
        "scope",
        "session_id",
        "severity",
        "severity_text",
        "span_id",
        "time_ns",
        "trace_id",
        "uid",
    )

    def __init__(
        self,
        name: str,
        session_id: str,
        time_ns: int,
        attributes: Mapping[str, Value],
        severity: int = SeverityNumber.SEVERITY_NUMBER_INFO,
        trace_id: int = 0,
        span_id: int = 0,
        *,
        severity_text: str = "",
        body: str | None = None,
        scope: str = SCOPE,
        observed_ns: int | None = None,
    ) -> None:
        self.name = name
        self.session_id = session_id
        self.time_ns = time_ns
        self.attributes = attributes
        self.severity = severity
        self.trace_id = trace_id
        self.span_id = span_id
        self.uid = new_uuid().hex
        """Makes a re-sent event the same event."""
        self.severity_text = severity_text
        self.body = body
        self.scope = scope
        """For a log line, the name of its logger."""
        self.observed_ns = observed_ns


class Forked(NamedTuple):
    """What a child says of itself in place of what the process that forked it said."""

    pid: int
    instance: str
    parent: str
    """The parent's instance id."""


def encode_finished(spans: Sequence[ReadableSpan], forked: Forked | None = None) -> bytes:
    """An `ExportTraceServiceRequest` of spans that have ended, in a process that may be a forked child."""
    return bytes(_encoded(spans, forked).SerializeToString())


def encode_pending(spans: Sequence[ReadableSpan], forked: Forked | None = None) -> bytes:
    """An `ExportTraceServiceRequest` of spans as they are now: no end time, and marked as pending."""
    request = _encoded(spans, forked)
    mark = KeyValue(key=semconv.PENDING, value=AnyValue(bool_value=True))
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                span.end_time_unix_nano = 0
                span.attributes.append(mark)
    return bytes(request.SerializeToString())


def encode_events(events: Sequence[SessionEvent], resource: Resource) -> bytes:
    """An `ExportLogsServiceRequest` of session events and log lines."""
    scopes: dict[str, list[SessionEvent]] = {}
    for event in events:
        scopes.setdefault(event.scope, []).append(event)
    request = ExportLogsServiceRequest(
        resource_logs=[
            ResourceLogs(
                resource=ResourceMessage(
                    attributes=[
                        _attribute(key, value if isinstance(value, str | bool | int | float) else str(value))
                        for key, value in resource.attributes.items()
                    ]
                ),
                scope_logs=[
                    ScopeLogs(scope=InstrumentationScope(name=utf8(scope)), log_records=map(_record, told))
                    for scope, told in scopes.items()
                ],
            )
        ]
    )
    return bytes(request.SerializeToString())


def count(kind: Kind, payload: bytes) -> int:
    """How many spans or log records a request holds; 0 when it is none."""
    try:
        return sum(len(records) for records in _records(_parse(kind, payload)))
    except DecodeError:
        return 0


def halve(kind: Kind, payload: bytes) -> tuple[bytes, bytes] | None:
    """The request in two, each with its resource and scope; None when there is but one span or log record in it."""
    try:
        whole = _parse(kind, payload)
    except DecodeError:
        return None
    total = sum(len(records) for records in _records(whole))
    if total < 2:
        return None
    second = _parse(kind, payload)
    left = total // 2
    for first_records, second_records in zip(_records(whole), _records(second), strict=True):
        here = min(left, len(first_records))
        left -= here
        del first_records[here:]
        del second_records[:here]
    return bytes(whole.SerializeToString()), bytes(second.SerializeToString())


def _encoded(spans: Sequence[ReadableSpan], forked: Forked | None) -> ExportTraceServiceRequest:
    request = encode_spans(spans)
    if forked is None:
        return request
    for resource_spans in request.resource_spans:
        for attribute in resource_spans.resource.attributes:
            if attribute.key == semconv.PROCESS_PID:
                attribute.value.int_value = forked.pid
            elif attribute.key == semconv.SERVICE_INSTANCE_ID and attribute.value.string_value == forked.parent:
                attribute.value.string_value = forked.instance
    return request


def _parse(kind: Kind, payload: bytes) -> ExportTraceServiceRequest | ExportLogsServiceRequest:
    if kind is Kind.LOGS:
        return ExportLogsServiceRequest.FromString(payload)
    return ExportTraceServiceRequest.FromString(payload)


def _records(request: ExportTraceServiceRequest | ExportLogsServiceRequest) -> Iterator[MutableSequence[Any]]:
    """The lists in which the spans or log records of a request are."""
    if isinstance(request, ExportLogsServiceRequest):
        for logs in request.resource_logs:
            for scope_logs in logs.scope_logs:
                yield scope_logs.log_records
        return
    for spans in request.resource_spans:
        for scope_spans in spans.scope_spans:
            yield scope_spans.spans


def _record(event: SessionEvent) -> LogRecord:
    return LogRecord(
        time_unix_nano=event.time_ns,
        observed_time_unix_nano=event.observed_ns or event.time_ns,
        severity_number=SeverityNumber.ValueType(event.severity),
        severity_text=utf8(event.severity_text),
        body=None if event.body is None else _any(event.body),
        event_name=event.name,
        trace_id=event.trace_id.to_bytes(16, "big") if event.trace_id else b"",
        span_id=event.span_id.to_bytes(8, "big") if event.span_id else b"",
        attributes=[
            _attribute(semconv.SESSION_ID, event.session_id),
            _attribute(semconv.LOG_UID, event.uid),
            *(_attribute(key, value) for key, value in event.attributes.items()),
        ],
    )


def _attribute(key: str, value: Value) -> KeyValue:
    return KeyValue(key=utf8(key), value=_any(value))


def _any(value: Value) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value) if fits_64_bits(value) else AnyValue(string_value=as_text(value))
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=utf8(value))
        case tuple():
            return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=utf8(item)) for item in value]))
