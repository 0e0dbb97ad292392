"""A session that is begun over Kore's API, as the fact of a session that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from sojourn import semconv
from sojourn_gateway.ingest.agentops_events import fact
from sojourn_gateway.ingest.attributes import encode_attributes

if TYPE_CHECKING:
    from sojourn_gateway.ingest.agentops_events import Value

__all__ = ["encode_begun"]

_SERVICE: Final = "kore"


def encode_begun(session_id: str, agent: str, now_ns: int) -> bytes:
    """An OTLP request that begins a session of an agent, after whom it is named."""
    named: dict[str, Value] = {semconv.SESSION_NAME: agent}
    declared: dict[str, Value] = {semconv.AGENT_ID: agent, semconv.AGENT_NAME: agent}
    records = [
        fact(session_id, semconv.SESSION_START, f"start {session_id}", now_ns, named),
        fact(session_id, semconv.SESSION_UPDATE, f"agent {agent}", now_ns, declared),
    ]
    told = ResourceLogs(
        resource=Resource(attributes=encode_attributes({semconv.SERVICE_NAME: _SERVICE})),
        scope_logs=[ScopeLogs(log_records=records)],
    )
    return ExportLogsServiceRequest(resource_logs=[told]).SerializeToString()
