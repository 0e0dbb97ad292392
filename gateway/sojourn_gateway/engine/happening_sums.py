"""Events counted, and found, over all sessions of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.bound import Conditions
from sojourn_gateway.engine.happenings import agents_of, happenings
from sojourn_gateway.engine.minutes import LAST_MINUTE, minute_of
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.told import channels
from sojourn_gateway.model.happening import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.engine.happenings import Spoken
    from sojourn_gateway.model.happening import Group, HappeningsAsk

__all__ = ["list_happenings", "sum_happenings"]

_HOUR_NS: Final = 3_600_000_000_000
_DAY_NS: Final = 24 * _HOUR_NS
_USUAL: Final = "api"
_KEYS: Final[Mapping[Group, str]] = {
    "category": f"transform(type, {list(CATEGORIES)}, {list(CATEGORIES.values())}, '')",
    "event_type": "type",
    "agent_name": "agent",
    "channel": "channel",
    "hour": f"intDiv(moment_ns, {_HOUR_NS}) * {_HOUR_NS}",
    "day": f"intDiv(moment_ns, {_DAY_NS}) * {_DAY_NS}",
}


def sum_happenings(
    engine: Engine, project: str, ask: HappeningsAsk, spoken: Spoken, groups: Sequence[Group], *, priced: bool
) -> tuple[Sequence[Row], int]:
    """The keys of each group, in their order, with count, failed, mean, 95th percentile, tokens and cost.

    Behind them how many groups there are.
    """
    where, source, front = _chosen(engine, project, ask, spoken, groups, priced=priced)
    keys = [f"{_KEYS[group]} as key_{rank}" for rank, group in enumerate(groups)]
    named = [f"key_{rank}" for rank in range(len(groups))]
    # A group holds nothing when all that it has are tokens of calls around other ones.
    grouped = f"""from (
        select {", ".join((*named, *(f"{told} as sum_{rank}" for rank, told in enumerate(_sums()))))}
        from (select *, {", ".join(keys) or "1"} from ({source}) where {where})
        {f"group by {', '.join(named)}" if named else ""} having sum_0 > 0)"""
    told = ", ".join((*named, *(f"sum_{rank}" for rank in range(len(_sums())))))
    rows = engine.rows(
        f"""{front}select {told}, count() over () {grouped} order by {", ".join(named) or "sum_0"}
        limit {{limit:UInt64}} offset {{offset:UInt64}}""",
        {**where.values, "limit": ask.limit, "offset": ask.offset},
    )
    return [row[:-1] for row in rows], rows[0][-1] if rows else 0


def list_happenings(engine: Engine, project: str, ask: HappeningsAsk, spoken: Spoken) -> tuple[Sequence[Row], int]:
    """Session, trace, span, type and moment of each event of a page, and how many there are in all."""
    where, source, front = _chosen(engine, project, ask, spoken, (), priced=False)
    where.add("counted")
    order = "desc" if ask.descending else "asc"
    chosen = f"from ({source}) where {where}"
    # In two passes: counted in one, all of them would be held, with their ids.
    total = engine.rows(f"{front}select count() {chosen}", where.values)[0][0]
    rows = engine.rows(
        f"""{front}select session, trace_id, span_id, type, moment_ns {chosen}
        order by moment_ns {order}, session, trace_id, span_id, type limit {{limit:UInt64}} offset {{offset:UInt64}}""",
        {**where.values, "limit": ask.limit, "offset": ask.offset},
    )
    return rows, total


def _sums() -> list[str]:
    return [
        "countIf(counted)",
        "countIf(counted and failed)",
        "avgOrNullIf(lasts, counted)",
        "quantileExactInclusiveOrNullIf(0.95)(lasts, counted and isNotNull(lasts))",
        "sum(tokens)",
        "sumOrNull(amount)",
    ]


def _chosen(
    engine: Engine, project: str, ask: HappeningsAsk, spoken: Spoken, groups: Sequence[Group], *, priced: bool
) -> tuple[Conditions, str, str]:
    """The conditions, the relation that they are over, and what stands in front of the statement."""
    agents = spoken.led and (ask.agent is not None or "agent_name" in groups)
    first, last, latest = _minutes(engine, project, ask)
    where = Conditions(project=project, first=first, last=last, latest=latest)
    where.add("true")
    if ask.since_ns is not None:
        where.add("moment_ns >= {since:UInt64}", since=max(ask.since_ns, 0))
    if ask.until_ns is not None:
        where.add("moment_ns < {until:UInt64}", until=max(ask.until_ns, 0))
    if ask.types:
        where.add("type in {types:Array(String)}", types=list(ask.types))
    if ask.agent is not None:
        where.add("agent = {agent:String}", agent=ask.agent)
    if ask.failed is not None:
        where.add("failed = {failed:Bool}", failed=ask.failed)
    within = "minute >= {first:UInt32} and minute <= {last:UInt32}"
    if ask.session_ids:
        where.add("session in {sessions:Array(String)}", sessions=list(ask.session_ids))
        within = f"""{within} and (minute, trace_id) in (
            select minute, trace_id from {DATABASE}.trails where project = {{project:String}} and trace_id in (
                select trace_id from {DATABASE}.traces final
                where project = {{project:String}} and session_id in {{sessions:Array(String)}}))"""
    source = happenings(within, spoken, ask.types, agents=agents, priced=priced)
    if ask.channel is not None or "channel" in groups:
        source = f"""select h.*, if(c.told != '', c.told, '{_USUAL}') as channel from ({source}) as h
            left join ({channels(spoken.names)}) as c on h.session = c.session_id"""
    if ask.channel is not None:
        where.add("channel = {channel:String}", channel=ask.channel)
    return where, source, agents_of(heard=spoken.names) if agents else ""


def _minutes(engine: Engine, project: str, ask: HappeningsAsk) -> tuple[int, int, int]:
    """The minutes in which the steps begin whose events may be meant, and the last one of what is around them."""
    # A turn that lies before or behind the time has no event in it; of others all steps are needed.
    last = LAST_MINUTE if ask.until_ns is None else minute_of(ask.until_ns)
    if ask.since_ns is None and ask.until_ns is None:
        return 0, last, last
    where = Conditions(project=project)
    where.add("project = {project:String}")
    if ask.since_ns is not None:
        where.add("end_ns >= {since:UInt64}", since=max(ask.since_ns, 0))
    if ask.until_ns is not None:
        where.add("start_ns < {until:UInt64}", until=max(ask.until_ns, 0))
    begun_ns, ended_ns, count = engine.rows(
        f"select min(start_ns), max(end_ns), count() from {DATABASE}.traces final where {where}", where.values
    )[0]
    if not count:
        return LAST_MINUTE, last, LAST_MINUTE
    return minute_of(begun_ns), last, minute_of(ended_ns)
