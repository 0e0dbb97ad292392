"""Which spans of a trace count, by the rules of the roll-ups: a call seen twice is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sojourn_gateway.model.span import Span

__all__ = ["bears_usage", "counted_usage"]

_MODEL: Final = ("model", "embedding")


def counted_usage(spans: Sequence[Span]) -> set[tuple[str, str]]:
    """The calls whose tokens no call inside them reports too."""
    return _leaves(spans, bears_usage)


def bears_usage(span: Span) -> bool:
    """Whether it is a call of a model with tokens or a cost."""
    return span.step in _MODEL and span.cost_source != "none"


def _leaves(spans: Sequence[Span], chosen: Callable[[Span], bool]) -> set[tuple[str, str]]:
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    found = [span for span in spans if chosen(span)]
    around: set[tuple[str, str]] = set()
    for span in found:
        around.update(_ancestors(span, by_id, around))
    return {(span.trace_id, span.span_id) for span in found} - around


def _ancestors(span: Span, by_id: dict[tuple[str, str], Span], seen: set[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    above: list[tuple[str, str]] = []
    at = by_id.get((span.trace_id, span.parent_id or ""))
    while at is not None and at is not span and (key := (at.trace_id, at.span_id)) not in seen and key not in above:
        above.append(key)
        at = by_id.get((at.trace_id, at.parent_id or ""))
    return above
