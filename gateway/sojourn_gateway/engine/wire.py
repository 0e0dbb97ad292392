"""OTLP messages as Python reads them: tolerant of text that is not UTF-8, and shallow where depth is not needed.

The generated classes of OTLP refuse a whole body for one bad byte in one text. The classes here are the same messages
with every text declared as bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = [
    "ANY_VALUE",
    "ARRAY",
    "EVENT",
    "KEY_VALUE",
    "KEY_VALUES",
    "METRICS",
    "RECORDS",
    "REQUEST",
    "RESOURCE",
    "RESOURCE_LOGS",
    "RESOURCE_SPANS",
    "SHALLOW_LINK",
    "SHALLOW_VALUE",
    "SPANS",
    "bytes_field",
    "field",
    "number_field",
    "varint",
]

_Field = descriptor_pb2.FieldDescriptorProto

_PLAIN: Final = {"": _Field.TYPE_BYTES, "count": _Field.TYPE_UINT32, "time": _Field.TYPE_FIXED64}


def _tolerant() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, logs_pb2, metrics_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            _soften(message)
        pool.Add(file)
    pool.Add(_shallow())
    return pool


def _soften(message: descriptor_pb2.DescriptorProto) -> None:
    for member in message.field:
        if member.type == _Field.TYPE_STRING:
            member.type = _Field.TYPE_BYTES
    for inner in message.nested_type:
        _soften(inner)


def _shallow() -> descriptor_pb2.FileDescriptorProto:
    """Requests down to the ids of their spans. What is not declared is kept, unread, as unknown fields."""
    file = descriptor_pb2.FileDescriptorProto(name="sojourn/shallow.proto", package="sojourn.shallow", syntax="proto3")

    def declare(name: str, *members: tuple[str, int, str, bool]) -> None:
        message = file.message_type.add(name=name)
        for label, number, kind, many in members:
            plain = _PLAIN.get(kind)
            message.field.add(
                name=label,
                number=number,
                label=_Field.LABEL_REPEATED if many else _Field.LABEL_OPTIONAL,
                type=_Field.TYPE_MESSAGE if plain is None else plain,
                type_name=f".sojourn.shallow.{kind}" if plain is None else None,
            )

    declare("Request", ("items", 1, "", True))
    declare("Span", ("trace_id", 1, "", False), ("span_id", 2, "", False))
    declare("SpansOfScope", ("items", 2, "Span", True))
    declare("Spans", ("resource", 1, "", False), ("scopes", 2, "SpansOfScope", True))
    declare("RecordsOfScope", ("items", 2, "", True))
    declare("Records", ("resource", 1, "", False), ("scopes", 2, "RecordsOfScope", True))
    declare(
        "WideSpan",
        ("name", 5, "", False),
        ("attributes", 9, "", True),
        ("lost_attributes", 10, "count", False),
        ("events", 11, "", True),
        ("lost_events", 12, "count", False),
        ("links", 13, "", True),
        ("lost_links", 14, "count", False),
    )
    declare(
        "WideRecord",
        ("body", 5, "", False),
        ("attributes", 6, "", True),
        ("lost_attributes", 7, "count", False),
        ("name", 12, "", False),
    )
    declare("Attribute", ("key", 1, "", False), ("value", 2, "", False))
    declare("Attributes", ("attributes", 1, "", True))
    declare("Event", ("time", 1, "time", False), ("name", 2, "", False), ("attributes", 3, "", True))
    declare("Link", ("trace_id", 1, "", False), ("span_id", 2, "", False), ("attributes", 4, "", True))
    one_level = file.message_type.add()
    common_pb2.AnyValue.DESCRIPTOR.CopyToProto(one_level)
    _soften(one_level)
    for member in one_level.field:
        if member.type == _Field.TYPE_MESSAGE:
            member.type = _Field.TYPE_BYTES
            member.ClearField("type_name")
    return file


_POOL: Final = _tolerant()


def _class(name: str) -> type[Message]:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(name))


_OTLP: Final = "opentelemetry.proto."
ANY_VALUE: Final = _class(_OTLP + "common.v1.AnyValue")
ARRAY: Final = _class(_OTLP + "common.v1.ArrayValue")
KEY_VALUE: Final = _class(_OTLP + "common.v1.KeyValue")
KEY_VALUES: Final = _class(_OTLP + "common.v1.KeyValueList")
RESOURCE: Final = _class(_OTLP + "resource.v1.Resource")
RESOURCE_SPANS: Final = _class(_OTLP + "trace.v1.ResourceSpans")
RESOURCE_LOGS: Final = _class(_OTLP + "logs.v1.ResourceLogs")
EVENT: Final = _class(_OTLP + "trace.v1.Span.Event")
METRICS: Final = _class(_OTLP + "metrics.v1.MetricsData")
REQUEST: Final = _class("sojourn.shallow.Request")
SPANS: Final = _class("sojourn.shallow.Spans")
RECORDS: Final = _class("sojourn.shallow.Records")
WIDE_SPAN: Final = _class("sojourn.shallow.WideSpan")
WIDE_RECORD: Final = _class("sojourn.shallow.WideRecord")
SHALLOW_ATTRIBUTE: Final = _class("sojourn.shallow.Attribute")
SHALLOW_ATTRIBUTES: Final = _class("sojourn.shallow.Attributes")
SHALLOW_EVENT: Final = _class("sojourn.shallow.Event")
SHALLOW_LINK: Final = _class("sojourn.shallow.Link")
SHALLOW_VALUE: Final = _class("sojourn.shallow.AnyValue")


def field(message: Message, name: str) -> Any:  # what a field holds depends on the message
    """A field of a message whose class was made at run time, so that no checker knows its fields."""
    return getattr(message, name)


def varint(value: int) -> bytes:
    """A whole number from 0 as protobuf writes it: seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(number: int, value: int) -> bytes:
    """A field that holds a whole number."""
    return varint(number << 3) + varint(value)


def bytes_field(number: int, data: bytes) -> bytes:
    """A field that holds bytes, a text or a message."""
    return varint(number << 3 | 2) + varint(len(data)) + data
