"""JSON of any size as a stream of records: a line at a time, or the elements of the lists that a document holds.

Nothing larger than one record is in memory. A record that is no JSON is told and left out; the others come all the
same.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final, cast

from sojourn_gateway.engine.values import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

__all__ = ["Broken", "Head", "Record", "json_pieces"]

_CHUNK: Final = 1024 * 1024
_LONGEST: Final = 64 * 1024 * 1024
"""The most bytes that one record may have."""
_FIRST_LINE: Final = 8 * 1024 * 1024
"""A first line that is longer is a document without line breaks."""
_PEEK: Final = 64
_SPACE: Final = b" \t\r\n"
_MARK: Final = b"\xef\xbb\xbf"
"""What some write before the first byte, to say that it is UTF-8."""
_INSIDE: Final = re.compile(rb'["{}\[\]]')
_IN_TEXT: Final = re.compile(rb'["\\\n]')
_AFTER_LITERAL: Final = re.compile(rb"[,\]}\s]")


@dataclass(frozen=True, slots=True)
class Record:
    """A value of the file: an element of the list that is called `within`, or what stands by itself."""

    place: str
    within: str
    value: Any
    beside: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)
    """What stands in the same object, as far as it was read before."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of an object: its members but for the lists whose elements came before, and the names of those."""

    place: str
    members: dict[str, Any]
    streamed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """What could not be read, and why."""

    place: str
    why: str


def json_pieces(file: IO[bytes], lists: Collection[str]) -> Iterator[Record | Head | Broken]:
    """The records of a file that can be read again from its start.

    A file of lines gives one `Head` for each object that stands in a line, whose lists are given element by element
    just before when `lists` names them. A document gives the elements of its list, or of those lists of its object that
    `lists` names, and then the `Head` of that object.
    """
    start = len(_MARK) if file.read(len(_MARK)) == _MARK else 0
    file.seek(start)
    are_lines = _are_lines(file)
    file.seek(start)
    if are_lines:
        yield from _lines(file, lists)
    else:
        yield from _documents(_Source(file), lists)


def _are_lines(file: IO[bytes]) -> bool:
    if file.read(1) != b"{":
        return False
    line = b"{" + file.readline(_FIRST_LINE)
    if not line.endswith(b"\n"):
        return False
    # Either line tells: one of them may be broken.
    return file.read(_PEEK).lstrip(b"\r\n").startswith(b"{") or _is_json(line)


def _is_json(line: bytes) -> bool:
    try:
        _loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(file: IO[bytes], lists: Collection[str]) -> Iterator[Record | Head | Broken]:
    number = 0
    while line := file.readline(_LONGEST + 1):
        number += 1
        place = f"line {number}"
        if len(line) > _LONGEST:
            yield Broken(place, _too_long())
            while not line.endswith(b"\n") and (line := file.readline(_LONGEST)):
                pass
        elif line.strip():
            yield from _whole(place, line, lists)


def _whole(place: str, text: bytes, lists: Collection[str]) -> Iterator[Record | Head | Broken]:
    """A line as a document of its own."""
    try:
        value = _loads(text)
    except (ValueError, RecursionError) as fault:
        yield Broken(place, f"no JSON: {fault}")
        return
    if not isinstance(value, dict):
        yield Record(place, "", value)
        return
    members = cast("dict[str, Any]", value)
    streamed = [
        name for name in members if name in lists and any(isinstance(one, dict) for one in listed(members[name]))
    ]
    for name in streamed:
        for index, one in enumerate(listed(members.pop(name))):
            yield Record(f"{place}, {name}[{index}]", name, one, members)
    yield Head(place, members, tuple(streamed))


def _documents(source: _Source, lists: Collection[str]) -> Iterator[Record | Head | Broken]:
    """Lists and objects, one behind the other; most files hold one."""
    try:
        while start := source.peek():
            if start == b"[":
                yield from _elements(source, "", {})
            elif start == b"{":
                yield from _members(source, lists)
            else:
                yield Broken(f"byte {source.at}", "neither a list nor an object of JSON; what follows is left out")
                return
    except _Unreadable as fault:
        yield Broken(f"byte {source.at}", f"{fault}; what follows is left out")


def _elements(source: _Source, within: str, beside: Mapping[str, Any]) -> Iterator[Record | Broken]:
    """The elements of the list that comes next."""
    source.take(b"[")
    index = 0
    while source.peek() != b"]":
        if index:
            source.take(b",")
        yield from _parsed(f"{within}[{index}]", within, source.value(), beside)
        index += 1
    source.take(b"]")


