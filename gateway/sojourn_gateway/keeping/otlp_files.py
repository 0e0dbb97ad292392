"""OTLP as it goes into files: what any OTLP endpoint takes back.

As protobuf a file is one request: requests of one kind, one behind the other, are one request again, so that a file of
any size is written in pieces. As JSON each line is a request, as OpenTelemetry's file exporter writes them.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sojourn import semconv
from sojourn_gateway.engine import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.message import Message

    from sojourn_gateway.ingest.body import Signal

__all__ = ["logs_of", "spans_of", "to_json"]

_ID_FIELDS: Final = frozenset({"traceId", "spanId", "parentSpanId"})


def spans_of(page: Iterable[dict[str, Any]]) -> bytes:
    """Rows of spans as an `ExportTraceServiceRequest`."""
    return _request(page, wire.RESOURCE_SPANS, "scope_spans", "spans", _fill_span)


def logs_of(page: Iterable[dict[str, Any]]) -> bytes:
    """Rows of log records as an `ExportLogsServiceRequest`."""
    return _request(page, wire.RESOURCE_LOGS, "scope_logs", "log_records", _fill_log)


def to_json(signal: Signal, request: bytes) -> bytes:
    """A request as one line of OTLP/JSON. Text that is no UTF-8 is marked, as JSON cannot say it."""
    kind = ExportTraceServiceRequest if signal == "traces" else ExportLogsServiceRequest
    try:
        message = kind.FromString(request)
    except DecodeError:
        message = kind.FromString(_mended(signal, request))
    told = MessageToDict(message, use_integers_for_enums=True)
    return json.dumps(_with_hex_ids(told), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _request(page: Iterable[dict[str, Any]], kind: type[Message], scopes: str, items: str, fill: Any) -> bytes:
    # Any: a function over messages whose classes are made at run time.
    by_resource: dict[bytes, Any] = {}
    by_scope: dict[tuple[Any, ...], Any] = {}
    for row in page:
        resource = row["resource"]
        if resource not in by_resource:
            message: Any = kind()
            message.resource.MergeFromString(resource)
            by_resource[resource] = message
        key = (resource, row["scope"], row["scope_version"], tuple(row["scope_attributes"]))
        if key not in by_scope:
            scope = getattr(by_resource[resource], scopes).add()
            scope.scope.name, scope.scope.version = row["scope"], row["scope_version"]
            for one in row["scope_attributes"]:
                scope.scope.attributes.add().MergeFromString(one)
            by_scope[key] = getattr(scope, items)
        fill(by_scope[key].add(), row)
    return b"".join(wire.bytes_field(1, told) for told in map(_serialised, by_resource.values()))


def _serialised(message: Message) -> bytes:
    return message.SerializeToString()


def _fill_span(span: Any, row: dict[str, Any]) -> None:  # a message whose class is made at run time
    span.trace_id, span.span_id = row["trace_id"], row["span_id"]
    if any(row["parent_id"]):
        span.parent_span_id = row["parent_id"]
    span.trace_state, span.flags = row["trace_state"], row["flags"]
    span.name, span.kind = row["name"], row["kind"]
    span.start_time_unix_nano, span.end_time_unix_nano = row["start_ns"], row["end_ns"]
    if row["status"] or row["status_message"]:
        span.status.code, span.status.message = row["status"], row["status_message"]
    _fill_attributes(span.attributes, row)
    for key, text in row["content"]:
        pair = span.attributes.add(key=key)
        pair.value.string_value = text
    for event in row["events"]:
        span.events.add().MergeFromString(event)
    for link in row["links"]:
        span.links.add().MergeFromString(link)
    span.dropped_attributes_count = row["lost_attributes"]
    span.dropped_events_count, span.dropped_links_count = row["lost_events"], row["lost_links"]


def _fill_log(record: Any, row: dict[str, Any]) -> None:  # as above
    record.time_unix_nano, record.observed_time_unix_nano = row["time_ns"], row["observed_ns"]
    record.severity_number, record.severity_text = row["severity"], row["severity_text"]
    if row["body"]:
        record.body.MergeFromString(row["body"])
    if any(row["trace_id"]):
        record.trace_id = row["trace_id"]
    if any(row["span_id"]):
        record.span_id = row["span_id"]
    _fill_attributes(record.attributes, row)
    # It may have been told by an attribute.
    if row["event"] != dict(row["a_s"]).get(semconv.EVENT_NAME.encode()):
        record.event_name = row["event"]


def _fill_attributes(attributes: Any, row: dict[str, Any]) -> None:  # as above
    for column, member in (("a_s", "string"), ("a_i", "int"), ("a_d", "double"), ("a_b", "bool")):
        for key, value in row[column]:
            setattr(attributes.add(key=key).value, f"{member}_value", value)
    for key, tagged in row["a_x"]:
        value = attributes.add(key=key).value
        letter, data = tagged[:1], tagged[1:]
        if letter == b"a":
            value.array_value.MergeFromString(data)
            value.array_value.SetInParent()
        elif letter == b"k":
            value.kvlist_value.MergeFromString(data)
            value.kvlist_value.SetInParent()
        elif letter == b"x":
            value.bytes_value = data


def _mended(signal: Signal, request: bytes) -> bytes:
    """The request with every text as UTF-8."""
    kind = wire.RESOURCE_SPANS if signal == "traces" else wire.RESOURCE_LOGS
    outer: Any = wire.REQUEST.FromString(request)
    told: list[bytes] = []
    for item in outer.items:
        message = kind.FromString(item)
        _mend(message)
        content = message.SerializeToString()
        told.append(wire.bytes_field(1, content))
    return b"".join(told)


_RAW: Final = frozenset({"trace_id", "span_id", "parent_span_id", "bytes_value"})


def _mend(message: Any) -> None:  # as above
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in _many(value):
                _mend(inner)
        elif isinstance(value, bytes) and field.name not in _RAW:
            setattr(message, field.name, value.decode("utf-8", "replace").encode())


def _many(value: Any) -> Sequence[Any]:
    return (value,) if hasattr(value, "ListFields") else list(value)


def _with_hex_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_hex_ids(one) for one in value]  # pyright: ignore[reportUnknownVariableType]  # JSON
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(one).hex() if key in _ID_FIELDS and isinstance(one, str) else _with_hex_ids(one)
        for key, one in value.items()  # pyright: ignore[reportUnknownVariableType]  # JSON
    }
