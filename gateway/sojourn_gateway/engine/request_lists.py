"""Pages of requests: what roll-ups hold first, and what spans say of the traces alone to which that can matter.

Most traces say nothing of the request that they serve, and lie in one session. So a page begins with the rows at its
end of the order, some more of them than it needs: those that cannot be beaten by a row that was not looked at are its.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from sojourn_gateway.engine.bound import Conditions, ids_in
from sojourn_gateway.engine.requests import lying, silent, traces_apart, traces_together, whole
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import listed
from sojourn_gateway.engine.whole_traces import MOST_SHARED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.request import RequestsAsk, SortRequests
    from sojourn_gateway.model.span import Json

__all__ = ["few_telling", "list_requests", "needles"]

_FEW: Final = 2_000
"""So many traces are told by their ids; more are left to the engine."""
_SHALLOW: Final = 1_000
"""A page that ends further down is not looked for among the first rows."""
_BEYOND: Final = (2, 32)
"""How many times as many rows as the page needs are looked at before all are."""
_LEAST: Final = 100
_SORTS: Final[Mapping[SortRequests, tuple[str, str]]] = {
    "created": ("begun", "start_ns"),
    "updated": ("heard", "end_ns"),
    "duration": ("lasted", "end_ns - start_ns"),
}
"""The key of a request, and what a row of its trace says of it: of the duration, that it is no longer."""
_OPEN: Final = "role in ('root', 'top') and end_ns = 0"
_EARLY: Final = f"role in ('record', 'root') or {_OPEN}"
"""What makes a request shorter than its trace, or keeps it pending."""
_OF_SESSION: Final = f"""(select trace_id from {DATABASE}.traces final
    where project = {{project:String}} and session_id = {{conversation:String}} and not implicit)"""


@dataclass(slots=True)
class _Wanted:
    """What is asked for: of requests, and of what their spans say."""

    chosen: Conditions
    shared: list[str] | None
    """The traces that have spans in several sessions; None when these are many."""
    matters: list[str] = field(default_factory=list[str])
    """Rows of what was gathered that decide whether a request is one of these."""
    needed: list[str] = field(default_factory=list[str])
    """Rows of which each of these requests has one."""

    def said(self, column: str, value: str | None, *, default: str = "") -> None:
        """That a fact is this text; who says nothing is as if they said the default."""
        if value is None:
            return
        self.chosen.add(f"{column} = {{{column}:String}}", **{column: value})
        self.matters.append(f"{column} != ''")
        if value != default:
            self.needed.append(f"{column} = {{{column}:String}}")


def list_requests(
    engine: Engine, project: str, own: str, ask: RequestsAsk, *, limit: int, offset: int
) -> Sequence[Row]:
    """A page: traces, each with the sessions that its rows lie under.

    Whether metadata contains what is asked for is only guessed here, and never wrongly denied.
    """
    wanted = _wanted(_Wanted(Conditions(project=project, own=own), _shared(engine, project)), own, ask)
    values = wanted.chosen.values
    if ask.conversation is not None:
        return _of_conversation(engine, wanted, ask, limit, offset)
    if wanted.needed:
        ids = few_telling(engine, values, *wanted.needed)
        if ids is not None:
            values["needed"] = ids
            these = ids_in("needed", called="trace_id")
            return _page(engine, wanted, ask, lying(these), f"trace_id in {these}", limit, offset) if ids else []
    facts, few = _facts_of(engine, wanted)
    upto = offset + limit
    # Of how long a trace is, its rows say nothing where there are several, and what is shorter can be any trace.
    is_told = ask.sort_by != "duration" or (wanted.shared is not None and (few or ask.descending))
    if upto <= _SHALLOW and is_told:
        for times in _BEYOND:
            found = _first(engine, wanted, ask, facts if few else None, max(upto * times, _LEAST), upto)
            if found is not None:
                return found[offset:upto]
    return _page(engine, wanted, ask, "true", facts, limit, offset)


def few_telling(engine: Engine, values: Mapping[str, Any], *conditions: str) -> list[str] | None:
    """The traces of which rows that were gathered meet these conditions; None when these are many."""
    first, *others = conditions
    also = "".join(f" and trace_id in {_telling(one)}" for one in others)
    rows = engine.rows(f"select distinct trace_id from {_telling(first)} where true{also} limit {_FEW + 1}", values)
    return [trace_id.hex() for (trace_id,) in rows] if len(rows) <= _FEW else None


def _telling(condition: str) -> str:
    """A select of traces by a row of theirs. One that was replaced counts as well: nothing is merged for it."""
    return f"""(select trace_id from {DATABASE}.requests
    where project = {{project:String}} and role not in ('eval', 'evaluated') and ({condition}))"""


def _wanted(wanted: _Wanted, own: str, ask: RequestsAsk) -> _Wanted:
    chosen, matters, needed = wanted.chosen, wanted.matters, wanted.needed
    wanted.said("org", ask.org)
    wanted.said("app", ask.project, default=own)
    wanted.said("deployment", ask.deployment)
    wanted.said("env", ask.env, default="production")
    if ask.trigger is not None:
        chosen.add("trigger = {trigger:String}", trigger=ask.trigger)
        matters.append("trigger != '' or method != ''")
        if ask.trigger != "manual":
            needed.append("trigger = {trigger:String} or {trigger:String} = 'api' and method != ''")
    if ask.devmode is not None:
        chosen.add("devmode" if ask.devmode else "not devmode")
        matters.append("devmode = 1")
        if ask.devmode:
            needed.append("devmode = 1")
    if ask.success is not None:
        chosen.add("success" if ask.success else "not success")
        matters.append(f"role = 'record' or {_OPEN}")
    if ask.agent is not None:
        chosen.add(_ACTS, agent=ask.agent)
        needed.append(_ACTS)
    if ask.conversation is not None:
        chosen.add("conversation = {conversation:String}", conversation=ask.conversation)
    if ask.after_us is not None:
        chosen.add("intDiv(begun, 1000) > {after:UInt64}", after=ask.after_us)
    if ask.before_us is not None:
        chosen.add("intDiv(begun, 1000) < {before:UInt64}", before=ask.before_us)
    if ask.metadata:
        parts = ["metadata != ''"]
        for number, needle in enumerate(needles(ask.metadata)):
            parts.append(f"position(metadata, {{needle{number}:String}}) > 0")
            chosen.values[f"needle{number}"] = needle
        chosen.add(" and ".join(parts))
        needed.append(" and ".join(parts))
    if ask.sort_by == "duration":
        matters.append(_EARLY)
    matters.extend(needed)
    return wanted


_ACTS: Final = (
    "has(identifiers, {agent:String}) or startsWith({agent:String}, 'agent_') and has(agent_ids, {agent:String})"
)


def _facts_of(engine: Engine, wanted: _Wanted) -> tuple[str, bool]:
    """The condition on what was gathered that matters, empty when nothing does; and whether that is of few traces."""
    if not wanted.matters:
        return "", True
    matters = " or ".join(f"({one})" for one in wanted.matters)
    ids = few_telling(engine, wanted.chosen.values, matters)
    if ids is None:
        return f"trace_id in {_telling(matters)}", False
    if not ids:
        return "", True
    wanted.chosen.values["telling"] = ids
    return f"trace_id in {ids_in('telling', called='trace_id')}", True


def _of_conversation(engine: Engine, wanted: _Wanted, ask: RequestsAsk, limit: int, offset: int) -> Sequence[Row]:
    """The page of one conversation: of its traces, rows that lie elsewhere matter for those in several sessions."""
    facts = f"trace_id in {_OF_SESSION}" if wanted.matters else ""
    if wanted.shared is None:
        return _page(engine, wanted, ask, lying(_OF_SESSION), facts, limit, offset)
    if wanted.shared:
        rows = engine.rows(f"select trace_id from {_OF_SESSION}", wanted.chosen.values)
        mine = {trace_id.hex() for (trace_id,) in rows}
        wanted.shared = [one for one in wanted.shared if one in mine]
    within = "session_id = {conversation:String} and not implicit"
    return _page(engine, wanted, ask, within, facts, limit, offset)


def _first(
    engine: Engine, wanted: _Wanted, ask: RequestsAsk, few: str | None, take: int, upto: int
) -> Sequence[Row] | None:
    """The first `upto` requests, looked for among the `take` rows that come first; None when more must be looked at.

    `few` is the condition on what matters where that is of few traces, which are looked at in any case; None for many.
    """
    key, of_row = _SORTS[ask.sort_by]
    past = ">" if ask.descending else "<"
    # With the id, by which equal ones are told apart, and which may be all.
    bounds = engine.rows(
        f"""select {of_row} as place, trace_id from {DATABASE}.traces where project = {{project:String}}
        order by place {_direction(ask)}, trace_id limit 1 offset {{take:UInt64}}""",
        {**wanted.chosen.values, "take": take - 1},
    )
    if not bounds:
        return None
    bound, last = bounds[0]
    last_id = "toFixedString(unhex({last:String}), 16)"

    def is_near(told: str) -> str:
        # Signed as durations are, which odd times make negative.
        value = "{bound:Int64}" if ask.sort_by == "duration" else "{bound:UInt64}"
        return f"({told} {past} {value} or {told} = {value} and trace_id <= {last_id})"

    near = f"""(select session_id, trace_id from {DATABASE}.traces
        where project = {{project:String}} and {is_near(f"({of_row})")})"""
    within = f"(session_id, trace_id) in {near}"
    facts = f"trace_id in (select trace_id from {near})" if few is None else few
    # What is shorter than its trace may stand among the shortest, wherever the trace does.
    also: list[str] = (
        wanted.chosen.values["telling"] if few and ask.sort_by == "duration" and not ask.descending else []
    )
    found = _page(engine, wanted, ask, within, facts, upto, 0, near=(is_near(key), bound, last), also=also)
    return found if len(found) == upto else None


def _page(
    engine: Engine,
    wanted: _Wanted,
    ask: RequestsAsk,
    within: str,
    facts: str,
    limit: int,
    offset: int,
    *,
    near: tuple[str, int, bytes] | None = None,
    also: Sequence[str] = (),
) -> Sequence[Row]:
    """The page of the requests whose traces' rows lie within; `facts` are the traces of which something is said."""
    chosen, values = str(wanted.chosen), {**wanted.chosen.values, "limit": limit, "offset": offset}
    if near is not None:
        chosen = f"{chosen} and {near[0]}"
        values |= {"bound": near[1], "last": near[2].hex()}
    shared = None if wanted.shared is None else sorted({*wanted.shared, *also})
    if shared is None:
        source = traces_together(f"trace_id in (select trace_id from {DATABASE}.traces where {_MINE} and {within})")
    elif not shared:
        source = traces_apart(within)
    else:
        # These wherever they lie, since what one of their rows says is not what all together say.
        values["shared"] = shared
        these = ids_in("shared", called="trace_id")
        facts = facts and f"({facts} or trace_id in {these})"
        apart, together = traces_apart(f"{within} and trace_id not in {these}"), traces_together(lying(these))
        source = f"{apart} union all {together}"
    key, _ = _SORTS[ask.sort_by]
    order = f"{'isNull(lasted), ' if ask.sort_by == 'duration' else ''}{key} {_direction(ask)}, trace_id"
    told = whole(source, facts) if facts else silent(source)
    return engine.rows(
        f"""select trace_id, sessions from ({told}) where {chosen}
        order by {order} limit {{limit:UInt64}} offset {{offset:UInt64}}""",
        values,
    )


