"""Bodies of OTLP, checked and cut into the parts that the engine decodes. Spans are counted, not read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from sojourn import semconv
from sojourn_gateway.engine import wire
from sojourn_gateway.engine.dialects import SESSIONS
from sojourn_gateway.engine.values import as_json, key_values_in
from sojourn_gateway.ingest import limits
from sojourn_gateway.model.faults import Malformed

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["Body", "Signal", "read_body"]

Signal = Literal["traces", "logs"]

_OURS: Final = 16
"""The first number of a field of ours beside the sender's."""
_LARGE_RESOURCE: Final = f"a resource is larger than {limits.LARGEST_RESOURCE // 1024} KiB"
_NO_TRACE: Final = bytes(16)
_NO_SPAN: Final = bytes(8)
_NOT_OTLP: Final = "the body is no OTLP {} request in protobuf"


@dataclass(slots=True)
class _Told:
    """What the sender is told: why spans were left out, and what was cut of others."""

    rejected: Counter[str] = field(default_factory=Counter[str])
    cut: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True, slots=True)
class Body:
    """A request, ready to be written."""

    signal: Signal
    parts: tuple[bytes, ...]
    """Parts of the engine's envelope, each with its tag and length."""
    accepted: int
    rejected: tuple[tuple[int, str], ...]
    """How many spans were left out, and why."""
    warnings: tuple[str, ...] = ()
    """What of the others was cut."""

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
    told = _Told()
    parts: list[bytes] = []
    accepted = 0
    for item in items:
        read = _parse(wire.SPANS if signal == "traces" else wire.RECORDS, item, signal)
        resource: bytes = wire.field(read, "resource")
        number = sum(len(scope.items) for scope in wire.field(read, "scopes"))
        if len(resource) > limits.LARGEST_RESOURCE:
            told.rejected[_LARGE_RESOURCE] += number
            continue
        changed = _without_ours(read)
        within = _within_limits(read, item, told) if signal == "traces" else _records_within_limits(read, told)
        changed = within or changed
        kept = sum(len(scope.items) for scope in wire.field(read, "scopes")) if changed else number
        accepted += kept
        if kept:
            # Written anew only when something was taken out: else the bytes go on as they came.
            content = read.SerializeToString() if changed else item
            parts.append(_part(project, received_ns, resource, content, signal))
    rejected = tuple((count, reason) for reason, count in told.rejected.items())
    warnings = tuple(f"{count} kept in part: {words}" for words, count in told.cut.items())
    return Body(signal, tuple(parts), accepted, rejected, warnings)


def _parse(kind: type[Message], data: bytes, signal: Signal) -> Message:
    try:
        return kind.FromString(data)
    except DecodeError as fault:
        raise Malformed(_NOT_OTLP.format(signal)) from fault


def _without_ours(read: Message) -> bool:
    """Take out fields under the numbers of ours, by which a sender would write into another project."""
    unknown = UnknownFieldSet(read)
    if all(unknown[index].field_number < _OURS for index in range(len(unknown))):
        return False
    plain = type(read)(resource=wire.field(read, "resource"), scopes=wire.field(read, "scopes"))
    read.CopyFrom(plain)
    return True


def _within_limits(spans: Message, item: bytes, told: _Told) -> bool:
    """Take the spans without a valid id out of a message, and cut those that are too large; whether there were any."""
    changed = False
    # The same spans, unread: to ask a read one for its size is to write it.
    unread: Any = wire.RECORDS.FromString(item)
    for scope, scope_unread in zip(wire.field(spans, "scopes"), unread.scopes, strict=True):
        if not scope_unread.items:
            continue
        # Before anything moves: places are those of the unread.
        large = max(map(len, scope_unread.items)) > limits.SUSPECT
        faulty = any(map(_fault, scope.items))
        if large:
            for span, raw in zip(scope.items, scope_unread.items, strict=True):
                if len(raw) > limits.SUSPECT and not _fault(span) and (words := limits.cut_span(span)):
                    changed = True
                    told.cut[words] += 1
        if faulty:
            changed = True
            told.rejected.update(fault for span in scope.items if (fault := _fault(span)))
            kept = [span for span in scope.items if not _fault(span)]
            del scope.items[:]
            scope.items.extend(kept)
    return changed


def _records_within_limits(records: Message, told: _Told) -> bool:
    changed = False
    for scope in wire.field(records, "scopes"):
        for index, record in enumerate(scope.items):
            if len(record) > limits.SUSPECT:
                scope.items[index], words = limits.cut_record(record)
                if words:
                    changed = True
                    told.cut[words] += 1
    return changed


def _fault(span: Any) -> str:  # a message whose class is made at run time
    trace_id, span_id = span.trace_id, span.span_id
    if len(trace_id) != 16:
        return f"a trace id has {len(trace_id)} bytes, not 16"
    if len(span_id) != 8:
        return f"a span id has {len(span_id)} bytes, not 8"
    if trace_id == _NO_TRACE:
        return "a trace id is all zeros"
    return "a span id is all zeros" if span_id == _NO_SPAN else ""


def _part(project: str, received_ns: int, resource: bytes, content: bytes, signal: Signal) -> bytes:
    """A part of the envelope: what the sender sent, behind the fields that are ours."""
    attributes = key_values_in(wire.field(_parse(wire.SHALLOW_ATTRIBUTES, resource, signal), "attributes"))

    def told(key: str) -> str:
        return as_json(attributes.get(key) or "")

    pid = told(semconv.PROCESS_PID)
    process = told(semconv.SERVICE_INSTANCE_ID) or (f"{told(semconv.HOST_NAME)}:{pid}" if pid else "")
    session = next((found for key in SESSIONS if (found := told(key))), "")
    ours = (
        wire.bytes_field(16, project.encode())
        + wire.number_field(17, received_ns)
        + wire.bytes_field(18, told(semconv.SERVICE_NAME).encode())
        + wire.bytes_field(19, process.encode())
        + wire.bytes_field(20, session.encode())
    )
    return b"\x0a" + wire.varint(len(ours) + len(content)) + ours + content
