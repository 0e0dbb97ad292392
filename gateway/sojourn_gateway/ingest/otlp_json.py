"""OTLP/JSON becomes OTLP protobuf: ids in hex, numbers as text or numbers, enumerations by number or name."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final, cast

from google.protobuf.json_format import ParseDict, ParseError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sojourn_gateway.engine.values import listed
from sojourn_gateway.model.faults import Malformed

if TYPE_CHECKING:
    from sojourn_gateway.ingest.body import Signal

__all__ = ["to_protobuf"]

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


def to_protobuf(signal: Signal, body: bytes) -> bytes:
    """An OTLP/JSON request as protobuf bytes. Raises `Malformed`, saying where it is not one."""
    try:
        parsed: object = json.loads(body)
    except (ValueError, RecursionError) as fault:
        raise Malformed(f"the body is no JSON: {fault}") from fault
    member = "resourceSpans" if signal == "traces" else "resourceLogs"
    snake = "resource_spans" if signal == "traces" else "resource_logs"
    told = cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}
    if not isinstance(told.get(member, told.get(snake)), list):
        raise Malformed(f"the body has no list `{member}`")
    request = ExportTraceServiceRequest() if signal == "traces" else ExportLogsServiceRequest()
    try:
        ParseDict(_mended(told, ""), request, ignore_unknown_fields=True)
        return request.SerializeToString()
    except (ParseError, ValueError, TypeError, RecursionError) as fault:
        raise Malformed(f"the body is no OTLP {signal} request: {fault}") from fault


def _mended(value: Any, place: str, depth: int = 0) -> Any:
    """The same JSON with ids in base64, as protobuf wants them, and short names of enumerations as numbers."""
    if depth > _DEEPEST:
        raise Malformed("the body is nested too deeply")
    if isinstance(value, list):
        return [_mended(item, f"{place}[{index}]", depth + 1) for index, item in enumerate(listed(value))]
    if not isinstance(value, dict):
        return value
    mended: dict[str, Any] = {}
    for key, item in cast("dict[str, Any]", value).items():
        where = f"{place}.{key}" if place else key
        if key in _IDS and isinstance(item, str):
            mended[key] = _base64_of_hex(item, where)
        elif key == "status" and isinstance(item, dict):
            status = cast("dict[str, Any]", item)
            mended[key] = {name: _named(one, _STATUS) if name == "code" else one for name, one in status.items()}
        elif key == "kind":
            mended[key] = _named(item, _KIND)
        else:
            mended[key] = _mended(item, where, depth + 1)
    return mended


def _base64_of_hex(text: str, where: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(text)).decode("ascii")
    except ValueError:
        raise Malformed(f"`{where}` is {text[:80]!r}, not hexadecimal digits") from None


def _named(value: Any, names: dict[str, int]) -> Any:
    return names.get(value.upper(), value) if isinstance(value, str) else value
