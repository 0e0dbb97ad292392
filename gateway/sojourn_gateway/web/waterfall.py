"""The waterfall: every step of a session on one time axis, long idle stretches folded."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

from sojourn_gateway import wording
from sojourn_gateway.model.tree import forest, walk
from sojourn_gateway.web.decided import read_decided
from sojourn_gateway.web.links import session_href
from sojourn_gateway.web.marks import span_cost_mark, step_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sojourn_gateway.model.glance import Glance
    from sojourn_gateway.model.span import Span
    from sojourn_gateway.model.tree import Node
    from sojourn_gateway.web.marks import CostMark

__all__ = ["MOST_ROWS", "ROWS", "Layout", "Scale", "Waterfall", "draw"]

ROWS: Final = 200
"""How many rows a page shows at first, and how many more at a time."""
MOST_ROWS: Final = 2000
"""The most that one answer shows."""
_DEEPEST: Final = 12
_IDLE_NS: Final = 2_000_000_000
_FOLD: Final = 3.0
"""Percent of the axis that a folded stretch takes."""
_LEAST: Final = 0.25
"""Percent that the shortest bar takes, so that it can be seen."""
_STEPS_S: Final = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600,
    7200, 14400, 43200, 86400, 604800,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fold:
    """A stretch in which nothing ran."""

    x: float
    width: float
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A step, or a folded stretch between two turns when `idle` says how long it was."""

    span_id: str
    trace_id: str
    href: str
    name: str
    detail: str
    step: str
    step_label: str
    depth: int
    level: int
    failed: bool
    pending: bool
    errors_below: int
    x: float
    width: float
    duration: str
    starts: str
    tokens: str
    tokens_exactly: str
    cost: CostMark
    chosen: bool
    has_children: bool
    idle: str = ""
    """How long nothing ran before this turn, when that was folded."""


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All that the template draws."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    folds: tuple[Fold, ...]
    first: int
    """Where among all rows the shown ones begin, counted from 0."""
    later: int
    """How many rows follow those that are shown."""
    total: int
    error_after: str
    """The span of the first failed step behind those that are shown; empty when there is none."""


class Layout:
    """All rows of a session in the order in which one reads them, and the axis that they share."""

    def __init__(self, steps: Sequence[Glance], until_ns: int, *, found_alone: bool = False) -> None:
        """Arrange steps; `until_ns` is where those that are unfinished end for now.

        With `found_alone` only those that were looked for have rows.
        """
        self.until_ns = until_ns
        self.scale = Scale(steps, until_ns)
        nodes = list(walk(forest(steps)))
        self.errors = _errors_below(nodes)
        self.nodes = [node for node in nodes if node.span.found] if found_alone else nodes

    def at(self, span_id: str) -> int | None:
        """In which row a span stands."""
        return next((at for at, node in enumerate(self.nodes) if node.span.span_id == span_id), None)

    def shown(self, first: int, count: int) -> list[Glance]:
        """The steps of some rows."""
        return [node.span for node in self.nodes[first : first + count]]


class Stretch(Protocol):
    """What lasts from a start to an end, which is None while it runs."""

    @property
    def start_ns(self) -> int: ...
    @property
    def end_ns(self) -> int | None: ...