def _parsed(place: str, within: str, text: bytes | None, beside: Mapping[str, Any]) -> Iterator[Record | Broken]:
    if text is None:
        yield Broken(place, _too_long())
        return
    try:
        value = _loads(text)
    except (ValueError, RecursionError) as fault:
        yield Broken(place, f"no JSON: {fault}")
        return
    yield Record(place, within, value, beside)


def _members(source: _Source, lists: Collection[str]) -> Iterator[Record | Head | Broken]:
    """The members of the object that comes next. Its head comes also when the file ends too early."""
    members: dict[str, Any] = {}
    streamed: list[str] = []
    source.take(b"{")
    try:
        while source.peek() != b"}":
            if members or streamed:
                source.take(b",")
            name = _name(source)
            source.take(b":")
            if name in lists and source.peek() == b"[":
                streamed.append(name)
                yield from _elements(source, name, members)
                continue
            for told in _parsed(name, name, source.value(), {}):
                if isinstance(told, Record):
                    members[name] = told.value
                else:
                    yield told
                    members[name] = None
        source.take(b"}")
    except _Unreadable:
        yield Head("the document", members, tuple(streamed))
        raise
    yield Head("the document", members, tuple(streamed))


def _loads(text: bytes) -> Any:
    """The value; numbers that JSON lacks are their names."""
    return json.loads(text, parse_constant=str)


def _name(source: _Source) -> str:
    text = source.value() if source.peek() == b'"' else None
    try:
        return str(json.loads(text or b""))
    except ValueError:
        raise _Unreadable("no name of a member stands here") from None


def _too_long() -> str:
    return f"larger than {_LONGEST // _CHUNK} MiB"


class _Unreadable(Exception):
    """From here on nothing can be told apart any more."""


class _Source:
    """Bytes of a file, read as they are needed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._held = bytearray()
        self._here = 0
        self._before = 0
        """Bytes of the file that are not held any more."""
        self._over = False

    @property
    def at(self) -> int:
        """How far the file was read."""
        return self._before + self._here

    def peek(self) -> bytes:
        """The next byte that is no blank; empty at the end."""
        while True:
            while self._here < len(self._held):
                if self._held[self._here] not in _SPACE:
                    return bytes(self._held[self._here : self._here + 1])
                self._here += 1
            if not self._more():
                return b""

    def take(self, expected: bytes) -> None:
        """Go beyond the next byte, which is `expected`."""
        found = self.peek()
        if found != expected:
            told = repr(found.decode("latin-1")) if found else "its end"
            raise _Unreadable(f"the file has {told} where {expected.decode()!r} must stand")
        self._here += 1

    def value(self) -> bytes | None:
        """The text of the value that comes next; None for one that is too long, which is gone beyond."""
        start = self.peek()
        if start == b'"':
            return self._until(lambda at: self._text_end(at + 1))
        if start in (b"{", b"["):
            return self._until(self._nested_end)
        return self._until(self._literal_end)

    def _until(self, find: Callable[[int], int]) -> bytes | None:
        del self._held[: self._here]
        self._before += self._here
        self._here = 0
        self._over = False
        self._here = find(0)
        return None if self._over or self._here > _LONGEST else bytes(self._held[: self._here])

    def _nested_end(self, at: int) -> int:
        depth = 0
        while True:
            byte, at = self._find(_INSIDE, at)
            if byte == b'"':
                at = self._text_end(at)
            elif byte in b"{[":
                depth += 1
            else:
                depth -= 1
                if depth == 0:
                    return at

    def _text_end(self, at: int) -> int:
        while True:
            byte, at = self._find(_IN_TEXT, at)
            if byte == b'"':
                return at
            if byte == b"\n":
                self._here = at
                raise _Unreadable("a text is never closed")
            at += 1

    def _literal_end(self, at: int) -> int:
        _, end = self._find(_AFTER_LITERAL, at)
        if end == 1:
            raise _Unreadable("no value stands here")
        return end - 1

    def _find(self, pattern: re.Pattern[bytes], at: int) -> tuple[bytes, int]:
        """The next byte of the pattern, and where it ends."""
        while (found := pattern.search(self._held, at)) is None:
            if len(self._held) > _LONGEST:
                # Nobody will have it: it is only gone beyond.
                at = max(at - len(self._held), 0)
                self._before += len(self._held)
                self._held.clear()
                self._over = True
            else:
                at = max(at, len(self._held))
            if not self._more():
                self._here = len(self._held)
                raise _Unreadable("the file ends in the middle")
        return bytes(found.group()), found.end()

    def _more(self) -> bool:
        chunk = self._file.read(_CHUNK)
        self._held += chunk
        return bool(chunk)
