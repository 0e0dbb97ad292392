"""Spans and session events as OTLP requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage

from sojourn import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["SessionEvent", "encode_events", "encode_finished", "encode_pending"]

Value = str | bool | int | float | tuple[str, ...]

SCOPE = "sojourn"


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """Something that happened to a session: it started, was joined, got tags, ended; or an error by hand."""

    name: str
    session_id: str
    time_ns: int
    attributes: Mapping[str, Value]
    severity: int = SeverityNumber.SEVERITY_NUMBER_INFO
    trace_id: int = 0
    span_id: int = 0
    uid: str = field(default_factory=lambda: uuid4().hex)
    """Makes a re-sent event the same event."""


def encode_finished(spans: Sequence[ReadableSpan]) -> bytes:
    """An `ExportTraceServiceRequest` of spans that have ended."""
    return bytes(encode_spans(spans).SerializeToString())


def encode_pending(spans: Sequence[ReadableSpan]) -> bytes:
    """An `ExportTraceServiceRequest` of spans as they are now: no end time, and marked as pending."""
    request = encode_spans(spans)
    mark = KeyValue(key=semconv.PENDING, value=AnyValue(bool_value=True))
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                span.end_time_unix_nano = 0
                span.attributes.append(mark)
    return bytes(request.SerializeToString())


def encode_events(events: Sequence[SessionEvent], resource: Resource) -> bytes:
    """An `ExportLogsServiceRequest` of session events."""
    request = ExportLogsServiceRequest(
        resource_logs=[
            ResourceLogs(
                resource=ResourceMessage(
                    attributes=[
                        _attribute(key, value if isinstance(value, str | bool | int | float) else str(value))
                        for key, value in resource.attributes.items()
                    ]
                ),
                scope_logs=[ScopeLogs(scope=InstrumentationScope(name=SCOPE), log_records=map(_record, events))],
            )
        ]
    )
    return bytes(request.SerializeToString())


def _record(event: SessionEvent) -> LogRecord:
    return LogRecord(
        time_unix_nano=event.time_ns,
        observed_time_unix_nano=event.time_ns,
        severity_number=SeverityNumber.ValueType(event.severity),
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
    return KeyValue(key=_utf8(key), value=_any(value))


def _any(value: Value) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=_utf8(value))
        case tuple():
            return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=_utf8(item)) for item in value]))


def _utf8(text: str) -> str:
    # A lone surrogate (a file name, a cut emoji) is legal in a str, and refused by protobuf.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
