"""Roll-ups: the rows of traces and sessions, recomputed whole for those that a commit touched.

Sums are never added to: a span that is sent again, replaced or moved would then count twice. Every step may be
repeated; after a death the steps run again from the last commit that was rolled up.
"""

from __future__ import annotations

import time
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.engine.places import Node, place
from sojourn_gateway.engine.rates import RateBook
from sojourn_gateway.engine.session_events import EVENTS, gather_events
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine.backend import Handle, Row

__all__ = ["SUMS", "Rollup"]

_NO_SPAN: Final = "toFixedString(repeat(char(0), 8), 8)"
_MODEL: Final = "step in ('model', 'embedding')"
_SPANS_AT_ONCE: Final = 60_000

SUMS: Final = (
    "start_ns",
    "end_ns",
    "span_count",
    "errors",
    "model_calls",
    "tool_calls",
    "actions",
    "input_tokens",
    "output_tokens",
    "cache_read",
    "cache_write",
    "reasoning",
    "cost",
    "priced",
    "unpriced",
    "partial",
    "models",
    "processes",
    "user_id",
    "first_input",
    "last_output",
)
"""What the rows of traces and of sessions have in common, in the order of their tables."""

_ADDED: Final = SUMS[2:16]
_PLACE_COLUMNS: Final = ("project", "trace_id", "span_id", "session_id", "counts_call", "counts_usage", "version")

_TOUCHED: Final = f"""
create table if not exists {DATABASE}.touched (project String, trace_id FixedString(16), minute UInt32)
engine = Memory"""
_TOUCHED_SESSIONS: Final = f"""
create table if not exists {DATABASE}.touched_sessions (project String, session_id String) engine = Memory"""

_COMMITTED: Final = "commit > {after:UInt64} and commit <= {upto:UInt64}"

_FIND_MINUTES: Final = f"""
insert into {DATABASE}.trails select distinct project, trace_id, minute from {DATABASE}.spans where {_COMMITTED}"""
_FIND_TRACES: Final = f"""
insert into {DATABASE}.touched select distinct project, trace_id, minute from {DATABASE}.trails
where (project, trace_id) in (select project, trace_id from {DATABASE}.spans where {_COMMITTED})"""

# The newest row of each id: a span that was sent again with another start may have an older row in another minute.
_NEWEST: Final = "order by version desc limit 1 by project, trace_id, span_id"
_OF_TOUCHED: Final = f"(project, minute, trace_id) in (select project, minute, trace_id from {DATABASE}.touched)"

_FIND_TANGLED: Final = f"""
select project, trace_id from {DATABASE}.spans where {_OF_TOUCHED}
group by project, trace_id
having uniqExactIf(session_id, session_id != '') > 1
    or notEmpty(arrayIntersect(groupUniqArrayIf(span_id, {_MODEL}), groupUniqArray(parent_id)))"""
_READ_TANGLED: Final = f"""
select project, trace_id, span_id, parent_id, session_id, start_ns, {_MODEL}, usage
from (
    select project, trace_id, span_id, parent_id, session_id, start_ns, step, usage from {DATABASE}.spans
    where {_OF_TOUCHED} and (project, trace_id) in (
        select arrayJoin(arrayZip({{projects:Array(String)}},
            arrayMap(id -> toFixedString(unhex(id), 16), {{traces:Array(String)}})))
    )
    {_NEWEST}
)
order by project, trace_id"""

_PLACED: Final = f"(select distinct project, trace_id from {DATABASE}.places where version = {{version:UInt64}})"

_TIER: Final = "length(arrayFilter(floor -> s.input_tokens > floor, r.above)) + (s.input_tokens = 0)"
_PRICE: Final = (
    "r.input[tier]"
    " * toUInt64(greatest(toInt64(s.input_tokens) - toInt64(s.cache_read + s.cache_write + s.audio_input), 0))"
    " + r.cache_read[tier] * s.cache_read + r.cache_write[tier] * s.cache_write + r.audio_input[tier] * s.audio_input"
    " + r.output[tier] * toUInt64(greatest(toInt64(s.output_tokens) - toInt64(s.reasoning + s.audio_output), 0))"
    " + r.reasoning[tier] * s.reasoning + r.audio_output[tier] * s.audio_output + r.per_request"
)


