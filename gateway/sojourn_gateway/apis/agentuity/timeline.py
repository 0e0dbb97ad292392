"""The spans of a request as one tree of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_gateway.apis.agentuity.times import present_time
from sojourn_gateway.model.tree import Node, forest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sojourn_gateway.model.span import Span
    from sojourn_gateway.model.trace import Trace

__all__ = ["present_timeline"]

_DEEPEST: Final = 150
"""Levels of nodes; what is deeper hangs on the last, since readers of JSON do not take any depth."""
_OURS: Final = frozenset(
    {
        semconv.REQUEST_BEGUN,
        semconv.REQUEST_DONE,
        semconv.EVALUATION_BEGUN,
        semconv.EVALUATION_DONE,
    }
)


def present_timeline(trace: Trace) -> dict[str, Any]:
    """One root. What a runtime told of the request by hand is left out where its spans tell it better."""
    first_ns = trace.summary.start_ns
    roots = forest(_shown(trace.spans))
    main = [root for root in roots if root.span.parent_id is None and not _is_evaluation(root.span)]
    if len(main) != 1:
        return {
            "id": trace.summary.id[:16],
            "operation": trace.summary.name,
            "duration": max(trace.summary.end_ns - first_ns, 0) / 1e6,
            "attributes": {},
            "children": _nodes(roots, first_ns),
            "start_time": present_time(first_ns),
            "offset": 0.0,
        }
    others = [root for root in roots if root is not main[0]]
    (whole,) = _nodes(main, first_ns)
    if others:
        children = [*whole.get("children", ()), *_nodes(others, first_ns)]
        whole["children"] = sorted(children, key=lambda node: node["offset"])
    return whole


def _shown(spans: Sequence[Span]) -> list[Span]:
    told = [span for span in spans if semconv.REQUEST_BEGUN in span.attributes]
    others = [span for span in spans if semconv.REQUEST_BEGUN not in span.attributes]
    tells = any(span.parent_id is None and not _is_evaluation(span) for span in others)
    return others if tells else [*told, *others]


def _is_evaluation(span: Span) -> bool:
    return semconv.EVALUATION_BEGUN in span.attributes


def _nodes(roots: Iterable[Node[Span]], first_ns: int) -> list[dict[str, Any]]:
    """Without recursion, as the trees themselves are made."""
    top: list[dict[str, Any]] = []
    waiting: list[tuple[Node[Span], int, list[dict[str, Any]]]] = [(root, 0, top) for root in roots]
    for node, depth, beside in waiting:
        told = _node(node.span, first_ns)
        beside.append(told)
        under: list[dict[str, Any]] = beside if depth >= _DEEPEST else []
        if node.children and depth < _DEEPEST:
            told["children"] = under
        # The list grows while it is walked: level by level, each in order of start.
        waiting.extend((child, min(depth + 1, _DEEPEST), under) for child in node.children)
    return top


def _node(span: Span, first_ns: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": span.span_id,
        "operation": span.name,
        "duration": max(span.duration_ns or 0, 0) / 1e6,
        "attributes": {key: value for key, value in span.attributes.items() if key not in _OURS},
        "start_time": present_time(span.start_ns),
        "offset": (span.start_ns - first_ns) / 1e6,
    }
    if span.status == "error":
        told["error"] = span.status_message or span.error_type or "error"
    return told
