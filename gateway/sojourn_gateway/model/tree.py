"""The tree that the spans of a session or trace form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Node", "Placed", "forest", "walk"]


class Placed(Protocol):
    """What a tree needs of a span."""

    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def parent_id(self) -> str | None: ...
    @property
    def start_ns(self) -> int: ...


S = TypeVar("S", bound=Placed)


@dataclass(frozen=True, slots=True)
class Node(Generic[S]):
    """A span and what happened under it, in order of start."""

    span: S
    depth: int
    children: tuple[Node[S], ...]


def forest(spans: Iterable[S]) -> tuple[Node[S], ...]:
    """The roots, in order of start, each with its descendants.

    A span whose parent is not among them is a root. Every span stands in the forest exactly once, also when a broken
    exporter lets parents form a ring: such a ring hangs on its earliest span.
    """
    ordered = sorted(spans, key=lambda span: (span.start_ns, span.span_id))
    known = {(span.trace_id, span.span_id) for span in ordered}
    under: dict[tuple[str, str], list[S]] = {}
    roots: list[S] = []
    for span in ordered:
        if span.parent_id is not None and (span.trace_id, span.parent_id) in known:
            under.setdefault((span.trace_id, span.parent_id), []).append(span)
        else:
            roots.append(span)
    seen: set[tuple[str, str]] = set()
    grown = [_grow(root, under, seen) for root in roots]
    grown += [_grow(span, under, seen) for span in ordered if (span.trace_id, span.span_id) not in seen]
    return tuple(sorted(grown, key=lambda node: (node.span.start_ns, node.span.span_id)))


def walk(nodes: Iterable[Node[S]]) -> Iterator[Node[S]]:
    """Every node, parents before their children, as one reads a tree."""
    waiting = list(nodes)[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def _grow(root: S, under: dict[tuple[str, str], list[S]], seen: set[tuple[str, str]]) -> Node[S]:
    # Without recursion: a trace may be deeper than Python's stack allows.
    order: list[tuple[S, int, list[S]]] = []
    seen.add((root.trace_id, root.span_id))
    waiting = [(root, 0)]
    while waiting:
        span, depth = waiting.pop()
        fresh: list[S] = []
        for child in under.get((span.trace_id, span.span_id), ()):
            if (child.trace_id, child.span_id) not in seen:
                seen.add((child.trace_id, child.span_id))
                fresh.append(child)
        order.append((span, depth, fresh))
        waiting.extend((child, depth + 1) for child in fresh)
    built: dict[tuple[str, str], Node[S]] = {}
    for span, depth, fresh in reversed(order):
        children = tuple(built[child.trace_id, child.span_id] for child in fresh)
        built[span.trace_id, span.span_id] = Node(span, depth, children)
    return built[root.trace_id, root.span_id]
