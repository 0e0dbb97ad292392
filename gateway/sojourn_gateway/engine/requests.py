"""Requests: what spans say of the traces they are in, gathered beside them.

Nobody but those who ask for requests needs what is gathered here, so it is brought up to date when somebody asks, and
a gateway of which nobody does pays nothing. It can be made anew out of the spans at any time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine.bound import ids_in
from sojourn_gateway.engine.request_rows import (
    COLUMNS,
    PLAIN,
    PLAIN_COLUMNS,
    PLAIN_SAID,
    READING,
    TELLING,
    row_of,
)
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.span import Json

__all__ = [
    "evaluation_rows",
    "facts",
    "gather",
    "last_gathered",
    "lying",
    "read_told",
    "silent",
    "traces_apart",
    "traces_of_spans",
    "traces_together",
    "whole",
]

_SPANS_AT_ONCE: Final = 60_000
_MARK: Final = "gathered"
_RANK: Final = "transform(toString(role), ['record', 'root', 'top'], [0, 1, 2], 3)"
_TEXTS: Final = ("org", "app", "deployment", "env", "trigger", "method", "metadata")
"""What the strongest span of a trace says that says it, and lists ask for; `request_reads` has all."""


def _in_order(column: str) -> str:
    return f"arrayFlatten(arrayMap(one -> one.2, arraySort(groupArrayIf((place, {column}), notEmpty({column})))))"


def facts(within: str) -> str:
    told = ", ".join(f"argMinIf({name}, place, {name} != '') as {name}" for name in _TEXTS)
    return f"""
    select trace_id as in_trace, {told}, argMinIf(devmode, place, devmode >= 0) = 1 as devmode,
        countIf(role = 'record') > 0 as recorded,
        maxIf(end_ns, role = 'record') as told_end, countIf(role = 'record' and failed) > 0 as told_failed,
        countIf(role in ('root', 'top')) as roots, argMinIf(end_ns, place, role in ('root', 'top')) as root_end,
        minIf(end_ns, role in ('root', 'top')) as least_end,
        argMinIf(role, place, role in ('root', 'top')) = 'root' as serves,
        countIf(role = 'end') > 0 as ended,
        {_in_order("identifiers")} as identifiers, {_in_order("agent_ids")} as agent_ids
    from (
        select *, ({_RANK}, start_ns, span_id) as place from {DATABASE}.requests final
        where project = {{project:String}} and role not in ('eval', 'evaluated') and {within}
    )
    group by trace_id"""


def lying(traces: str) -> str:
    """The condition on the rows of some traces, by the sessions that they lie under: by their ids alone all rows would
    be looked through. `traces` is a select of the ids, in brackets."""
    return f"""(trace_id in {traces} and session_id in (
        select session_id from {DATABASE}.spans
        where project = {{project:String}} and session_id != '' and (minute, trace_id) in (
            select minute, trace_id from {DATABASE}.trails where project = {{project:String}} and trace_id in {traces})
        union all select session_id from {DATABASE}.places
        where project = {{project:String}} and trace_id in {traces}
        union all select lower(hex(trace_id)) from {traces}))"""


def traces_apart(within: str) -> str:
    """A select of traces for `whole`, right where each has one row, by a condition on these."""
    return f"""
    select trace_id, start_ns as begun, end_ns as heard, status as went, if(implicit, '', session_id) as conversation,
        [session_id] as sessions
    from {DATABASE}.traces final where project = {{project:String}} and {within}"""


def traces_together(within: str) -> str:
    """The same, right for all: the condition must hold for all rows of a trace, or for none."""
    return f"""
    select trace_id, min(start_ns) as begun, max(end_ns) as heard, argMin(status, (start_ns, session_id)) as went,
        argMinIf(session_id, (start_ns, session_id), not implicit) as conversation, groupArray(session_id) as sessions
    from {DATABASE}.traces final where project = {{project:String}} and {within} group by trace_id"""


def whole(traces: str, told: str) -> str:
    """A select of requests by what lists ask for: of a select of traces, and of what was gathered of those that meet a
    condition. `{own:String}` is the id of the project itself.

    A request is over when its answer is, whatever its program does behind it.
    """
    return f"""
    select trace_id, begun, heard, org, if(app = '', {{own:String}}, app) as app, deployment,
        if(env = '', 'production', env) as env, devmode,
        multiIf(trigger != '', trigger, method != '', 'api', 'manual') as trigger, metadata, identifiers, agent_ids,
        conversation, sessions,
        multiIf(told_end != 0, 0, roots > 0, least_end = 0, recorded and not ended) as pending,
        multiIf(serves and root_end != 0, root_end, told_end != 0, told_end, heard) as over,
        if(pending, null, toInt64(over) - toInt64(begun)) as lasted,
        multiIf(pending, 0, told_end != 0, not told_failed, went != 2) as success
    from ({traces}) as t left join ({facts(told)}) as s on t.trace_id = s.in_trace"""


def silent(traces: str) -> str:
    """The same of traces of which nothing was gathered that is asked for."""
    return f"""
    select trace_id, begun, heard, '' as org, {{own:String}} as app, '' as deployment, 'production' as env,
        false as devmode, 'manual' as trigger, '' as metadata, cast([], 'Array(String)') as identifiers,
        cast([], 'Array(String)') as agent_ids, conversation, sessions, toInt64(heard) - toInt64(begun) as lasted,
        went != 2 as success
    from ({traces})"""


def last_gathered(engine: Engine) -> int:
    """The last commit up to which all was gathered."""
    rows = engine.rows(f"select value from {DATABASE}.marks final where name = '{_MARK}'")
    return int(rows[0][0]) if rows else 0


def gather(engine: Engine, after: int) -> int:
    """Read what spans say that were committed after, up to what lists show; the last commit that was read.

    Repeating it changes nothing. It goes some thousand spans at a time, so that nobody who writes waits for all of it,
    and a death in between, or a fault, has the next one go on behind the last that is whole.
    """
    upto = engine.rolled_up
    counted = engine.rows(
        f"""select commit, count() from {DATABASE}.spans
        where commit > {{after:UInt64}} and commit <= {{upto:UInt64}} group by commit order by commit""",
        {"after": after, "upto": upto},
    )
    for first, last in _slices(counted):
        _gather_some(engine, {"first": first, "last": last})
    return max(upto, after)


def _gather_some(engine: Engine, within: Mapping[str, int]) -> None:
    # Nothing is erased meanwhile, which this would bring back.
    with engine.inserting() as (writer, _):
        # Most spans of most programs are of this kind, and need not pass through Python.
        plain = ", ".join(PLAIN_COLUMNS)
        writer.run(
            f"""insert into {DATABASE}.requests ({plain}, role, devmode, failed, error)
            select {plain}, {PLAIN_SAID} from {DATABASE}.spans
            where commit >= {{first:UInt64}} and commit <= {{last:UInt64}} and {PLAIN}""",
            within,
        )
        rows = writer.rows(
            f"""select {READING} from {DATABASE}.spans
            where commit >= {{first:UInt64}} and commit <= {{last:UInt64}} and {TELLING}
                and not {PLAIN}""",
            within,
        )
        resources: dict[bytes, Mapping[str, Json]] = {}
        told = [row_of(row, resources) for row in rows]
        if told:
            writer.insert(f"{DATABASE}.requests", COLUMNS, told)
        writer.run(
            f"insert into {DATABASE}.marks select '{_MARK}', {{last:UInt64}}, {{now:UInt64}}",
            {"last": within["last"], "now": time.time_ns()},
        )


def _slices(counted: Sequence[Row]) -> list[tuple[int, int]]:
    """Commits from and to, some thousand spans each."""
    found: list[tuple[int, int]] = []
    spans = 0
    for commit, count in counted:
        if found and spans + count <= _SPANS_AT_ONCE:
            found[-1] = (found[-1][0], commit)
            spans += count
        else:
            found.append((commit, commit))
            spans = count
    return found


def traces_of_spans(engine: Engine, project: str, spans: Sequence[str]) -> Sequence[Row]:
    """The traces of some spans, by their ids alone: span and trace, of several the last to arrive."""
    if not spans:
        return []
    return engine.rows(
        f"""select span_id, argMax(trace_id, version) from {DATABASE}.spans
        where project = {{project:String}} and span_id in {ids_in("spans", 8)}
        group by span_id""",
        {"project": project, "spans": list(spans)},
    )


def read_told(engine: Engine, project: str, trace_id: bytes, span_id: bytes) -> Mapping[bytes, bytes] | None:
    """The texts of one span in its newest state; None when there is none."""
    rows = engine.rows(
        f"""select a_s from {DATABASE}.spans
        where project = {{project:String}} and (minute, trace_id) in (
            select minute, trace_id from {DATABASE}.trails
            where project = {{project:String}} and trace_id = toFixedString(unhex({{trace:String}}), 16)
        ) and span_id = toFixedString(unhex({{span:String}}), 8) order by version desc limit 1""",
        {"project": project, "trace": trace_id.hex(), "span": span_id.hex()},
    )
    return rows[0][0] if rows else None


def evaluation_rows(
    engine: Engine, project: str, condition: str, values: Mapping[str, Any], most: int
) -> Sequence[Row]:
    """What spans of evaluations say, newest first, as `query.requests` reads it."""
    return engine.rows(
        f"""select trace_id, span_id, toString(role), own_id, start_ns, end_ns, failed, error, org, app, deployment,
            devmode, identifiers, eval_id, eval_identifier, eval_name, eval_about, run_session, result
        from {DATABASE}.requests final
        where project = {{project:String}} and role in ('eval', 'evaluated') and {condition}
        order by start_ns desc, trace_id, span_id limit {{most:UInt64}}""",
        {"project": project, "most": most, **values},
    )
