"""Limits of one span or log record. What is beyond them is left out, and the record says so itself."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from sojourn import semconv
from sojourn_gateway.engine import wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

__all__ = [
    "LARGEST_RESOURCE",
    "LONGEST_NAME",
    "LONGEST_VALUE",
    "MOST_ATTRIBUTES",
    "MOST_EVENTS",
    "MOST_LINKS",
    "SUSPECT",
    "cut_record",
    "cut_span",
]

MOST_ATTRIBUTES: Final = 4_096
"""Of a span or a log record."""
MOST_EVENTS: Final = 4_096
MOST_LINKS: Final = 4_096
LONGEST_NAME: Final = 8 * 1024
"""Bytes of the name of a span, an event or an attribute."""
LONGEST_VALUE: Final = 16 * 1024 * 1024
"""Bytes of one attribute, event or body of a log record."""
LARGEST_RESOURCE: Final = 1024 * 1024
"""Bytes of what is said of a resource."""

SUSPECT: Final = 2 * MOST_ATTRIBUTES
"""A span or record of at most so many bytes is within all limits, whatever it holds: none of it needs a look."""

_TEXT: Final = b"\x0a"
"""The tag of a text in an `AnyValue`."""


def cut_span(span: Message) -> str:
    """Cut a span down to the limits, in place; what was cut, in words, empty for nothing."""
    wide = wire.WIDE_SPAN.FromString(span.SerializeToString())
    cut = _Cut()
    cut.name(wide, "name", "the name of the span")
    cut.attributes(wide)
    cut.list(wide, "events", "lost_events", MOST_EVENTS)
    cut.list(wide, "links", "lost_links", MOST_LINKS)
    return cut.finish(wide, span)


def cut_record(record: bytes) -> tuple[bytes, str]:
    """A log record within the limits, and what was cut of it, in words."""
    wide = wire.WIDE_RECORD.FromString(record)
    cut = _Cut()
    cut.name(wide, "name", "the name of the event")
    cut.attributes(wide)
    body = wire.field(wide, "body")
    if len(body) > LONGEST_VALUE:
        cut.said["the body"] += 1
        setattr(wide, "body", _shortened(body) or b"")  # noqa: B010  # no checker knows the field
    return (wide.SerializeToString(), words) if (words := cut.finish(wide, None)) else (record, "")


class _Cut:
    """What is cut of one span or record."""

    def __init__(self) -> None:
        self.said: Counter[str] = Counter()

    def name(self, wide: Message, field: str, what: str) -> None:
        told: bytes = wire.field(wide, field)
        if len(told) > LONGEST_NAME:
            setattr(wide, field, _head(told, LONGEST_NAME))
            self.said[what] += 1

    def attributes(self, wide: Message) -> None:
        kept: list[bytes] = []
        of_wide: Sequence[bytes] = wire.field(wide, "attributes")
        for pair in of_wide[:MOST_ATTRIBUTES]:
            if len(pair) <= LONGEST_NAME:
                kept.append(pair)
                continue
            within = self._within(pair)
            if within is not None:
                kept.append(within)
        lost = len(of_wide) - len(kept)
        if len(of_wide) > MOST_ATTRIBUTES:
            self.said["attributes"] += len(of_wide) - MOST_ATTRIBUTES
        if lost or self.said:
            del wire.field(wide, "attributes")[:]
            wire.field(wide, "attributes").extend(kept)
            _add(wide, "lost_attributes", lost)

    def list(self, wide: Message, field: str, lost: str, most: int) -> None:
        items: Sequence[bytes] = wire.field(wide, field)
        kept = [item for item in items[:most] if len(item) <= LONGEST_VALUE]
        if len(kept) < len(items):
            self.said[field] += len(items) - len(kept)
            _add(wide, lost, len(items) - len(kept))
            del wire.field(wide, field)[:]
            wire.field(wide, field).extend(kept)

    def finish(self, wide: Message, into: Message | None) -> str:
        """Mark what was cut, and put it back into where it came from; what it was, in words."""
        if not self.said:
            return ""
        words = f"left out or cut: {', '.join(f'{count} {what}' for what, count in self.said.items())}"
        wire.field(wide, "attributes").append(_attribute(semconv.TRUNCATED.encode(), _text(words.encode())))
        if into is not None:
            into.Clear()
            into.MergeFromString(wide.SerializeToString())
        return words

    def _within(self, pair: bytes) -> bytes | None:
        try:
            read = wire.SHALLOW_ATTRIBUTE.FromString(pair)
        except DecodeError:
            # The engine will say so of the whole request.
            return pair
        if len(wire.field(read, "key")) > LONGEST_NAME:
            self.said["attributes with a long name"] += 1
            return None
        value: bytes = wire.field(read, "value")
        if len(value) <= LONGEST_VALUE:
            return pair
        shorter = _shortened(value)
        if shorter is None:
            self.said["long lists or objects"] += 1
            return None
        self.said["long texts"] += 1
        return _attribute(wire.field(read, "key"), shorter)


def _shortened(value: bytes) -> bytes | None:
    """An `AnyValue` with a shorter text; None for a list, an object or bytes, of which no part stands for the whole."""
    if not value.startswith(_TEXT):
        return None
    try:
        # Where an attribute has its key, a value has its text.
        text: bytes = wire.field(wire.SHALLOW_ATTRIBUTE.FromString(value), "key")
    except DecodeError:
        return None
    return _text(_head(text, LONGEST_VALUE))


def _head(text: bytes, most: int) -> bytes:
    """The beginning of a text, without a part of a character at its end."""
    end = most
    while end > most - 4 and text[end] & 0xC0 == 0x80:
        end -= 1
    return text[:end]


def _add(wide: Message, field: str, number: int) -> None:
    total: int = wire.field(wide, field) + number
    setattr(wide, field, min(total, 2**32 - 1))


def _attribute(key: bytes, value: bytes) -> bytes:
    return wire.SHALLOW_ATTRIBUTE(key=key, value=value).SerializeToString()


def _text(text: bytes) -> bytes:
    return wire.ANY_VALUE(string_value=text).SerializeToString()
