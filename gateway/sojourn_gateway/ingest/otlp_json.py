"""OTLP/JSON becomes OTLP protobuf: ids in hex, numbers as text or numbers, enumerations by number or name."""

from __future__ import annotations

import base64
import copy
import json
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from google.protobuf.json_format import ParseDict, ParseError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sojourn_gateway.engine.values import listed
from sojourn_gateway.ingest.json_weight import check_weight
from sojourn_gateway.model.faults import Malformed

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["Sent", "parsed_to_protobuf", "to_protobuf"]

Sent = Literal["traces", "logs", "metrics"]
"""What exporters send."""

_MEMBERS: Final[dict[Sent, tuple[str, str]]] = {
    "traces": ("resourceSpans", "resource_spans"),
    "logs": ("resourceLogs", "resource_logs"),
    "metrics": ("resourceMetrics", "resource_metrics"),
}
_REQUESTS: Final[dict[Sent, type[Message]]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}

_IDS: Final = {
    "traceId": 32,
    "spanId": 16,
    "parentSpanId": 16,
    "trace_id": 32,
    "span_id": 16,
    "parent_span_id": 16,
}
_STATUS: Final = {"UNSET": 0, "OK": 1, "ERROR": 2}
_KIND: Final = {"UNSPECIFIED": 0, "INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
_DEEPEST: Final = 90
"""The protobuf library refuses more than a hundred levels."""


def to_protobuf(signal: Sent, body: bytes) -> bytes:
    """An OTLP/JSON request as protobuf bytes. Raises `Malformed`, saying where it is not one, and `TooLarge`."""
    check_weight(body)
    try:
        parsed: object = json.loads(body)
    except (ValueError, RecursionError) as fault:
        raise Malformed(f"the body is no JSON: {fault}") from fault
    return _converted(signal, parsed)


def parsed_to_protobuf(signal: Sent, parsed: object) -> bytes:
    """As `to_protobuf`, of JSON that is parsed already, and stays as it is."""
    try:
        own = copy.deepcopy(parsed)
    except RecursionError:
        raise Malformed("the body is nested too deeply") from None
    return _converted(signal, own)


def _converted(signal: Sent, parsed: object) -> bytes:
    """The request; what it is made of is changed on the way, since a copy would take as much again."""
    member, snake = _MEMBERS[signal]
    told = cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}
    if not isinstance(told.get(member, told.get(snake)), list):
        raise Malformed(f"the body has no list `{member}`")
    request = _REQUESTS[signal]()
    try:
        _mend(told, "")
        ParseDict(told, request, ignore_unknown_fields=True)
        return request.SerializeToString()
    except (ParseError, ValueError, TypeError, RecursionError) as fault:
        raise Malformed(f"the body is no OTLP {signal} request: {fault}") from fault


def _mend(value: Any, place: str, depth: int = 0) -> None:
    """Make ids base64, as protobuf wants them, and short names of enumerations numbers."""
    if depth > _DEEPEST:
        raise Malformed("the body is nested too deeply")
    if isinstance(value, list):
        for index, item in enumerate(listed(value)):
            _mend(item, f"{place}[{index}]", depth + 1)
    if not isinstance(value, dict):
        return
    members = cast("dict[str, Any]", value)
    for key, item in members.items():
        where = f"{place}.{key}" if place else key
        if key in _IDS and isinstance(item, str):
            members[key] = _base64_of_hex(item, where)
        elif key == "status" and isinstance(item, dict):
            status = cast("dict[str, Any]", item)
            if "code" in status:
                status["code"] = _named(status["code"], _STATUS)
        elif key == "kind":
            members[key] = _named(item, _KIND)
        elif isinstance(item, list | dict):
            _mend(item, where, depth + 1)


def _base64_of_hex(text: str, where: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(text)).decode("ascii")
    except ValueError:
        raise Malformed(f"`{where}` is {text[:80]!r}, not hexadecimal digits") from None


def _named(value: Any, names: dict[str, int]) -> Any:
    return names.get(value.upper(), value) if isinstance(value, str) else value
