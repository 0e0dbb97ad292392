"""Erasure: whole sessions, or all of a user, out of every table, so that no byte of them stays.

What is to go is written down first (`doomed`), rows follow table by table, and the list is emptied last: a death in
between is repaired by `finish`, which may run any number of times. Spans and logs, the bulk, go while batches are
written; the small tables and the sums behind them go in one short rest of the writer.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_gateway.engine.bound import Sql
from sojourn_gateway.engine.metric_points import naming
from sojourn_gateway.engine.session_events import gather_events
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.upkeep import stop_building
from sojourn_gateway.engine.values import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sojourn_gateway.engine.backend import Handle
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.engine.rollup import Rollup

__all__ = ["Erased", "doom", "finish", "named_by"]

_CONDEMNED: Final = f"""
create table if not exists {DATABASE}.condemned (
    project String, session_id String, trace_id FixedString(16), whole Bool
) engine = Memory"""
_SESSIONS: Final = f"(select project, id from {DATABASE}.doomed where kind = 'session')"
_USERS: Final = f"(select project, id from {DATABASE}.doomed where kind = 'user')"
_TRACES: Final = f"(select project, toFixedString(unhex(id), 16) from {DATABASE}.doomed where kind = 'trace')"
_WHOLE: Final = f"(select project, trace_id from {DATABASE}.condemned where whole)"
_WHOLE_HEX: Final = f"(select project, lower(hex(trace_id)) from {DATABASE}.condemned where whole)"
_ALL: Final = f"(select project, trace_id from {DATABASE}.condemned)"

# A trace goes whole when all its sessions do; of others, the spans that belong to a session that goes.
_CONDEMN: Final = f"""
insert into {DATABASE}.condemned
select project, session_id, trace_id, whole from (
    select project, groupArray(session_id) as sessions, trace_id,
        (project, trace_id) in {_TRACES} or countIf((project, session_id) not in {_SESSIONS}) = 0 as whole
    from {DATABASE}.traces final
    where (project, trace_id) in (
        select project, trace_id from {DATABASE}.traces final where (project, session_id) in {_SESSIONS}
    ) or (project, trace_id) in {_TRACES}
    group by project, trace_id
) array join sessions as session_id"""
# Sessions that stay, and of which a user's facts go: no trace of theirs does.
_CONDEMN_FACTS: Final = f"""
insert into {DATABASE}.condemned (project, session_id)
select distinct project, session_id from {DATABASE}.session_events final where (project, user_id) in {_USERS}"""

_OF_WHOLE: Final = f"""(project, minute, trace_id) in (
    select project, minute, trace_id from {DATABASE}.trails where (project, trace_id) in {_WHOLE})"""
_OF_PART: Final = f"""(project, trace_id, span_id) in (
    select project, trace_id, span_id from {DATABASE}.places final
    where (project, trace_id) in (select project, trace_id from {DATABASE}.condemned where not whole)
        and (project, session_id) in {_SESSIONS})"""
_SPANS: Final = f"commit <= {{upto:UInt64}} and ({_OF_WHOLE} or {_OF_PART})"
_LOGS: Final = f"""commit <= {{upto:UInt64}} and ((project, session_id) in {_SESSIONS}
    or (project, lower(hex(trace_id))) in {_WHOLE_HEX} or (project, a_s['{semconv.USER_ID}']) in {_USERS})"""
_SCORES: Final = f"""kind = 'session' and (project, resource_id) in {_SESSIONS}
    or kind = 'trace' and (project, resource_id) in {_WHOLE_HEX}
    or kind = 'span' and (project, resource_id) in (
        select project, lower(hex(span_id)) from {DATABASE}.spans where {_SPANS})
    or (project, toString(user_id)) in {_USERS}"""
_EVENTS: Final = f"(project, session_id) in {_SESSIONS} or (project, user_id) in {_USERS}"

# Traces that go whole; of others, which go on in sessions that stay, the spans.
_TRACES_TO_BURY: Final = f"""
select project, lower(hex(trace_id)) as id from {DATABASE}.traces final
where (project, trace_id) in (
    select project, trace_id from {DATABASE}.traces final where (project, session_id) in {_SESSIONS}
)
group by project, trace_id having countIf((project, session_id) not in {_SESSIONS}) = 0"""
_SPANS_TO_BURY: Final = f"""
select project, concat(lower(hex(trace_id)), lower(hex(span_id))) as id from {DATABASE}.places final
where (project, session_id) in {_SESSIONS}"""

# The sessions that name a user: in a fact of theirs, or in a span.
_NAMING: Final = f"""
    select session_id from {DATABASE}.session_events final
    where project = {{project:String}} and user_id = {{user:String}}
    union distinct
    select session_id from {DATABASE}.traces final where project = {{project:String}} and trace_id in (
        select trace_id from {DATABASE}.spans where project = {{project:String}} and user_id = {{user:String}})"""
_NAMING_NOBODY_ELSE: Final = f"""
select session_id from (
    select session_id, user_id from {DATABASE}.session_events final
    where project = {{project:String}} and user_id != '' and session_id in ({_NAMING})
    union all
    select t.session_id as session_id, toString(s.user_id) as user_id
    from (
        select session_id, trace_id from {DATABASE}.traces final
        where project = {{project:String}} and session_id in ({_NAMING})
    ) as t
    inner join (
        select distinct trace_id, user_id from {DATABASE}.spans
        where project = {{project:String}} and user_id != '' and trace_id in (
            select trace_id from {DATABASE}.traces final
            where project = {{project:String}} and session_id in ({_NAMING}))
    ) as s on s.trace_id = t.trace_id
) group by session_id having countIf(user_id != {{user:String}}) = 0 order by session_id"""


@dataclass(frozen=True, slots=True)
class Erased:
    """How much went."""

    sessions: int = 0
    traces: int = 0
    spans: int = 0
    logs: int = 0
    scores: int = 0
    attachments: int = 0
    points: int = 0
    """Of metrics."""

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def __add__(self, other: Erased) -> Erased:
        return Erased(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def named_by(engine: Engine, project: str, user_id: str) -> dict[str, list[str]]:
    """What is a user's: the sessions that name nobody else, the traces with a span of theirs, and all that names them.

    Empty for a user of whom nothing is kept.
    """
    values = {"project": project, "user": user_id}

    def ids(sql: str) -> list[str]:
        return [text(found) for (found,) in engine.rows(sql, values)]

    sessions = ids(_NAMING_NOBODY_ELSE)
    traces = ids(
        f"""select distinct lower(hex(trace_id)) as id from {DATABASE}.spans
        where project = {{project:String}} and user_id = {{user:String}} order by id"""
    )
    others = ids(
        f"""select uid from {DATABASE}.session_events final
        where project = {{project:String}} and user_id = {{user:String}} limit 1
        union all select id from {DATABASE}.scores final
        where project = {{project:String}} and user_id = {{user:String}} limit 1
        union all select uid from {DATABASE}.logs
        where project = {{project:String}} and a_s['{semconv.USER_ID}'] = {{user:String}} limit 1"""
    )
    points = naming(project, [user_id])
    measured = engine.rows(f"select 1 from {DATABASE}.metric_points where {points.text} limit 1", points.values)
    known = sessions or traces or others or measured
    return {"session": sessions, "trace": traces, "user": [user_id]} if known else {}


def doom(engine: Engine, project: str, named: Mapping[str, Sequence[str]], *, bury: bool) -> None:
    """Write down what is to go: ids of kind `session`, `trace` or `user`. It goes with `finish`, whoever calls that.

    With `bury`, what arrives of it later goes as well.
    """
    with engine.exclusively() as rollup:
        rollup.graves.write_down(project, named)
        if bury:
            for kind in named:
                rollup.graves.dig(kind, f"select project, id from {DATABASE}.doomed final where kind = '{kind}'")
            rollup.graves.dig("trace", _TRACES_TO_BURY)
            rollup.graves.dig("span", _SPANS_TO_BURY)


def finish(engine: Engine, forget: Callable[[Sequence[str]], int]) -> Erased:
    """Erase what is written down, and empty the list. `forget` removes attachments by their checksums, and counts.

    Repeating it after a death removes what was left. For one caller at a time.
    """
    if not engine.rows(f"select 1 from {DATABASE}.doomed limit 1"):
        return Erased()
    with engine.exclusively() as rollup:
        upto = rollup.done
    values = {"upto": upto}
    with engine.beside() as handle:
        if engine.embedded:
            # On a server nothing is built but by its owner.
            stop_building(handle)
        for statement in (_CONDEMNED, f"truncate table {DATABASE}.condemned", _CONDEMN, _CONDEMN_FACTS):
            handle.run(statement)
        counted = _count(handle, values)
        attachments = forget(_checksums(handle))
        # Scores of spans are found by the spans, spans by the rows of their traces: in this order.
        for table, condition in (("scores", _SCORES), ("logs", _LOGS), ("spans", _SPANS)):
            _delete(handle, table, condition, values)
        points = _delete_points(handle)
        with engine.exclusively() as rollup:
            _delete_sums(handle, rollup, upto)
        handle.run(f"truncate table {DATABASE}.doomed")
        handle.run(f"truncate table {DATABASE}.condemned")
    return Erased(**counted, attachments=attachments, points=points)


def _count(handle: Handle, values: Mapping[str, Any]) -> dict[str, int]:
    def count(source: str) -> int:
        return int(handle.rows(f"select count() from {source}", values)[0][0])

    return {
        "sessions": count(f"{DATABASE}.sessions final where (project, session_id) in {_SESSIONS}"),
        "traces": count(f"(select distinct project, trace_id from {DATABASE}.condemned where whole)"),
        "spans": count(f"(select distinct project, trace_id, span_id from {DATABASE}.spans where {_SPANS})"),
        "logs": count(f"{DATABASE}.logs final where {_LOGS}"),
        "scores": count(f"{DATABASE}.scores final where {_SCORES}"),
    }


def _checksums(handle: Handle) -> list[str]:
    """The attachments that only what goes refers to."""
    rows = handle.rows(
        f"""select sha256 from (
            select attachment.sha256 as sha256, {_EVENTS} as goes from {DATABASE}.session_events final
        ) where sha256 != '' group by sha256 having min(goes)"""
    )
    return [text(sha256) for (sha256,) in rows]


def _delete(handle: Handle, table: str, condition: str, values: Mapping[str, Any] | None = None) -> None:
    """Rows and their bytes: the parts that hold them are written anew without them."""
    if handle.rows(f"select 1 from {DATABASE}.{table} where {condition} limit 1", values):
        handle.run(f"alter table {DATABASE}.{table} delete where {condition} settings mutations_sync = 2", values)


def _delete_points(handle: Handle) -> int:
    """The points of sessions that go, and those that name users who do; how many there were."""
    users: dict[str, list[str]] = {}
    for project, user in handle.rows(f"select project, id from {DATABASE}.doomed final where kind = 'user'"):
        users.setdefault(text(project), []).append(text(user))
    whose = [Sql(f"(project, session_id) in {_SESSIONS}", {}), *(naming(*one) for one in users.items())]
    deleted = 0
    for one in whose:
        rows = handle.rows(f"select count() from {DATABASE}.metric_points final where {one.text}", one.values)
        deleted += rows[0][0]
        _delete(handle, "metric_points", one.text, one.values)
    return deleted


def _delete_sums(handle: Handle, rollup: Rollup, upto: int) -> None:
    """The small tables; then the sums of what shared a trace or a session with what went."""
    _delete(handle, "session_events", _EVENTS)
    _delete(handle, "put_away", f"(project, session_id) in {_SESSIONS}")
    # While it is known which spans of a trace went. What was gathered of later ones stays.
    gathered = f"commit <= {{upto:UInt64}} and ((project, trace_id) in {_WHOLE} or {_OF_PART})"
    _delete(handle, "requests", gathered, {"upto": upto})
    # Facts and spans that arrived meanwhile are new ones, and stay.
    gather_events(handle, upto, rollup.done)
    for table in ("trails", "moved"):
        _delete(handle, table, f"(project, trace_id) in {_WHOLE}")
    for table in ("places", "traces"):
        _delete(handle, table, f"(project, trace_id) in {_ALL}")
    handle.run(
        f"""insert into {DATABASE}.trails select distinct project, trace_id, minute from {DATABASE}.spans
        where commit > {{upto:UInt64}} and (project, trace_id) in {_WHOLE}""",
        {"upto": upto},
    )
    _delete(handle, "sessions", f"(project, session_id) in {_SESSIONS}")
    touched = f"(select project, session_id from {DATABASE}.condemned)"
    rollup.renew(
        f"select project, trace_id, minute from {DATABASE}.trails where (project, trace_id) in {_ALL}",
        f"""select distinct project, session_id from {DATABASE}.condemned where (project, session_id) in (
            select project, session_id from {DATABASE}.session_events
            union all select project, session_id from {DATABASE}.sessions)""",
    )
    # The rows as they were before show what went, until they are merged away.
    _delete(
        handle,
        "sessions",
        f"(project, session_id) in {touched} and (version < {{version:UInt64}} or gone = 1)",
        {"version": rollup.version},
    )
