"""Calls, tokens, cost and latency over time, as a page; each bar leads to the sessions that began then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, get_args

from sojourn_gateway import wording
from sojourn_gateway.model.metrics import GroupBy, MetricsAsk
from sojourn_gateway.query.filters import MOST_FILTER, parse_filter
from sojourn_gateway.web.links import with_query
from sojourn_gateway.web.marks import cost_mark
from sojourn_gateway.web.sessions_page import Choice, sessions_between

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.datastructures import QueryParams

    from sojourn_gateway.model.facts import StoreFacts
    from sojourn_gateway.model.metrics import Bucket, Measure, Metrics
    from sojourn_gateway.web.marks import CostMark

__all__ = ["GROUPS", "MetricsView", "MetricsWish", "parse_metrics_wish", "view_metrics"]

GROUPS: Final = 50
"""How many models, users or tools a page lists."""
_HOUR_NS: Final = 3_600_000_000_000
_DAY_NS: Final = 24 * _HOUR_NS
_RANGES: Final[dict[str, tuple[str, int, Bucket]]] = {
    "24h": ("24 hours", 24 * _HOUR_NS, "hour"),
    "7d": ("7 days", 7 * _DAY_NS, "day"),
    "30d": ("30 days", 30 * _DAY_NS, "day"),
    "90d": ("90 days", 90 * _DAY_NS, "day"),
}
_STEP_NS: Final[dict[Bucket, int]] = {"hour": _HOUR_NS, "day": _DAY_NS}
_GROUPS: Final[tuple[GroupBy, ...]] = get_args(GroupBy)
_BY: Final[dict[str, GroupBy]] = {one: one for one in _GROUPS}
_NOBODY: Final[dict[GroupBy, str]] = {
    "model": "(no model named)",
    "user": "(no user)",
    "tool": "(unnamed)",
    "state": "(no session)",
}


@dataclass(frozen=True, slots=True)
class MetricsWish:
    """What the address asks for."""

    range: str = "24h"
    by: GroupBy = "model"
    filter: str = ""
    """Over steps, in the filter language."""

    def ask(self, now_ns: int) -> MetricsAsk:
        """The question, up to now; its first bucket is whole. Raises `BadFilter`."""
        _, length_ns, bucket = _RANGES[self.range]
        step_ns = _STEP_NS[bucket]
        first_ns = (now_ns // step_ns + 1) * step_ns - length_ns
        where = parse_filter("spans", self.filter) if self.filter else None
        return MetricsAsk(max(first_ns, 0), now_ns, bucket, self.by, where)

    def href(self, **changed: str) -> str:
        """The address of this wish with something changed; what is usual is left out."""
        told = {"range": self.range, "by": self.by, "filter": self.filter} | changed
        usual = {"range": "24h", "by": "model"}
        return with_query("/metrics", {name: "" if usual.get(name) == said else said for name, said in told.items()})


@dataclass(frozen=True, slots=True)
class Column:
    """One stretch of time in a chart: its bars, from the ground up, in percent of the chart's height."""

    x: float
    width: float
    href: str
    title: str
    bars: tuple[tuple[str, float, float], ...]
    """Style, top and height of each."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure over time."""

    title: str
    total: str
    note: str
    bad: bool
    most: str
    """What the highest column stands for."""
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, str], ...]
    """Style and meaning of the parts, when there are several."""


@dataclass(frozen=True, slots=True)
class Group:
    """The calls of one model, user, tool or state."""

    name: str
    href: str | None
    calls: str
    errors: str
    share: float
    """Percent of the largest."""
    tokens_in: str
    tokens_out: str
    cost: CostMark
    half: str
    most: str


