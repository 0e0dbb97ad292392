"""OTLP messages as Python reads them: tolerant of text that is not UTF-8, and shallow where depth is not needed.

The generated classes of OTLP refuse a whole body for one bad byte in one text. The classes here are the same messages
with every text declared as bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["ANY_VALUE", "ARRAY", "EVENT", "KEY_VALUES", "LINK", "RECORDS", "REQUEST", "RESOURCE", "SPANS", "field"]

_Field = descriptor_pb2.FieldDescriptorProto


def _tolerant() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2):
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
            message.field.add(
                name=label,
                number=number,
                label=_Field.LABEL_REPEATED if many else _Field.LABEL_OPTIONAL,
                type=_Field.TYPE_MESSAGE if kind else _Field.TYPE_BYTES,
                type_name=f".sojourn.shallow.{kind}" if kind else None,
            )

    declare("Request", ("items", 1, "", True))
    declare("Span", ("trace_id", 1, "", False), ("span_id", 2, "", False))
    declare("SpansOfScope", ("items", 2, "Span", True))
    declare("Spans", ("resource", 1, "", False), ("scopes", 2, "SpansOfScope", True))
    declare("RecordsOfScope", ("items", 2, "", True))
    declare("Records", ("resource", 1, "", False), ("scopes", 2, "RecordsOfScope", True))
    return file


_POOL: Final = _tolerant()


def _class(name: str) -> type[Message]:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(name))


_OTLP: Final = "opentelemetry.proto."
ANY_VALUE: Final = _class(_OTLP + "common.v1.AnyValue")
ARRAY: Final = _class(_OTLP + "common.v1.ArrayValue")
KEY_VALUES: Final = _class(_OTLP + "common.v1.KeyValueList")
RESOURCE: Final = _class(_OTLP + "resource.v1.Resource")
EVENT: Final = _class(_OTLP + "trace.v1.Span.Event")
LINK: Final = _class(_OTLP + "trace.v1.Span.Link")
REQUEST: Final = _class("sojourn.shallow.Request")
SPANS: Final = _class("sojourn.shallow.Spans")
RECORDS: Final = _class("sojourn.shallow.Records")


def field(message: Message, name: str) -> Any:  # what a field holds depends on the message
    """A field of a message whose class was made at run time, so that no checker knows its fields."""
    return getattr(message, name)