def _insert_traces(*, placed: bool) -> str:
    columns = (
        "project, trace_id, span_id, parent_id, session_id, user_id, name, step, start_ns, end_ns, status, error_type, "
        "provider, request_model, response_model, input_tokens, output_tokens, cache_read, cache_write, reasoning, "
        "audio_input, audio_output, reported, usage, process, first_input, last_output"
    )
    newest = f"select {columns} from {DATABASE}.spans where {_OF_TOUCHED} and (project, trace_id)"
    if placed:
        spans = f"""select x.*, p.placed as placed, p.counts_call as counts_call, p.counts_usage as counts_usage
        from ({newest} in {_PLACED} {_NEWEST}) as x
        inner join (
            select project, trace_id, span_id, session_id as placed, counts_call, counts_usage
            from {DATABASE}.places final where version = {{version:UInt64}}
        ) as p on x.project = p.project and x.trace_id = p.trace_id and x.span_id = p.span_id"""
    else:
        spans = f"""select *, '' as placed, {_MODEL} as counts_call, usage as counts_usage
        from ({newest} not in {_PLACED} {_NEWEST})"""
    tokens = ", ".join(f"sumIf({kind}, counts_usage)" for kind in SUMS[7:12])
    from_root = f"(parent_id != {_NO_SPAN}, start_ns, span_id)"
    return f"""
insert into {DATABASE}.traces
    (project, session_id, trace_id, implicit, name, status, {", ".join(SUMS)}, version, gone)
select project, multiIf(placed != '', placed, max(session_id) != '', max(session_id), lower(hex(trace_id))) as session,
    trace_id, max(session_id) = '' and placed in ('', lower(hex(trace_id))), argMin(name, {from_root}),
    if(argMin(status, {from_root}) != 0, argMin(status, {from_root}), if(countIf(status = 2) > 0, 2, 0)),
    min(start_ns), max(greatest(start_ns, end_ns)), count(),
    length(groupArrayIf(concat(span_id, error_type), status = 2) as failed)
        - length(arrayIntersect(failed, groupArrayIf(concat(parent_id, error_type), status = 2))),
    countIf(counts_call), countIf(step = 'tool'), countIf(step in ('action', 'task')),
    {tokens},
    sumIf(amount, counts_usage and known), countIf(counts_usage and known), countIf(counts_usage and not known),
    countIf(counts_usage and known and incomplete),
    arraySort(groupUniqArrayIf(model, {_MODEL} and model != '')), arraySort(groupUniqArrayIf(process, process != '')),
    argMinIf(user_id, (start_ns, span_id), user_id != ''),
    argMinIf(first_input, (step != 'model', start_ns, span_id), first_input != ''),
    argMaxIf(last_output, (step = 'model', end_ns, span_id), last_output != ''), {{version:UInt64}}, 0
from (
    select s.*, if(s.response_model != '', s.response_model, s.request_model) as model,
        s.start_ns < r.until_ns as has_rates, {_TIER} as tier, isNotNull(s.reported) or has_rates as known,
        multiIf(isNotNull(s.reported), assumeNotNull(s.reported), has_rates, {_PRICE}, toDecimal128(0, 15)) as amount,
        isNull(s.reported) and (r.partial or (not r.audio and s.audio_input + s.audio_output > 0)) as incomplete
    from ({spans}) as s
    left asof join (select * from {DATABASE}.rates final) as r
        on s.provider = r.provider and s.request_model = r.request_model and s.response_model = r.response_model
            and s.start_ns >= r.since_ns
)
group by project, trace_id, placed"""


