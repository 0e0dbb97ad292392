"""Where the spans of a trace belong, and which of them count: for traces that one rule for all spans gets wrong."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Node", "Place", "Tree", "place"]

_NO_PARENT: Final = -1
_UNNAMED: Final = -1
_CALLS: Final = 1
_USAGE: Final = 2


@dataclass(frozen=True, slots=True)
class Node:
    """What placing needs of a span."""

    span_id: bytes
    parent_id: bytes
    session_id: str
    start_ns: int
    calls: bool
    """It is a call of a model."""
    usage: bool
    """It is one, and bears usage."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a span belongs and what of it is counted."""

    session_id: str
    """Its own session, else its nearest ancestor's, else its trace's first; empty when the trace has none."""
    counts_call: bool
    """False for a model call around another one: they are one call, seen twice."""
    counts_usage: bool
    """False for usage that a call inside reports too."""


def place(nodes: Sequence[Node]) -> dict[bytes, Place]:
    """The place of each span of one trace."""
    tree = Tree()
    for node in sorted(nodes, key=lambda node: node.span_id):
        tree.add(node)
    return dict(tree.places())


class Tree:
    """The spans of one trace. A span takes some thirty bytes, since a trace may have a million of them."""

    def __init__(self) -> None:
        self._ids: array[int] = array("Q")
        self._parents: array[int] = array("Q")
        self._starts: array[int] = array("Q")
        self._sessions: array[int] = array("q")
        self._flags = bytearray()
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}

    def add(self, node: Node) -> None:
        """Add a span; they come in the order of their ids."""
        self._ids.append(int.from_bytes(node.span_id, "big"))
        self._parents.append(int.from_bytes(node.parent_id, "big"))
        self._starts.append(node.start_ns)
        self._sessions.append(self._number(node.session_id))
        self._flags.append(node.calls * _CALLS + node.usage * _USAGE)

    def places(self) -> Iterator[tuple[bytes, Place]]:
        """The place of each span. A parent that is not there, or is its own descendant, is no parent."""
        parents = array("q", map(self._index, self._parents))
        sessions = self._inherited(parents)
        around_calls, around_usage = self._around(parents, _CALLS), self._around(parents, _USAGE)
        for at, span_id in enumerate(self._ids):
            session = sessions[at]
            yield (
                span_id.to_bytes(8, "big"),
                Place(
                    session_id=self._names[session] if session != _UNNAMED else "",
                    counts_call=bool(self._flags[at] & _CALLS) and not around_calls[at],
                    counts_usage=bool(self._flags[at] & _USAGE) and not around_usage[at],
                ),
            )

    def _number(self, session_id: str) -> int:
        if not session_id:
            return _UNNAMED
        number = self._numbers.setdefault(session_id, len(self._names))
        if number == len(self._names):
            self._names.append(session_id)
        return number

    def _index(self, span_id: int) -> int:
        at = bisect_left(self._ids, span_id)
        return at if at < len(self._ids) and self._ids[at] == span_id else _NO_PARENT

    def _around(self, parents: array[int], flag: int) -> bytearray:
        """Which spans have one with this flag below them; one in a circle, not for the circle alone."""
        found = bytearray(len(parents))
        for at, flags in enumerate(self._flags):
            above = parents[at] if flags & flag else _NO_PARENT
            while above != _NO_PARENT and not found[above] and above != at:
                found[above] = 1
                above = parents[above]
        return found

    def _inherited(self, parents: array[int]) -> array[int]:
        """The session of each span."""
        named = (at for at, session in enumerate(self._sessions) if session != _UNNAMED)
        earliest = min(named, key=lambda at: (self._starts[at], at), default=None)
        first = _UNNAMED if earliest is None else self._sessions[earliest]
        found = array("q", self._sessions)
        done = bytearray(session != _UNNAMED for session in found)
        for begin in range(len(found)):
            path: list[int] = []
            at = begin
            # Marked on the way, so that a circle ends; what it leads to is said behind.
            while at != _NO_PARENT and not done[at]:
                done[at] = 1
                path.append(at)
                at = parents[at]
            session = found[at] if at != _NO_PARENT and found[at] != _UNNAMED else first
            for one in path:
                found[one] = session
        return found
