"""Lines of logs over all sessions: pages of them by time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.bound import Conditions
from sojourn_gateway.engine.minutes import minute_of
from sojourn_gateway.engine.paging import DEEPEST
from sojourn_gateway.engine.reading import LINE_SAYS, LOG_COLUMNS
from sojourn_gateway.engine.session_events import FACTS
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.log import LinesAsk

__all__ = ["list_lines"]

_LAST_NS: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class _Page:
    """Where in time a page lies."""

    low: int
    high: int
    before: int
    """How many lines of the page's first moment stand on pages before."""


def list_lines(engine: Engine, project: str, ask: LinesAsk) -> tuple[Sequence[Row], int]:
    """A page of lines, their session and `LOG_COLUMNS` of each; and how many there are in all.

    In two passes: one counts, and finds where in time the page lies; the other reads what lies there.
    """
    where = _chosen(project, ask)
    is_deep = ask.offset + ask.limit > DEEPEST
    total, page = _find_deep(engine, where, ask) if is_deep else _find(engine, where, ask)
    if page is None:
        return [], total
    where.add("time_ns >= {low:UInt64} and time_ns <= {high:UInt64}", low=page.low, high=page.high)
    low, high = minute_of(page.low), minute_of(page.high)
    where.add("minute >= {low_minute:UInt32} and minute <= {high_minute:UInt32}", low_minute=low, high_minute=high)
    rows = engine.rows(
        f"""select session_id, {", ".join(LOG_COLUMNS)} from {DATABASE}.logs final where {where}
        order by time_ns {"desc" if ask.descending else "asc"}, uid limit {{limit:UInt64}} offset {{before:UInt64}}""",
        {**where.values, "limit": ask.limit, "before": page.before},
    )
    return rows, total


def _find(engine: Engine, where: Conditions, ask: LinesAsk) -> tuple[int, _Page | None]:
    # In the order of the list: turned over, the newest is the least. The number is not a caller's text.
    told = "bitNot(time_ns)" if ask.descending else "time_ns"
    total, times = engine.rows(
        f"""select count(), groupArraySorted({ask.offset + ask.limit})({told})
        from {DATABASE}.logs final where {where}""",
        where.values,
    )[0]
    if len(times) <= ask.offset:
        return total, None
    first, last = ((_LAST_NS - one if ask.descending else one) for one in (times[ask.offset], times[-1]))
    before = sum(one == times[ask.offset] for one in times[: ask.offset])
    return total, _Page(min(first, last), max(first, last), before)


def _find_deep(engine: Engine, where: Conditions, ask: LinesAsk) -> tuple[int, _Page | None]:
    """The same for a page so far down that its times are no array which the engine would hold."""
    source = f"from {DATABASE}.logs final where {where}"
    times = engine.rows(
        f"""select time_ns {source} order by time_ns {"desc" if ask.descending else "asc"}
        limit {{limit:UInt64}} offset {{offset:UInt64}}""",
        {**where.values, "limit": ask.limit, "offset": ask.offset},
    )
    first, last = (times[0][0], times[-1][0]) if times else (0, 0)
    total, past = engine.rows(
        f"select count(), countIf(time_ns {'>' if ask.descending else '<'} {{first:UInt64}}) {source}",
        {**where.values, "first": first},
    )[0]
    # A line may have come in between.
    return total, _Page(min(first, last), max(first, last), max(ask.offset - past, 0)) if times else None


def _chosen(project: str, ask: LinesAsk) -> Conditions:
    where = Conditions(project=project, events=list(FACTS))
    where.add("project = {project:String}")
    where.add("event not in {events:Array(String)}")
    if ask.session_id is not None:
        where.add("session_id = {session:String}", session=ask.session_id)
    if ask.severity:
        where.add("severity >= {severity:UInt8}", severity=ask.severity)
    if ask.search:
        where.add(LINE_SAYS, search=ask.search)
    if ask.since_ns is not None:
        since = max(ask.since_ns, 0)
        where.add("time_ns >= {since:UInt64} and minute >= {first:UInt32}", since=since, first=minute_of(since))
    if ask.until_ns is not None:
        until = max(ask.until_ns, 0)
        where.add("time_ns <= {until:UInt64} and minute <= {last:UInt32}", until=until, last=minute_of(until))
    return where