@dataclass(frozen=True, slots=True)
class MetricsView:
    """The whole page."""

    wish: MetricsWish
    ranges: tuple[Choice, ...]
    groupings: tuple[Choice, ...]
    fault: str
    charts: tuple[Chart, ...]
    begins: str
    ends: str
    calls: int
    groups: tuple[Group, ...]
    left_out: bool
    """Whether there are smaller groups."""
    store: tuple[tuple[str, str], ...]
    """What is kept, and how it stands with what arrives."""
    unpriced: tuple[str, ...]


def parse_metrics_wish(query: QueryParams) -> MetricsWish:
    """What an address asks for; what it says wrongly counts as not said, as a bookmark may be old."""
    asked_range, by = query.get("range", ""), query.get("by", "")
    return MetricsWish(
        range=asked_range if asked_range in _RANGES else "24h",
        by=_BY.get(by, "model"),
        filter=query.get("filter", "").strip()[:MOST_FILTER],
    )


def view_metrics(
    wish: MetricsWish,
    ask: MetricsAsk,
    metrics: Metrics | None,
    facts: StoreFacts,
    *,
    behind: int,
    now_ns: int,
    fault: str = "",
) -> MetricsView:
    """The page; without `metrics` it says the `fault`. `behind` is how many rows lists do not show yet."""
    groups = () if metrics is None else metrics.groups or ()
    largest = max((measure.requests for _, measure in groups), default=1)
    return MetricsView(
        wish=wish,
        ranges=tuple(Choice(label, wish.href(range=name), name == wish.range) for name, (label, *_) in _RANGES.items()),
        groupings=tuple(Choice(f"By {one}", wish.href(by=one), one == wish.by) for one in _GROUPS),
        fault=fault,
        charts=() if metrics is None else tuple(_charts(ask, metrics)),
        begins=_moment(ask.since_ns, ask.bucket),
        ends="now",
        calls=0 if metrics is None else metrics.summary.requests,
        groups=tuple(_group(wish.by, key, measure, largest) for key, measure in groups[:GROUPS]),
        left_out=len(groups) > GROUPS,
        store=tuple(_store(facts, behind, now_ns)),
        unpriced=facts.unpriced_models,
    )


def _charts(ask: MetricsAsk, metrics: Metrics) -> list[Chart]:
    whole = metrics.summary
    cost = cost_mark(whole.cost, whole.requests)
    percent = 100 * whole.errors / max(whole.requests, 1)
    share = "" if not whole.errors else f", {percent:.1f}%" if percent >= 0.1 else ", less than 0.1%"
    return [
        _chart(
            ask,
            metrics.series,
            "Model calls",
            wording.count(whole.requests),
            f"{wording.plural(whole.errors, 'error')}{share}",
            (("good", "answered", lambda one: one.requests - one.errors), ("bad", "failed", lambda one: one.errors)),
            lambda number: wording.short_count(round(number)),
            bad=whole.errors > 0,
        ),
        _chart(
            ask,
            metrics.series,
            "Tokens",
            wording.short_count(whole.tokens.total),
            _split(whole),
            (("in", "in", lambda one: one.tokens.input), ("out", "out", lambda one: one.tokens.output)),
            lambda number: wording.short_count(round(number)),
        ),
        _chart(
            ask,
            metrics.series,
            "Cost",
            cost.text or "–",
            cost.note,
            (("cost", "", lambda one: float(one.cost.usd or 0)),),
            lambda number: f"${number:.3g}",
        ),
        _chart(
            ask,
            metrics.series,
            "Latency",
            wording.duration(whole.latency.p50 / 1000),
            f"median · 95% within {wording.duration(whole.latency.p95 / 1000)}",
            (
                ("half", "median", lambda one: one.latency.p50),
                ("most", "95% within", lambda one: one.latency.p95 - one.latency.p50),
            ),
            lambda number: wording.duration(number / 1000),
        ),
    ]


def _split(measure: Measure) -> str:
    tokens = measure.tokens
    told = [f"{wording.short_count(tokens.input)} in", f"{wording.short_count(tokens.output)} out"]
    if tokens.cache_read:
        told.append(f"{wording.short_count(tokens.cache_read)} cached")
    if tokens.reasoning:
        told.append(f"{wording.short_count(tokens.reasoning)} reasoning")
    return " · ".join(told)


