"""What a file of OTLP in protobuf holds, as requests that can be sent: of any file some megabytes are in memory.

A file is one request, of any size, or has the length of each request in front of it. What is broken costs itself where
the format says where the next thing begins, and is told with its place.
"""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from sojourn_gateway.engine import wire
from sojourn_gateway.keeping.made import Left, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn_gateway.ingest.body import Signal

__all__ = ["count_items", "read_prefixed", "read_requests"]

_PIECE: Final = 4 * 1024 * 1024
_MOST_ITEMS: Final = 20_000
"""A request holds about so many bytes, and at most so many spans or log records."""
_LONGEST: Final = 512 * 1024 * 1024
_ITEM: Final = 0x0A
_SCOPES: Final = 2
_ITEMS: Final = 2
"""The fields of a resource that hold its scopes, and of a scope that hold its spans or log records."""
_NOT_OTLP: Final = "it is no OTLP in protobuf, or holds nothing"
_METRICS: Final = "holds neither spans nor log records; points of metrics are sent to /v1/metrics"


class _Broken(Exception):
    """What comes next cannot be told apart any more."""


def read_requests(file: IO[bytes], place: str) -> Iterator[Request | Left]:
    """The requests of a file that is one."""
    gathered: list[bytes] = []
    size = items = number = at = 0
    signal: Signal | None = None
    broken: Left | None = None
    try:
        for begin, resource in _resources(file):
            number, at = number + 1, begin
            where = f"{place}, resource {number} at byte {begin}"
            if signal is None:
                signal = _signal_of(resource)
                if signal is None and _is_metrics(resource):
                    yield Left(place, _METRICS)
                    return
            for piece in _cut(resource):
                count = count_items(signal, wire.bytes_field(1, piece)) if signal else 0
                if not count or signal is None:
                    yield Left(where, _NOT_OTLP, damaged=_ids_as_spans(piece) is None)
                    continue
                if gathered and (size + len(piece) > _PIECE or items + count > _MOST_ITEMS):
                    yield Request(signal, b"".join(gathered), items)
                    gathered, size, items = [], 0, 0
                gathered.append(wire.bytes_field(1, piece))
                size, items = size + len(piece), items + count
    except _Broken as fault:
        broken = Left(f"{place}, behind byte {at}" if number else place, str(fault), damaged=True)
    if gathered and signal is not None:
        yield Request(signal, b"".join(gathered), items)
    if broken is not None:
        yield broken


def read_prefixed(file: IO[bytes], name: str) -> Iterator[Request | Left]:
    """The requests of a file that has the length of each before it, as OpenTelemetry's collector writes them."""
    number = at = 0
    while head := file.read(4):
        number += 1
        place = f"{name}, frame {number} at byte {at}"
        length = int.from_bytes(head, "big")
        if len(head) < 4:
            yield Left(place, "the file ends in the middle of its length", damaged=True)
            return
        if length > _LONGEST:
            why = f"it says to be {length:,} bytes long, as no request is; it and what follows is left out"
            yield Left(place, why, damaged=True)
            return
        at += 4 + length
        request = file.read(length)
        is_told = False
        for item in read_requests(io.BytesIO(request), place):
            is_told = is_told or (isinstance(item, Left) and item.damaged)
            yield item
        # What is there may end where a resource does.
        if len(request) < length and not is_told:
            yield Left(place, "the file ends in the middle of it", damaged=True)


def count_items(signal: Signal, request: bytes) -> int:
    """How many spans or log records a request holds; 0 when it cannot be read."""
    kind = wire.SPANS if signal == "traces" else wire.RECORDS
    try:
        outer: Any = wire.REQUEST.FromString(request)
        read: list[Any] = [kind.FromString(item) for item in outer.items]
    except DecodeError:
        return 0
    return sum(len(scope.items) for one in read for scope in one.scopes)