class Scale:
    """Where a moment stands on the axis, in percent."""

    def __init__(self, spans: Iterable[Stretch], until_ns: int) -> None:
        busy = _united([(span.start_ns, _end(span, until_ns)) for span in spans])
        self.begin_ns = busy[0][0] if busy else until_ns
        self.end_ns = busy[-1][1] if busy else until_ns
        gaps = [(left[1], right[0]) for left, right in pairwise(busy)]
        active = max(1, self.end_ns - self.begin_ns - sum(stop - start for start, stop in gaps))
        # Folded: longer than two seconds, and so long that they would dwarf the work.
        folded = [(start, stop) for start, stop in gaps if stop - start > max(_IDLE_NS, active / 10)][:20]
        idle = sum(stop - start for start, stop in folded)
        self._per_ns = (100 - _FOLD * len(folded)) / max(1, self.end_ns - self.begin_ns - idle)
        self._edges: list[int] = [self.begin_ns]
        self._places: list[tuple[float, float]] = [(0.0, self._per_ns)]
        for start, stop in folded:
            x = self.at(start)
            self._edges += [start, stop]
            self._places += [(x, _FOLD / (stop - start)), (x + _FOLD, self._per_ns)]
        self.folded = tuple(folded)

    def at(self, time_ns: int) -> float:
        """Percent from the left, between 0 and 100."""
        index = max(0, bisect_right(self._edges, time_ns) - 1)
        x, per_ns = self._places[index]
        return min(100.0, max(0.0, x + (time_ns - self._edges[index]) * per_ns))

    def folds(self) -> tuple[Fold, ...]:
        """The folded stretches."""
        return tuple(
            Fold(round(self.at(start), 3), _FOLD, wording.duration((stop - start) / 1e9)) for start, stop in self.folded
        )

    def ticks(self) -> tuple[Tick, ...]:
        """About six marks at round times since the begin, none inside a fold."""
        seconds = 100 / self._per_ns / 1e9
        step = next((step for step in _STEPS_S if seconds / step <= 7), _STEPS_S[-1])
        step_ns = int(step * 1e9)
        edges = [self.begin_ns, *(edge for fold in self.folded for edge in fold), self.end_ns]
        marks: list[Tick] = []
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            first = -(-(start - self.begin_ns) // step_ns)
            last = (stop - self.begin_ns) // step_ns
            for number in range(first, min(last, first + 20) + 1):
                x = self.at(self.begin_ns + number * step_ns)
                if x <= 97 and (not marks or x - marks[-1].x >= 6):
                    marks.append(Tick(round(x, 3), _tick_label(number * step)))
        return tuple(marks)


def draw(
    session_id: str,
    layout: Layout,
    lines: Mapping[tuple[str, str], Span],
    chosen: tuple[str, str] | None,
    *,
    first: int = 0,
    count: int = ROWS,
    find: str = "",
) -> Waterfall:
    """`count` rows of a session from the row `first` on; `lines` holds what is told of their steps.

    What was looked for with `find` stays in the address of each step.
    """
    nodes = layout.nodes[first : first + count]
    told = [(node, lines[node.span.key]) for node in nodes if node.span.key in lines]
    bars = tuple(
        _bar(session_href(session_id, find=find, span=span.span_id), node, span, layout, chosen) for node, span in told
    )
    failed = next((node.span.span_id for node in layout.nodes[first + count :] if node.span.status == "error"), "")
    return Waterfall(
        _with_idle(bars, [node for node, _ in told], layout.scale),
        layout.scale.ticks(),
        layout.scale.folds(),
        first,
        max(0, len(layout.nodes) - first - count),
        len(layout.nodes),
        failed,
    )


def _bar(href: str, node: Node[Glance], span: Span, layout: Layout, chosen: tuple[str, str] | None) -> Bar:
    scale, until_ns = layout.scale, layout.until_ns
    left = scale.at(span.start_ns)
    decided = read_decided(span)
    width = max(_LEAST, scale.at(_end(span, until_ns)) - left)
    return Bar(
        span_id=span.span_id,
        trace_id=span.trace_id,
        href=href,
        name=_name(span),
        detail=_detail(span) if decided is None else decided.sentence,
        step=span.step if decided is None else decided.kind,
        step_label=step_label(span.step) if decided is None else decided.label,
        depth=min(node.depth, _DEEPEST),
        level=node.depth + 1,
        failed=span.status == "error",
        pending=span.end_ns is None,
        errors_below=layout.errors[node.span.key] if node.depth == 0 else 0,
        x=round(min(left, 100 - width), 3),
        width=round(width, 3),
        duration="running" if span.duration_ns is None else wording.duration(span.duration_ns / 1e9),
        starts=wording.duration((span.start_ns - scale.begin_ns) / 1e9),
        tokens=wording.short_count(span.tokens.total) if span.tokens.total else "",
        tokens_exactly=f"{span.tokens.input:,} in, {span.tokens.output:,} out",
        cost=span_cost_mark(span),
        chosen=chosen == node.span.key,
        has_children=bool(node.children),
    )


def _with_idle(bars: tuple[Bar, ...], nodes: Sequence[Node[Glance]], scale: Scale) -> tuple[Bar, ...]:
    starts = {stop: wording.duration((stop - start) / 1e9) for start, stop in scale.folded}
    return tuple(
        replace(bar, idle=starts[node.span.start_ns]) if node.depth == 0 and node.span.start_ns in starts else bar
        for bar, node in zip(bars, nodes, strict=True)
    )


def _errors_below(nodes: Sequence[Node[Glance]]) -> dict[tuple[str, str], int]:
    """How many steps under each, itself left out, failed."""
    found: dict[tuple[str, str], int] = {}
    for node in reversed(nodes):
        found[node.span.key] = sum(found[child.span.key] + (child.span.status == "error") for child in node.children)
    return found


def _name(span: Span) -> str:
    if span.step == "tool" and span.tool_name:
        return span.tool_name
    if span.step in ("model", "embedding") and span.operation and span.name.startswith(f"{span.operation} "):
        return span.operation
    return span.name or "(unnamed)"


def _detail(span: Span) -> str:
    return span.model if span.step in ("model", "embedding") else ""


def _end(span: Stretch, until_ns: int) -> int:
    return max(span.start_ns, until_ns if span.end_ns is None else span.end_ns)


def _united(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    united: list[tuple[int, int]] = []
    for start, stop in sorted(stretches):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(stop, united[-1][1]))
        else:
            united.append((start, stop))
    return united


def _tick_label(seconds: float) -> str:
    if seconds == 0:
        return "0"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:g} s"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return wording.duration(seconds)
