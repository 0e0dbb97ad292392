"""Writes OTLP by hand, so that a test says exactly what is sent, and reads back what is kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from sojourn_gateway.engine.values import listed
from sojourn_gateway.model.session import SessionsAsk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.ingest import Ingest, Receipt
    from sojourn_gateway.ingest.body import Signal
    from sojourn_gateway.model.session import Session, SessionSummary
    from sojourn_gateway.query import Queries

T0 = 1_790_000_000_000_000_000
SECOND = 1_000_000_000

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
}


def any_value(value: Any) -> AnyValue:
    """A Python value as OTLP says it."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(one) for one in listed(value)]))
        case _:
            return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))


def key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes as OTLP says them."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def trace_id() -> bytes:
    """A fresh id."""
    return secrets.token_bytes(16)


def span(
    trace: bytes,
    name: str = "step",
    *,
    parent: Span | bytes = b"",
    span_id: bytes | None = None,
    at_s: float = 0,
    lasts_s: float | None = 1,
    attributes: Mapping[str, Any] | None = None,
    error: str | None = None,
    **more: Any,
) -> Span:
    """A span `at_s` seconds after `T0`; one that lasts `None` has not ended."""
    start = T0 + int(at_s * SECOND)
    status = Status(code=Status.STATUS_CODE_ERROR, message=error) if error is not None else None
    return Span(
        trace_id=trace,
        span_id=span_id or secrets.token_bytes(8),
        parent_span_id=parent.span_id if isinstance(parent, Span) else parent,
        name=name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=start,
        end_time_unix_nano=0 if lasts_s is None else start + int(lasts_s * SECOND),
        attributes=key_values(attributes or {}),
        status=status,
        **more,
    )


def usage(input_tokens: int = 100, output_tokens: int = 10, **more: Any) -> dict[str, Any]:
    """Attributes of a model call with usage."""
    return {
        **CHAT,
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
        **more,
    }


def traces(spans: Iterable[Span], resource: Mapping[str, Any] | None = None) -> bytes:
    """A request of spans."""
    by_resource = ResourceSpans(
        resource=Resource(attributes=key_values(resource or {})), scope_spans=[ScopeSpans(spans=spans)]
    )
    return ExportTraceServiceRequest(resource_spans=[by_resource]).SerializeToString()


def event(name: str, session: str, *, at_s: float = 0, uid: str | None = None, **attributes: Any) -> LogRecord:
    """A fact of a session; `__` in an attribute's name stands for a dot."""
    told = {key.replace("__", "."): value for key, value in attributes.items()}
    return LogRecord(
        time_unix_nano=T0 + int(at_s * SECOND),
        event_name=name,
        attributes=key_values({"session.id": session, "log.record.uid": uid or secrets.token_hex(16), **told}),
    )


def logs(records: Iterable[LogRecord], resource: Mapping[str, Any] | None = None) -> bytes:
    """A request of log records."""
    by_resource = ResourceLogs(
        resource=Resource(attributes=key_values(resource or {})), scope_logs=[ScopeLogs(log_records=records)]
    )
    return ExportLogsServiceRequest(resource_logs=[by_resource]).SerializeToString()


def end(session: str, state: str, *, at_s: float, explicit: bool = True, reason: str = "") -> LogRecord:
    """The end of a session."""
    return event(
        "session.end",
        session,
        at_s=at_s,
        sojourn__session__end_state=state,
        sojourn__session__end_state_reason=reason,
        sojourn__session__end_explicit=explicit,
    )


@dataclass(slots=True)
class Store:
    """A project of its own in the shared engine."""

    engine: Engine
    ingest: Ingest
    queries: Queries
    project: str = field(default_factory=lambda: f"p-{secrets.token_hex(6)}")

    def send(self, *spans: Span, resource: Mapping[str, Any] | None = None) -> Receipt:
        """Keep spans."""
        return self.post("traces", traces(spans, resource))

    def tell(self, *records: LogRecord, resource: Mapping[str, Any] | None = None) -> Receipt:
        """Keep log records."""
        return self.post("logs", logs(records, resource))

    def post(self, signal: Signal, body: bytes) -> Receipt:
        """Keep a body, and wait until lists show it: a reader waits some seconds only, a busy machine may take more."""
        receipt = self.ingest.submit_now(signal, self.project, body)
        assert self.engine.settle(300)
        return receipt

    def list(self, **ask: Any) -> Sequence[SessionSummary]:
        """A page of sessions, with all that was kept by now."""
        assert self.engine.settle(300)
        return self.queries.sessions(self.project, SessionsAsk(**ask)).items

    def session(self, session_id: str) -> Session:
        """A session that is there, with all that was kept by now."""
        assert self.engine.settle(300)
        found = self.queries.session(self.project, session_id)
        assert found is not None, session_id
        return found