def _resources(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The resources of a request, and where they begin."""
    at = 0
    while tag := file.read(1):
        if tag[0] != _ITEM:
            raise _Broken("no OTLP in protobuf stands there; what follows is left out")
        begin, length, shift = at, 0, 0
        at += 1
        while True:
            byte = file.read(1)
            if not byte or shift > 35:
                raise _Broken("it ends in the middle of a resource" if not byte else "no OTLP in protobuf stands there")
            at += 1
            length |= (byte[0] & 0x7F) << shift
            shift += 7
            if byte[0] < 0x80:
                break
        if length > _LONGEST:
            raise _Broken(f"a resource says to be {length:,} bytes long; it and what follows is left out")
        resource = file.read(length)
        if len(resource) < length:
            raise _Broken("it ends in the middle of a resource")
        at += length
        yield begin, resource


def _signal_of(resource: bytes) -> Signal | None:
    """Spans begin with an id, log records with a time, metrics with a name: read as spans, log records have no ids."""
    ids = _ids_as_spans(resource)
    if ids is None or (any(ids) and not any(len(one) == 16 for one in ids)):
        return None
    return "traces" if any(ids) else "logs"


def _is_metrics(resource: bytes) -> bool:
    return any(_ids_as_spans(resource) or ())


def _ids_as_spans(resource: bytes) -> list[bytes] | None:
    # Of a large one its first piece tells.
    try:
        spans: Any = wire.SPANS.FromString(next(_cut(resource)))
    except (DecodeError, _Broken):
        return None
    return [span.trace_id for scope in spans.scopes for span in scope.items]


def _cut(resource: bytes) -> Iterator[bytes]:
    """A resource as several, each with some of its spans or log records; as it is when it is not large.

    One that cannot be read comes as it is, too.
    """
    # The least that a span or a log record takes is two bytes.
    if len(resource) <= _MOST_ITEMS * 2:
        yield resource
        return
    fields: list[tuple[int, int, int, int]] = []
    scopes: list[tuple[bytes, list[tuple[int, int]]]] = []
    try:
        fields += _fields(resource, 0, len(resource))
        scopes += [
            (head, items)
            for field, _, begin, end in fields
            if field == _SCOPES
            for head, items in [_scope(resource, begin, end)]
        ]
    except (_Broken, IndexError):
        pass
    number = sum(len(items) for _, items in scopes)
    if not number or (number <= _MOST_ITEMS and len(resource) <= _PIECE):
        yield resource
        return
    beside = b"".join(resource[start:end] for field, start, _, end in fields if field != _SCOPES)
    for head, items in scopes:
        for first, last in _groups(items):
            inside = head + b"".join(resource[start:end] for start, end in items[first:last])
            yield beside + wire.bytes_field(_SCOPES, inside)


def _scope(resource: bytes, begin: int, end: int) -> tuple[bytes, list[tuple[int, int]]]:
    """What a scope says of itself, and where its items stand."""
    items: list[tuple[int, int]] = []
    head: list[bytes] = []
    for number, start, _, stop in _fields(resource, begin, end):
        if number == _ITEMS:
            items.append((start, stop))
        else:
            head.append(resource[start:stop])
    return b"".join(head), items


def _groups(items: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    first = size = 0
    for at, (start, end) in enumerate(items):
        if at > first and (size + end - start > _PIECE or at - first >= _MOST_ITEMS):
            yield first, at
            first, size = at, 0
        size += end - start
    if first < len(items):
        yield first, len(items)


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields of a message: number, where it starts, where its content begins, and where it ends."""
    while at < end:
        start = at
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                begin, (_, at) = at, _varint(data, at)
            case 1:
                begin, at = at, at + 8
            case 2:
                length, begin = _varint(data, at)
                at = begin + length
            case 5:
                begin, at = at, at + 4
            case _:
                raise _Broken
        if at > end:
            raise _Broken
        yield tag >> 3, start, begin, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise _Broken
