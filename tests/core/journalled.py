"""What lies in the journals of a home, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sojourn import journal
from sojourn.journal import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


@dataclass
class Journalled:
    """Spans and session events, in the order in which they were written."""

    spans: list[Span] = field(default_factory=list[Span])
    pending: list[Span] = field(default_factory=list[Span])
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])

    def named(self, event: str) -> list[dict[str, Any]]:
        """The attributes of the events of that name."""
        return [attributes for name, attributes in self.events if name == event]


def read_home(home: Path) -> Journalled:
    """Everything in the journals of this home."""
    found = Journalled()
    for path in journal.paths(home / "journal"):
        for frame in journal.read(path)[1]:
            add(found, frame.kind, frame.payload)
    return found


def add(found: Journalled, kind: Kind, payload: bytes) -> None:
    """Decode one OTLP request."""
    if kind is Kind.LOGS:
        for resource_logs in ExportLogsServiceRequest.FromString(payload).resource_logs:
            for scope_logs in resource_logs.scope_logs:
                found.events.extend((record.event_name, plain(record.attributes)) for record in scope_logs.log_records)
        return
    into = found.spans if kind is Kind.TRACES else found.pending
    for resource_spans in ExportTraceServiceRequest.FromString(payload).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            into.extend(scope_spans.spans)


def plain(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as a dict."""
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return None if kind is None else getattr(value, kind)
