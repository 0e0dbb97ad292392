"""W3C baggage and trace context: the session, its user and the span around, as headers and variables carry them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeGuard
from urllib.parse import quote, unquote

from sojourn import faults, semconv
from sojourn.identity import parse_session_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sojourn.identity import SessionId

__all__ = [
    "BAGGAGE",
    "NAMES",
    "TRACEPARENT",
    "TRACESTATE",
    "Carried",
    "Remote",
    "merged",
    "parsed",
    "read",
    "text_of",
    "texts",
]

BAGGAGE: Final = "baggage"
TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
NAMES: Final = frozenset({BAGGAGE, TRACEPARENT, TRACESTATE})
MAX_BAGGAGE: Final = 8192
"""Bytes that every party must take; most take no more."""
MAX_TRACESTATE: Final = 512
MAX_USER: Final = 512

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE_MEMBER: Final = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=(?=.{1,256}$)[ -+\--<>-~]*[!-+\--<>-~]")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Remote(NamedTuple):
    """A span of another process."""

    trace_id: int
    span_id: int
    flags: int
    state: str = ""
    """What vendors keep beside it, as it came."""

    @property
    def header(self) -> str:
        """It as `traceparent`."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"


class Carried(NamedTuple):
    """What headers or variables said that is well formed."""

    session_id: SessionId | None = None
    user_id: str | None = None
    parent: Remote | None = None


def read(headers: Any) -> Carried:
    """What is carried by headers: a mapping, or pairs of name and value; texts, bytes, or lists of them.

    What is malformed is as if it were not there; that is said once. Raises TypeError for what cannot be headers.
    """
    found = _fields(headers)
    session_id, user_id = _parse_baggage(",".join(found[BAGGAGE]))
    return Carried(session_id, user_id, _parse_parent(found[TRACEPARENT], found[TRACESTATE]))


def parsed(baggage: str, traceparent: str, tracestate: str) -> Carried:
    """The same, from three texts that may be empty."""
    session_id, user_id = _parse_baggage(baggage)
    return Carried(session_id, user_id, _parse_parent([traceparent] if traceparent else [], [tracestate]))


def merged(baggage: str, facts: Mapping[str, str]) -> str:
    """A `baggage` header with these facts in place of what it said of them; what others put there stays.

    Ours come first. When it would grow beyond what every party takes, the last of the others give way.
    """
    members = [f"{name}={quote(value, safe='')}" for name, value in facts.items()]
    size = len(",".join(members))
    for member in baggage.split(","):
        member = member.strip(" \t")
        if not member or _name(member) in facts:
            continue
        size += len(member.encode("utf-8", "replace")) + 1
        if size > MAX_BAGGAGE:
            faults.trouble("w3c.full", f"baggage is full ({MAX_BAGGAGE} bytes): the last of what others put there goes")
            break
        members.append(member)
    return ",".join(members)


def _parse_baggage(header: str) -> tuple[SessionId | None, str | None]:
    if semconv.SESSION_ID not in header and semconv.USER_ID not in header:
        return None, None
    if len(header.encode("utf-8", "replace")) > MAX_BAGGAGE:
        _ignored(BAGGAGE, f"it has more than {MAX_BAGGAGE} bytes")
        return None, None
    # A later one was put there by somebody nearer to us.
    told = {_name(member): member for member in header.split(",")}
    try:
        session = _value(told.get(semconv.SESSION_ID))
        session_id = None if session is None else parse_session_id(session)
    except ValueError as fault:
        _ignored(semconv.SESSION_ID, str(fault))
        session_id = None
    try:
        user_id = _value(told.get(semconv.USER_ID)) or None
    except ValueError as fault:
        _ignored(semconv.USER_ID, str(fault))
        user_id = None
    if user_id is not None and len(user_id) > MAX_USER:
        _ignored(semconv.USER_ID, f"it has more than {MAX_USER} characters")
        user_id = None
    return session_id, user_id


def _name(member: str) -> str:
    return member.partition("=")[0].strip(" \t")


def _value(member: str | None) -> str | None:
    """The value of a member, without its properties. Raises ValueError."""
    if member is None:
        return None
    raw = member.partition("=")[2].partition(";")[0].strip(" \t")
    if not raw.isascii() or _BROKEN_ESCAPE.search(raw):
        raise ValueError("it is not percent-encoded as W3C baggage is")
    text = unquote(raw, errors="strict")
    if _CONTROL.search(text):
        raise ValueError("it holds control characters")
    return text


def _parse_parent(given: list[str], states: list[str]) -> Remote | None:
    if not given:
        return None
    text = given[0].strip(" \t")
    matched = _TRACEPARENT.fullmatch(text) if len(given) == 1 and len(text) <= MAX_TRACESTATE else None
    if matched is None or matched[1] == "ff" or (matched[1] == "00" and matched[5]):
        _ignored(TRACEPARENT, f"{len(given)} values" if len(given) > 1 else repr(text[:80]))
        return None
    remote = Remote(int(matched[2], 16), int(matched[3], 16), int(matched[4], 16), _parse_state(",".join(states)))
    if not remote.trace_id or not remote.span_id:
        _ignored(TRACEPARENT, "its ids are noughts")
        return None
    return remote


def _parse_state(text: str) -> str:
    """`tracestate` when all of it is well formed, else nothing, as W3C wants it."""
    members = [member.strip(" \t") for member in text.split(",") if member.strip(" \t")]
    if len(text) > MAX_TRACESTATE or len(members) > 32 or not all(map(_STATE_MEMBER.fullmatch, members)):
        return ""
    return ",".join(members)


def _ignored(what: str, why: str) -> None:
    faults.trouble(f"w3c.{what}", f"{what} came in a form that is not understood, and is ignored ({why})")


def _fields(headers: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {BAGGAGE: [], TRACEPARENT: [], TRACESTATE: []}
    for name, value in _pairs(headers):
        # WSGI hands headers over as variables with this prefix.
        known = text_of(name).lower().removeprefix("http_")
        if known in found:
            found[known].extend(texts(value))
    return found


def _pairs(headers: Any) -> Iterator[tuple[object, object]]:
    # Those of some libraries keep several values of a name apart; those of others are no mapping, but have items.
    for name in ("multi_items", "items"):
        items: Any = getattr(headers, name, None)
        if callable(items):
            pairs: Any = items()
            yield from pairs
            return
    if isinstance(headers, str | bytes) or not hasattr(headers, "__iter__"):
        raise TypeError(f"headers must be a mapping or pairs of name and value, not {type(headers).__name__}")
    yield from filter(_is_pair, headers)


def texts(value: object) -> list[str]:
    """The values of a header: one, or a list of them."""
    return [text for text in map(text_of, value if _is_many(value) else [value]) if text]


def text_of(value: object) -> str:
    """A name or value of a header as text; empty for what is neither text nor bytes."""
    if isinstance(value, bytes | bytearray):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def _is_many(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(value, list | tuple)


def _is_pair(value: Any) -> TypeGuard[tuple[object, object]]:
    return isinstance(value, list | tuple) and len(value) == 2  # pyright: ignore[reportUnknownArgumentType]  # items of any kind
