"""Bodies of OTLP, checked and cut into the parts that the engine decodes. Spans are counted, not read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from sojourn import semconv
from sojourn_gateway.engine import wire
from sojourn_gateway.engine.dialects import SESSIONS
from sojourn_gateway.engine.values import as_json, key_values
from sojourn_gateway.model.faults import Malformed

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["Body", "Signal", "read_body"]

Signal = Literal["traces", "logs"]

_NOT_OTLP: Final = "the body is no OTLP {} request in protobuf"


@dataclass(frozen=True, slots=True)
class Body:
    """A request, ready to be written."""

    signal: Signal
    parts: tuple[bytes, ...]
    """Parts of the engine's envelope, each with its tag and length."""
    accepted: int
    rejected: tuple[tuple[int, str], ...]
    """How many spans were left out, and why."""

    @property
    def size(self) -> int:
        """Bytes that wait in memory while the body does."""
        return sum(map(len, self.parts))


def read_body(signal: Signal, project: str, body: bytes, received_ns: int) -> Body:
    """Cut a request into parts. Raises `Malformed` when it is none; spans without a valid id are left out of it."""
    request = _parse(wire.REQUEST, body, signal)
    items: list[bytes] = list(wire.field(request, "items"))
    if not items and len(UnknownFieldSet(request)) > 0:
        raise Malformed(_NOT_OTLP.format(signal))
    reasons: Counter[str] = Counter()
    parts: list[bytes] = []
    accepted = 0
    for item in items:
        read = _parse(wire.SPANS if signal == "traces" else wire.RECORDS, item, signal)
        refused = _drop_invalid(read, reasons) if signal == "traces" else False
        kept = sum(len(scope.items) for scope in wire.field(read, "scopes"))
        accepted += kept
        if kept:
            resource: bytes = wire.field(read, "resource")
            # Written anew only when a span was taken out: else the bytes go on as they came.
            content = read.SerializeToString() if refused else item
            parts.append(_part(project, received_ns, resource, content, signal))
    return Body(signal, tuple(parts), accepted, tuple((count, reason) for reason, count in reasons.items()))


def _parse(kind: type[Message], data: bytes, signal: Signal) -> Message:
    try:
        return kind.FromString(data)
    except DecodeError as fault:
        raise Malformed(_NOT_OTLP.format(signal)) from fault


def _drop_invalid(spans: Message, reasons: Counter[str]) -> bool:
    """Take the spans without a valid id out of a message; whether there were any."""
    dropped = False
    for scope in wire.field(spans, "scopes"):
        faults = [_fault(span) for span in scope.items]
        if not any(faults):
            continue
        dropped = True
        reasons.update(fault for fault in faults if fault)
        kept = [span for span, fault in zip(scope.items, faults, strict=True) if not fault]
        del scope.items[:]
        scope.items.extend(kept)
    return dropped


def _fault(span: Any) -> str:  # a message whose class is made at run time
    trace_id, span_id = span.trace_id, span.span_id
    if len(trace_id) != 16:
        return f"a trace id has {len(trace_id)} bytes, not 16"
    if len(span_id) != 8:
        return f"a span id has {len(span_id)} bytes, not 8"
    if not any(trace_id):
        return "a trace id is all zeros"
    return "" if any(span_id) else "a span id is all zeros"


def _part(project: str, received_ns: int, resource: bytes, content: bytes, signal: Signal) -> bytes:
    """A part of the envelope: what the sender sent, behind the fields that are ours."""
    attributes = key_values(wire.field(_parse(wire.RESOURCE, resource, signal), "attributes"))

    def told(key: str) -> str:
        return as_json(attributes.get(key) or "")

    pid = told(semconv.PROCESS_PID)
    process = told(semconv.SERVICE_INSTANCE_ID) or (f"{told(semconv.HOST_NAME)}:{pid}" if pid else "")
    session = next((found for key in SESSIONS if (found := told(key))), "")
    ours = (
        _bytes_field(16, project.encode())
        + _varint(17 << 3)
        + _varint(received_ns)
        + _bytes_field(18, told(semconv.SERVICE_NAME).encode())
        + _bytes_field(19, process.encode())
        + _bytes_field(20, session.encode())
    )
    return b"\x0a" + _varint(len(ours) + len(content)) + ours + content


def _bytes_field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
