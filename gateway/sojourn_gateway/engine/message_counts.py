"""How many messages each session's conversation has, and in which sessions a page of all of them lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn_gateway.engine.bound import Conditions
from sojourn_gateway.engine.happenings import BY_START, HERE, KIND, OF_TIME, SPEAKS, answers, spoken_responses
from sojourn_gateway.engine.minutes import minute_of
from sojourn_gateway.engine.seldom import has_tangled
from sojourn_gateway.engine.steps import steps
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.engine.happenings import Spoken

__all__ = ["page_of_messages"]


def page_of_messages(
    engine: Engine,
    project: str,
    spoken: Spoken,
    since_ns: int,
    until_ns: int,
    sessions: Sequence[str],
    *,
    limit: int,
    offset: int,
) -> tuple[Sequence[Row], int]:
    """The sessions in which a page lies, in order: id, messages of all sessions before it, its own. And all messages.

    Of sessions that began in some time, and, when any are named, of those alone.
    """
    where = Conditions(project=project, since=max(since_ns, 0), until=max(until_ns, 0), offset=offset)
    where.values["upto"] = offset + limit
    where.add("project = {project:String} and start_ns >= {since:UInt64} and start_ns < {until:UInt64}")
    if sessions:
        where.add("session_id in {sessions:Array(String)}", sessions=list(sessions))
    sessions_meant = f"session_id in (select session_id from {DATABASE}.sessions final where {where})"
    begun_ns, ended_ns, count = engine.rows(
        # A turn may lie in other sessions too, and begin and end there.
        f"""select min(start_ns), max(end_ns), count() from {DATABASE}.traces final
        where project = {{project:String}} and trace_id in (
            select trace_id from {DATABASE}.traces final where project = {{project:String}} and {sessions_meant})""",
        where.values,
    )[0]
    if not count:
        return [], 0
    where.values |= {"first": minute_of(begun_ns), "latest": minute_of(ended_ns)}
    said = _said_in_parts(spoken) if has_tangled(engine, project) else _said(spoken)
    counted = f"select session_id, count() as messages from ({said}) where {sessions_meant} group by session_id"
    rows = engine.rows(
        f"""select session_id, passed - messages as before, messages, total from (
            select session_id, messages, sum(messages) over () as total,
                sum(messages) over (order by session_id rows between unbounded preceding and current row) as passed
            from ({counted})
        ) where before < {{upto:UInt64}} and passed > {{offset:UInt64}} order by session_id""",
        where.values,
    )
    if rows or not offset:
        return [row[:-1] for row in rows], rows[0][-1] if rows else 0
    return [], engine.rows(f"select sum(messages) from ({counted})", where.values)[0][0]


def _said(spoken: Spoken) -> str:
    """A select of `session_id`, once for what was asked in each turn in which somebody speaks, once for each answer."""
    return f"""
    select session_id from {DATABASE}.traces final
    where project = {{project:String}} and first_input != '' and trace_id in (select trace_id {HERE} and {SPEAKS})
    union all select session as session_id from ({answers(spoken)})
    union all select session as session_id from ({spoken_responses(spoken)})"""


def _said_in_parts(spoken: Spoken) -> str:
    """The same where a turn may lie in several sessions, in each of which only its steps there tell what was said."""
    here = steps(OF_TIME, placed=True)
    says = f"or {KIND} = 'response'" if "response" in spoken.kinds else ""
    kept = f"from ({here}) where (session, trace_id) in (select session, trace_id from ({here}) where status = 2)"
    failed = f"""
    select session, trace_id {kept} and (session, trace_id, parent_id) not in (select session, trace_id, span_id {kept})
    group by session, trace_id having argMin(status, {BY_START}) = 2"""
    turns = f"select session_id from {DATABASE}.traces final where project = {{project:String}}"
    speaking = f"(session_id, trace_id) in (select session, trace_id from ({here}) where {SPEAKS})"
    return f"""
    {turns} and first_input != '' and {speaking}
    union all {turns} and last_output != '' and {speaking}
        and (session_id, trace_id) not in (select session, trace_id from ({here}) where end_ns = 0 {says})
        and (session_id, trace_id) not in ({failed})
    union all select session as session_id from ({spoken_responses(spoken)})"""