# A trace that left a session (a span named another one later) leaves a tombstone there.
_BURY_TRACES: Final = f"""
insert into {DATABASE}.traces (project, session_id, trace_id, version, gone)
select project, session_id, trace_id, {{version:UInt64}}, 1 from {DATABASE}.traces final
where (project, trace_id) in (select project, trace_id from {DATABASE}.touched) and version < {{version:UInt64}}"""

_FIND_SESSIONS: Final = f"""
insert into {DATABASE}.touched_sessions
select project, session_id from {DATABASE}.traces where version = {{version:UInt64}}
union distinct
select project, session_id from {DATABASE}.logs
where {_COMMITTED} and session_id != '' and event in {{events:Array(String)}}"""

_IS_END: Final = f"event = '{semconv.SESSION_END}'"
_ENDING: Final = f"{_IS_END} and (end_explicit or not has_explicit)"

_INSERT_SESSIONS: Final = f"""
insert into {DATABASE}.sessions
    (project, session_id, implicit, name, state, reason, tags, heard_ns, trace_count, {", ".join(SUMS)}, version, gone)
select k.project, k.session_id, t.traces > 0 and t.implicit and e.events = 0, if(e.name != '', e.name, t.name),
    e.state, e.reason, e.tags, greatest(t.end_ns, e.last_ns) as heard, t.traces,
    multiIf(e.started_ns > 0, e.started_ns, t.traces = 0, e.first_ns, e.events = 0, t.start_ns,
        least(t.start_ns, e.first_ns)),
    if(e.state != '', e.ended_ns, heard),
    {", ".join(f"t.{name}" for name in _ADDED)},
    t.models, arraySort(arrayDistinct(arrayConcat(t.processes, e.processes))),
    if(e.user_id != '', e.user_id, t.user_id), t.first_input, t.last_output, {{version:UInt64}},
    t.traces = 0 and e.events = 0
from (select distinct project, session_id from {DATABASE}.touched_sessions) as k
left join (
    select project, session_id, count() as traces, max(implicit) as implicit,
        argMinIf(name, (start_ns, trace_id), name != '') as name, min(r.start_ns) as start_ns, max(r.end_ns) as end_ns,
        {", ".join(f"sum(r.{name}) as {name}" for name in _ADDED)},
        arraySort(groupUniqArrayArray(r.models)) as models, groupUniqArrayArray(r.processes) as processes,
        argMinIf(r.user_id, (r.start_ns, trace_id), r.user_id != '') as user_id,
        argMinIf(r.first_input, (r.start_ns, trace_id), r.first_input != '') as first_input,
        argMaxIf(r.last_output, (r.end_ns, trace_id), r.last_output != '') as last_output
    from {DATABASE}.traces as r final
    prewhere (project, session_id) in (select project, session_id from {DATABASE}.touched_sessions)
    group by project, session_id
) as t on k.project = t.project and k.session_id = t.session_id
left join (
    select project, session_id, count() as events,
        argMaxIf(name, (time_ns, uid), name != '') as name,
        argMaxIf(user_id, (time_ns, uid), user_id != '') as user_id,
        max(end_explicit and {_IS_END}) as has_explicit,
        countIf({_IS_END}) as ends,
        if(ends = 0, '', if(has_explicit, argMaxIf(end_state, (time_ns, uid), {_IS_END} and end_explicit),
            argMaxIf(end_state, (time_ns, uid), {_IS_END}))) as state,
        if(has_explicit, argMaxIf(end_reason, (time_ns, uid), {_IS_END} and end_explicit),
            argMaxIf(end_reason, (time_ns, uid), {_IS_END})) as reason,
        if(has_explicit, maxIf(time_ns, {_IS_END} and end_explicit), maxIf(time_ns, {_IS_END})) as ended_ns,
        minIf(time_ns, event = '{semconv.SESSION_START}') as started_ns, min(time_ns) as first_ns,
        max(time_ns) as last_ns, groupUniqArrayIf(process, process != '') as processes,
        maxIf(time_ns, replaces_tags) as replaced_ns,
        arrayDistinct(arrayConcat(
            argMaxIf(tags, (time_ns, uid), replaces_tags),
            arrayFlatten(arrayMap(one -> one.2, arrayFilter(one -> one.1 >= replaced_ns,
                arraySort(groupArrayIf((time_ns, tags_added), notEmpty(tags_added))))))
        )) as tags
    from {DATABASE}.session_events final
    where (project, session_id) in (select project, session_id from {DATABASE}.touched_sessions)
    group by project, session_id
) as e on k.project = e.project and k.session_id = e.session_id"""


