"""Where the spans of a trace belong, and which of them count: for traces that one rule for all spans gets wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Node", "Place", "place"]

NO_SPAN = bytes(8)


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
    """The place of each span of one trace. A parent that is not there, or is its own descendant, is no parent."""
    by_id = {node.span_id: node for node in nodes}
    named = [node for node in nodes if node.session_id]
    first = min(named, key=lambda node: (node.start_ns, node.span_id)).session_id if named else ""
    inner_calls = _ancestors(by_id, (node for node in nodes if node.calls))
    inner_usage = _ancestors(by_id, (node for node in nodes if node.usage))
    sessions: dict[bytes, str] = {}
    for node in nodes:
        _inherit(by_id, node, first, sessions)
    return {
        node.span_id: Place(
            session_id=sessions[node.span_id],
            counts_call=node.calls and node.span_id not in inner_calls,
            counts_usage=node.usage and node.span_id not in inner_usage,
        )
        for node in nodes
    }


def _ancestors(by_id: Mapping[bytes, Node], nodes: Iterable[Node]) -> set[bytes]:
    """The ids of all ancestors of the nodes; of a node in a circle, never the node itself through the circle alone."""
    found: set[bytes] = set()
    for node in nodes:
        parent = by_id.get(node.parent_id)
        while parent is not None and parent.span_id not in found and parent is not node:
            found.add(parent.span_id)
            parent = by_id.get(parent.parent_id)
    return found


def _inherit(by_id: Mapping[bytes, Node], node: Node, first: str, sessions: dict[bytes, str]) -> None:
    path: list[bytes] = []
    walked: set[bytes] = set()
    at: Node | None = node
    session = first
    while at is not None and at.span_id not in walked:
        if at.session_id or at.span_id in sessions:
            session = at.session_id or sessions[at.span_id]
            path.append(at.span_id)
            break
        path.append(at.span_id)
        walked.add(at.span_id)
        at = by_id.get(at.parent_id)
    for span_id in path:
        sessions.setdefault(span_id, session)
