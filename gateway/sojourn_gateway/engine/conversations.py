"""Sessions as conversations: lists by what their requests say, and which of them were put away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.bound import Conditions, ids_in
from sojourn_gateway.engine.request_lists import few_telling
from sojourn_gateway.engine.request_reads import read_facts
from sojourn_gateway.engine.requests import facts, lying
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.request import ConversationsAsk

__all__ = ["list_conversations", "put_away", "read_conversations", "read_metadata"]

_HEARD: Final = "greatest(heard_ns, end_ns)"
_SORTS: Final[Mapping[str, str]] = {"created": "start_ns", "updated": _HEARD}
_THERE: Final = "project = {project:String} and not implicit"
# A turn that begins after a conversation was put away brings it back.
_AWAY: Final = f"""(select count() from {DATABASE}.put_away where project = {{project:String}}) > 0 and session_id in (
    select p.session_id from {DATABASE}.put_away as p final
    left join (
        select session_id, max(start_ns) as last_turn from {DATABASE}.traces final
        where project = {{project:String}} and session_id in (
            select session_id from {DATABASE}.put_away final where project = {{project:String}})
        group by session_id
    ) as t on p.session_id = t.session_id
    where p.project = {{project:String}} and p.at_ns >= t.last_turn)"""
_TOLD: Final = f"""session_id in (
    select session_id from {DATABASE}.session_events final
    where project = {{{{project:String}}}} and mapContains(metadata, {{{{key{{number}}:String}}}}))"""
_MOST_KEYS: Final = 8
_MINE: Final = "project = {project:String}"


def list_conversations(
    engine: Engine, project: str, own: str, ask: ConversationsAsk, *, limit: int, offset: int
) -> Sequence[Row]:
    """The ids of the sessions of a page. Whether their metadata contains what is asked for is only guessed here."""
    chosen = Conditions(project=project, own=own)
    chosen.add(_THERE)
    chosen.add(f"not ({_AWAY})")
    for name, value, silence in (("org", ask.org, ""), ("app", ask.project, own)):
        # Of a session of which nobody says whose it is: it is the project's own.
        if value is not None and not _belonging(engine, chosen, name, value, silent=value == silence):
            return []
    if ask.metadata:
        # What is told of a session may come in several facts: each key in one of them.
        keys = sorted(ask.metadata)[:_MOST_KEYS]
        for number, key in enumerate(keys):
            chosen.add(_TOLD.format(number=number), **{f"key{number}": key})
    order = f"{_SORTS[ask.sort_by]} {'desc' if ask.descending else 'asc'}, session_id"
    return engine.rows(
        f"""select session_id from {DATABASE}.sessions final where {chosen}
        order by {order} limit {{limit:UInt64}} offset {{offset:UInt64}}""",
        {**chosen.values, "limit": limit, "offset": offset},
    )


def read_conversations(engine: Engine, project: str, own: str, sessions: Sequence[str]) -> Sequence[Row]:
    """Id, start, last heard, organisation and project of those that are there, in no order."""
    if not sessions:
        return []
    values = {"project": project, "sessions": list(sessions)}
    rows = engine.rows(
        f"""select session_id, start_ns, {_HEARD} from {DATABASE}.sessions final
        where {_THERE} and session_id in {{sessions:Array(String)}} and not ({_AWAY})""",
        values,
    )
    firsts: dict[bytes, bytes] = dict(engine.rows(_firsts("session_id in {sessions:Array(String)}"), values))
    told = read_facts(engine, project, [trace_id.hex() for trace_id in firsts.values()])
    owners = {session_id: told.get(trace_id, {}) for session_id, trace_id in firsts.items()}
    return [(*row, owners.get(row[0], {}).get("org", ""), owners.get(row[0], {}).get("app", "") or own) for row in rows]


def read_metadata(engine: Engine, project: str, sessions: Sequence[str]) -> Sequence[Row]:
    """Session and metadata of each fact that tells any, in order of time."""
    if not sessions:
        return []
    return engine.rows(
        f"""select session_id, metadata from {DATABASE}.session_events final
        where project = {{project:String}} and session_id in {{sessions:Array(String)}} and notEmpty(metadata)
        order by time_ns, uid""",
        {"project": project, "sessions": list(sessions)},
    )


def put_away(engine: Engine, project: str, session_id: str, who: str) -> None:
    """Take a conversation off the list. Returns when that would survive a crash."""
    now = time.time_ns()
    engine.insert(
        "put_away", ("project", "session_id", "at_ns", "who", "version"), [[project, session_id, now, who, now]]
    )


def _belonging(engine: Engine, chosen: Conditions, name: str, value: str, *, silent: bool) -> bool:
    """Ask for the sessions whose first request says this, or nothing when it is `silent`; False: there are none."""
    chosen.values[name] = value
    said = f"{name} not in ('', {{{name}:String}})" if silent else f"{name} = {{{name}:String}}"
    ids = few_telling(engine, chosen.values, said)
    if ids == []:
        return silent
    within, told = "true", "true"
    if ids is not None:
        chosen.values[f"{name}_told"] = ids
        these = ids_in(f"{name}_told", called="trace_id")
        told = f"trace_id in {these}"
        within = f"session_id in (select session_id from {DATABASE}.traces where {_MINE} and {lying(these)})"
    chosen.add(
        f"""session_id {"not in" if silent else "in"} (select session_id from ({_firsts(within)}) where first in (
            select in_trace from ({facts(told)}) where {said}))"""
    )
    return True


def _firsts(within: str) -> str:
    """A select of sessions, each with its first trace."""
    return f"""select session_id, argMin(trace_id, (start_ns, trace_id)) as first from {DATABASE}.traces final
        where {_MINE} and not implicit and {within} group by session_id"""