class Rollup:
    """Brings traces and sessions up to what was committed. Used by one thread at a time."""

    def __init__(self, writer: Handle) -> None:
        self._writer = writer
        for statement in (_TOUCHED, _TOUCHED_SESSIONS):
            writer.run(statement)
        self._rates = RateBook(writer)
        rows = writer.rows(f"select value from {DATABASE}.marks final where name = 'rolled up'")
        self._mark = self._done = rows[0][0] if rows else 0
        self._version = self._done

    @property
    def done(self) -> int:
        """The last commit that traces and sessions show."""
        return self._done

    def catch_up(self, upto: int) -> None:
        """Roll up all commits up to `upto`, some thousand spans at a time."""
        while self._done < upto:
            self._advance(self._next(upto))

    def remember(self) -> None:
        """Keep how far it came, so that the next start need not repeat it."""
        if self._mark == self._done:
            return
        self._writer.run(
            f"insert into {DATABASE}.marks select 'rolled up', {{done:UInt64}}, {{now:UInt64}}",
            {"done": self._done, "now": time.time_ns()},
        )
        self._mark = self._done

    def _next(self, upto: int) -> int:
        """The last commit of the next step."""
        spans = 0
        for commit, count in self._writer.rows(
            f"select commit, count() from {DATABASE}.spans where {_COMMITTED} group by commit order by commit",
            {"after": self._done, "upto": upto},
        ):
            spans += count
            if spans >= _SPANS_AT_ONCE:
                return int(commit)
        return upto

    def _advance(self, upto: int) -> None:
        run = self._writer.run
        commits = {"after": self._done, "upto": upto}
        # A repeated step must beat what an interrupted one left behind.
        self._version = max(self._version + 1, time.time_ns())
        version = {"version": self._version}
        run(f"truncate table {DATABASE}.touched")
        run(f"truncate table {DATABASE}.touched_sessions")
        run(_FIND_MINUTES, commits)
        run(_FIND_TRACES, commits)
        self._rates.learn(self._done, upto)
        tangled = self._writer.rows(_FIND_TANGLED)
        if tangled:
            self._place(tangled)
        run(_insert_traces(placed=False), version)
        if tangled:
            run(_insert_traces(placed=True), version)
        run(_BURY_TRACES, version)
        gather_events(self._writer, self._done, upto)
        run(_FIND_SESSIONS, {**commits, **version, "events": list(EVENTS)})
        run(_INSERT_SESSIONS, version)
        self._done = upto

    def _place(self, tangled: Sequence[Row]) -> None:
        """Write down where each span of the tangled traces belongs."""
        keys = {
            "projects": [text(project) for project, _ in tangled],
            "traces": [trace_id.hex() for _, trace_id in tangled],
        }
        rows: list[tuple[object, ...]] = []
        spans = self._writer.rows(_READ_TANGLED, keys)
        for (project, trace_id), members in groupby(spans, key=itemgetter(0, 1)):
            nodes = [
                Node(span_id, parent_id, text(session_id), start_ns, bool(calls), bool(usage))
                for _, _, span_id, parent_id, session_id, start_ns, calls, usage in members
            ]
            rows.extend(
                (
                    text(project),
                    trace_id,
                    span_id,
                    where.session_id or trace_id.hex(),
                    where.counts_call,
                    where.counts_usage,
                    self._version,
                )
                for span_id, where in place(nodes).items()
            )
        self._writer.insert(f"{DATABASE}.places", _PLACE_COLUMNS, rows)