def _chart(
    ask: MetricsAsk,
    series: Sequence[tuple[int, Measure]],
    title: str,
    total: str,
    note: str,
    parts: tuple[tuple[str, str, Callable[[Measure], float]], ...],
    say: Callable[[float], str],
    *,
    bad: bool = False,
) -> Chart:
    step_ns = _STEP_NS[ask.bucket]
    number = max(1, -(-(ask.until_ns - ask.since_ns) // step_ns))
    highest = max((sum(part(measure) for *_, part in parts) for _, measure in series), default=0.0)
    width = 100 / number
    columns: list[Column] = []
    for start_ns, measure in series:
        ground, bars = 100.0, list[tuple[str, float, float]]()
        for style, _, part in parts:
            height = 100 * part(measure) / highest if highest > 0 else 0.0
            if height > 0:
                ground -= height
                bars.append((style, round(max(ground, 0.0), 2), round(max(height, 0.8), 2)))
        said = ", ".join(f"{say(part(measure))} {name}".rstrip() for _, name, part in parts)
        if title == "Latency":
            said = f"median {say(measure.latency.p50)}, 95% within {say(measure.latency.p95)}"
        columns.append(
            Column(
                x=round((start_ns - ask.since_ns) / step_ns * width, 3),
                width=round(width, 3),
                href=sessions_between(start_ns, start_ns + step_ns),
                title=f"{_moment(start_ns, ask.bucket)}: {said}",
                bars=tuple(bars),
            )
        )
    keys = tuple((style, name) for style, name, _ in parts if name) if len(parts) > 1 else ()
    return Chart(title, total, note, bad, say(highest) if highest else "", tuple(columns), keys)


def _group(by: GroupBy, key: str, measure: Measure, largest: int) -> Group:
    return Group(
        name=key or _NOBODY[by],
        href=_sessions_of(by, key) if key else None,
        calls=wording.count(measure.requests),
        errors=wording.count(measure.errors) if measure.errors else "",
        share=round(100 * measure.requests / max(largest, 1), 2),
        tokens_in=wording.short_count(measure.tokens.input) if measure.tokens.input else "",
        tokens_out=wording.short_count(measure.tokens.output) if measure.tokens.output else "",
        cost=cost_mark(measure.cost, measure.requests),
        half=wording.duration(measure.latency.p50 / 1000),
        most=wording.duration(measure.latency.p95 / 1000),
    )


def _sessions_of(by: GroupBy, key: str) -> str | None:
    match by:
        case "model":
            quoted = key.replace("\\", "\\\\").replace('"', '\\"')
            return with_query("/sessions", {"filter": f'model = "{quoted}"'})
        case "user":
            return with_query("/sessions", {"user": key})
        case "state":
            return with_query("/sessions", {"state": key})
        case "tool":
            return None


def _store(facts: StoreFacts, behind: int, now_ns: int) -> list[tuple[str, str]]:
    kept = ", ".join(
        wording.plural(number, one)
        for number, one in (
            (facts.sessions, "session"),
            (facts.traces, "trace"),
            (facts.spans, "step"),
            (facts.logs, "log line"),
        )
    )
    last = "nothing yet" if facts.last_received_ns is None else wording.ago(facts.last_received_ns, now_ns)
    told = [("Kept", kept), ("Last arrival", last)]
    if behind:
        told.append(("On the way", f"{wording.plural(behind, 'row')} that lists do not show yet"))
    return told


def _moment(time_ns: int, bucket: Bucket) -> str:
    if bucket == "day":
        # Days are those of UTC: a day of another zone is no sum of them.
        return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%d %b %Y} (UTC)".lstrip("0")
    return wording.clock(time_ns).rpartition(":")[0]