_MINE: Final = "project = {project:String}"


def _shared(engine: Engine, project: str) -> list[str] | None:
    rows = engine.rows(
        f"""select trace_id from {DATABASE}.places final where {_MINE}
        group by trace_id having min(session_id) != max(session_id) limit {MOST_SHARED + 1}""",
        {"project": project},
    )
    return [trace_id.hex() for (trace_id,) in rows] if len(rows) <= MOST_SHARED else None


def _direction(ask: RequestsAsk) -> str:
    return "desc" if ask.descending else "asc"


def needles(asked: Json) -> list[str]:
    """Texts that stand in every JSON text, written as ours are, of what contains this: its members and its texts."""
    found: list[str] = []
    waiting: list[Any] = [asked]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            members = cast("dict[str, Any]", one)
            found.extend(f"{_written(key)}:{_begun(value)}" for key, value in members.items())
            waiting.extend(value for value in members.values() if not isinstance(value, str))
        elif isinstance(one, str):
            found.append(_written(one))
        else:
            waiting.extend(listed(one))
    return sorted(set(found), key=len, reverse=True)[:8]


_EXACT: Final = 10**15
"""Below this a whole number is written alike, whether it is kept as one or with a point."""


def _begun(value: Json) -> str:
    """How each JSON text of a value begins that equals this one, or contains it."""
    match value:
        case None | bool() | str():
            return _written(value)
        case dict():
            return "{"
        case list():
            return "["
        case int() | float() if value == int(value) and 0 < abs(value) < _EXACT:
            return str(int(value))
        case _:
            return ""


def _written(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
