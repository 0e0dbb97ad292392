"""Failures that are alike: the same words around other numbers, ids and quotations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.apis.kore.event import Event

__all__ = ["Pattern", "blanked", "find_error_patterns", "present_pattern", "signature_of"]

_LONGEST: Final = 2000
# Each is linear in the text, whatever that is: where one fails, the next try begins behind what it looked at.
_QUOTED: Final = re.compile(r'"[^"\n]*"|`[^`\n]*`|“[^“”\n]*”|(?<!\w)\'[^\'\n]*\'(?!\w)')
_UUID: Final = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_WORD: Final = re.compile(r"\w+")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:[.,:]\d+)*")
_SPACE: Final = re.compile(r"\s+")
_SHORTEST_ID: Final = 8
"""Characters of an id from its first that is no digit: a number is none."""


@dataclass(slots=True)
class Pattern:
    """Failures of one signature."""

    signature: str
    sample: str
    first_ns: int
    last_ns: int
    count: int = 0
    types: set[str] = field(default_factory=set[str])
    span_ids: dict[str, None] = field(default_factory=dict[str, None])


def find_error_patterns(events: Sequence[Event]) -> list[Pattern]:
    """The most frequent first; of equal ones the earlier.

    Each error counts once; a failed call or result counts by itself only where no error tells of the same span.
    """
    told = {(event.trace_id, event.span_id) for event in events if event.type == "error"}
    types: dict[tuple[str, str], set[str]] = {}
    for event in events:
        if event.has_error:
            types.setdefault((event.trace_id, event.span_id), set()).add(event.type)
    found: dict[str, Pattern] = {}
    for event in events:
        key = (event.trace_id, event.span_id)
        if event.type != "error" and not (event.has_error and key not in told):
            continue
        message = _message(event)
        signature = signature_of(message)
        pattern = found.setdefault(signature, Pattern(signature, message, event.timestamp_ns, event.timestamp_ns))
        pattern.count += 1
        pattern.last_ns = event.timestamp_ns
        pattern.types |= types.get(key, {event.type})
        pattern.span_ids[event.span_id] = None
    return sorted(found.values(), key=lambda pattern: -pattern.count)


def signature_of(message: str) -> str:
    """A message with what changes from case to case blanked."""
    return blanked(message[:_LONGEST])


def blanked(told: str) -> str:
    """The same of a text of any length."""
    told = _QUOTED.sub("<text>", told)
    told = _UUID.sub("<id>", told)
    told = _WORD.sub(_without_id, told)
    told = _NUMBER.sub("<n>", told)
    return _SPACE.sub(" ", told).strip()


def _without_id(word: re.Match[str]) -> str:
    """Hexadecimal ids, and those like `req_011CSHoEe`, have digits and letters."""
    told = word[0]
    behind_digits = told.lstrip("0123456789")
    is_id = told.isascii() and len(behind_digits) >= _SHORTEST_ID and any(one.isdigit() for one in told)
    return "<id>" if is_id else told


def present_pattern(pattern: Pattern) -> dict[str, Any]:
    """An item of `errorPatterns`."""
    return {
        "signature": pattern.signature,
        "count": pattern.count,
        "types": sorted(pattern.types),
        "firstAt": _present_time(pattern.first_ns),
        "lastAt": _present_time(pattern.last_ns),
        "sampleMessage": pattern.sample,
        "spanIds": list(pattern.span_ids),
    }


def _message(event: Event) -> str:
    for key in ("message", "error", "details", "code"):
        said = event.data.get(key)
        if isinstance(said, dict):
            said = cast("dict[str, Any]", said).get("message")
        if isinstance(said, str) and said:
            return said[:_LONGEST]
    return f"{event.name} failed"


def _present_time(ns: int) -> str:
    # Whole milliseconds, cut and not rounded, as all times of this contract.
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC).replace(
        microsecond=ns % 1_000_000_000 // 1_000_000 * 1000
    )
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
