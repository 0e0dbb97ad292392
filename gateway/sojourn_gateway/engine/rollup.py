"""Roll-ups: the rows of traces and sessions, recomputed whole for those that a commit touched.

Sums are never added to: a span that is sent again, replaced or moved would then count twice. Every step may be
repeated; after a death the steps run again from the last commit that was rolled up.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_gateway.engine import dialects
from sojourn_gateway.engine.graves import Graves
from sojourn_gateway.engine.mapping import PREVIEW
from sojourn_gateway.engine.moved import mark_moved
from sojourn_gateway.engine.placing import place_tangled
from sojourn_gateway.engine.rates import ASKED_PRICE, PRICE, TIER, RateBook
from sojourn_gateway.engine.session_events import EVENTS, gather_events
from sojourn_gateway.engine.slices import in_slices
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.tags import MOST_OF_A_TRACE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sojourn.price_file import PriceList
    from sojourn_gateway.engine.backend import Handle, Row, Signal

__all__ = ["PAYS", "REMEMBER_NS", "SUMS", "UNREAD", "Rollup"]

UNREAD: Final = "unread records"
"""The mark that counts records of sessions that no roll-up could read."""

_NO_SPAN: Final = "toFixedString(repeat(char(0), 8), 8)"
_MODEL: Final = "step in ('model', 'embedding')"
PAYS: Final = "(counts_usage or (step = 'tool' and isNotNull(reported)))"
"""Whether a span's cost is added: calls of models that no call inside repeats, tools that say what they cost."""
_SPANS_AT_ONCE: Final = 60_000
_MOST: Final = 10_000
"""Names of one kind that a trace or session keeps: one of a hundred thousand would stop the sums of everybody.

So many failures of a trace are looked through for those that were passed on; more than that are counted each.
"""
REMEMBER_NS: Final = 30_000_000_000
"""How long what was rolled up may be unremembered: the next start repeats it when the process is killed."""

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
    "last_error",
)
"""What the rows of traces and of sessions have in common, in the order of their tables."""

_ADDED: Final = SUMS[2:16]

_TOUCHED: Final = f"""
create table if not exists {DATABASE}.touched (project String, trace_id FixedString(16), minute UInt32)
engine = Memory"""
_FRESH: Final = f"""
create table if not exists {DATABASE}.fresh (
    project String, trace_id FixedString(16), minutes Array(UInt32), tangled Bool, moved Bool, again Bool
) engine = Memory"""
_TOUCHED_SESSIONS: Final = f"""
create table if not exists {DATABASE}.touched_sessions (project String, session_id String) engine = Memory"""

_COMMITTED: Final = "commit > {after:UInt64} and commit <= {upto:UInt64}"

# How a trace differs from what one rule for all spans gets right: several sessions, or a call of a model below another
# one, as far as a step below a call tells: it is a call as well, or it has steps below itself, which may be. (A tool
# below the call that asked for it, as most agents record it, is neither.) And spans that `moved` to another minute.
_ODD: Final = """uniqExactIf(session_id, session_id != '') > 1
        or notEmpty(arrayIntersect(groupUniqArrayIf(span_id, calls), groupUniqArrayIf(parent_id, calls or holds)))
        as tangled,
    uniqExact(minute) > 1 and uniqExact(span_id, minute) > uniqExact(span_id) as moved"""


def _odd_among(spans: Callable[[str], str]) -> str:
    """What `_ODD` is asked of: `spans` are those rows with the columns that it is given."""
    kin = spans("project, minute, trace_id, span_id, parent_id, session_id, step")
    return f"""(
    select *, {_MODEL} as calls,
        (project, trace_id, span_id) in (select project, trace_id, parent_id from ({kin})) as holds
    from ({kin}))"""


# What these commits hold of each trace. Everything that follows asks this, and not the spans.
def _find_fresh(where: str) -> str:
    fresh = _odd_among(lambda columns: f"select {columns} from {DATABASE}.spans where {_COMMITTED} and {where}")
    return f"""
insert into {DATABASE}.fresh select project, trace_id, groupUniqArray(minute) as minutes, {_ODD},
    count() > uniqExact(span_id) as again
from {fresh} group by project, trace_id"""


# Traces of which earlier commits hold spans: their minutes, old and new. A trace that is whole in these commits is read
# by commit alone, from the parts just written; by its minute it would lie among all that came in that minute.
_FIND_OLD: Final = f"""
insert into {DATABASE}.touched select project, trace_id, minute from {DATABASE}.trails
where (project, trace_id) in (select project, trace_id from {DATABASE}.fresh)"""
_FIND_MINUTES: Final = f"""
insert into {DATABASE}.trails select project, trace_id, arrayJoin(minutes) from {DATABASE}.fresh"""
_FIND_MINUTES_OF_OLD: Final = f"""
insert into {DATABASE}.touched select project, trace_id, arrayJoin(minutes) as minute from {DATABASE}.fresh
where (project, trace_id) in (select project, trace_id from {DATABASE}.touched)"""
_FOUND: Final = f"""
select (select count() from {DATABASE}.touched) > 0, countIf(tangled or moved), max(again)
from {DATABASE}.fresh"""
_FRESH_ODD: Final = f"""
select project, trace_id, tangled, moved from {DATABASE}.fresh where tangled or moved"""

# The newest row of each id: a span that was sent again with another start may have an older row in another minute.
_NEWEST: Final = "order by version desc limit 1 by project, trace_id, span_id"
_OLD: Final = f"(select project, trace_id from {DATABASE}.touched)"
_OF_OLD: Final = f"(project, minute, trace_id) in (select project, minute, trace_id from {DATABASE}.touched)"


def _touched_spans(columns: str, where: str = "true", *, old: bool) -> str:
    """The rows of all traces that these commits touched; `old` when there are some that earlier commits hold too."""
    fresh = f"select {columns} from {DATABASE}.spans where {_COMMITTED} and {where}"
    if not old:
        return fresh
    return f"""{fresh} and (project, trace_id) not in {_OLD}
        union all select {columns} from {DATABASE}.spans where {_OF_OLD} and {where}"""


def _find_odd(where: str) -> str:
    touched = _odd_among(lambda columns: _touched_spans(columns, where, old=True))
    return f"select project, trace_id, {_ODD} from {touched} group by project, trace_id having tangled or moved"


_PLACED: Final = f"(select distinct project, trace_id from {DATABASE}.places where version = {{version:UInt64}})"


def _insert_traces(among: str, *, old: bool, again: bool, placed: bool | None) -> str:
    """Of the traces that have places, of those that have none; of all, which is None, where no trace has any.

    `again` when a span may be there twice.
    """
    columns = (
        "project, trace_id, span_id, parent_id, session_id, user_id, name, step, start_ns, end_ns, status, "
        "status_message, error_type, provider, request_model, response_model, input_tokens, output_tokens, cache_read, "
        "cache_write, reasoning, "
        "audio_input, audio_output, reported, usage, process, first_input, last_output, session_name, end_state, tags, "
        "service, version"
    )
    where = "true" if placed is None else f"(project, trace_id) {'in' if placed else 'not in'} {_PLACED}"
    touched = _touched_spans(columns, f"{among} and {where}", old=old)
    newest = f"select * from ({touched}) {_NEWEST}" if again else touched
    if placed:
        spans = f"""select x.*, p.placed as placed, p.counts_call as counts_call, p.counts_usage as counts_usage
        from ({newest}) as x
        inner join (
            select project, trace_id, span_id, session_id as placed, counts_call, counts_usage
            from {DATABASE}.places final where version = {{version:UInt64}}
        ) as p on x.project = p.project and x.trace_id = p.trace_id and x.span_id = p.span_id"""
    else:
        spans = f"""select *, '' as placed, {_MODEL} as counts_call, usage as counts_usage
        from ({newest})"""
    tokens = ", ".join(f"sumIf({kind}, counts_usage)" for kind in SUMS[7:12])
    from_root = f"(parent_id != {_NO_SPAN}, start_ns, span_id)"
    return f"""
insert into {DATABASE}.traces
    (project, session_id, trace_id, implicit, name, status, {", ".join(SUMS)}, session_name, end_state, tags, service,
    ok_spans, failed_spans, ok_tokens, failed_tokens, asked_price, whole_price, version, gone)
select project, multiIf(placed != '', placed, max(session_id) != '', max(session_id), lower(hex(trace_id))) as session,
    trace_id, max(session_id) = '' and placed in ('', lower(hex(trace_id))), argMin(name, {from_root}),
    if(argMin(status, {from_root}) != 0, argMin(status, {from_root}), if(countIf(status = 2) > 0, 2, 0)),
    min(start_ns), max(greatest(start_ns, end_ns)), count(),
    countIf(status = 2) - length(arrayIntersect(groupArrayIf({_MOST})(concat(span_id, error_type), status = 2),
        groupArrayIf({_MOST})(concat(parent_id, error_type), status = 2))),
    countIf(counts_call), countIf(step = 'tool'), countIf(step in ('action', 'task')),
    {tokens},
    sumIf(amount, {PAYS} and known), countIf({PAYS} and known), countIf(counts_usage and not known),
    countIf(counts_usage and known and incomplete),
    arraySort(groupUniqArrayIf({_MOST})(model, {_MODEL} and model != '')),
    arraySort(groupUniqArrayIf({_MOST})(process, process != '')),
    argMinIf(user_id, (start_ns, span_id), user_id != ''),
    argMinIf(first_input, (step != 'model', start_ns, span_id), first_input != ''),
    argMaxIf(last_output, (step = 'model', end_ns, span_id), last_output != ''),
    argMaxIf(substringUTF8(arrayStringConcat(arrayFilter(told -> told != '', [error_type, status_message]), ': '), 1,
        {PREVIEW}), (end_ns, span_id), status = 2 and (error_type != '' or status_message != '')),
    argMinIf(session_name, (start_ns, span_id), session_name != ''),
    argMinIf(end_state, (start_ns, span_id), parent_id = {_NO_SPAN}),
    {_all_tags("tags")}, argMin(service, {from_root}),
    countIf(status = 1), countIf(status = 2), sumIf(input_tokens + output_tokens, counts_usage and status = 1),
    sumIf(input_tokens + output_tokens, counts_usage and status = 2), sum(asked), sum(whole), {{version:UInt64}}, 0
from (
    select s.*, if(s.response_model != '', s.response_model, s.request_model) as model,
        s.start_ns < r.until_ns as has_rates, {TIER} as tier, isNotNull(s.reported) or has_rates as known,
        multiIf(isNotNull(s.reported), assumeNotNull(s.reported), has_rates, {PRICE}, toDecimal128(0, 15)) as amount,
        isNull(s.reported) and (r.partial or (not r.audio and s.audio_input + s.audio_output > 0)) as incomplete,
        if(s.counts_usage and has_rates, {ASKED_PRICE}, toDecimal128(0, 15)) as asked,
        if(s.counts_usage and has_rates, {PRICE}, toDecimal128(0, 15)) as whole
    from ({spans}) as s
    left asof join (select * from {DATABASE}.rates final) as r
        on s.provider = r.provider and s.request_model = r.request_model and s.response_model = r.response_model
            and s.start_ns >= r.since_ns
)
group by project, trace_id, placed"""


def _all_tags(column: str) -> str:
    return f"arraySlice(arraySort(groupUniqArrayArray({_MOST})({column})), 1, {MOST_OF_A_TRACE})"


# A trace that left a session (a span named another one later) leaves a tombstone there.
_BURY_TRACES: Final = f"""
insert into {DATABASE}.traces (project, session_id, trace_id, version, gone)
select project, session_id, trace_id, {{version:UInt64}}, 1 from {DATABASE}.traces final
where (project, trace_id) in (select project, trace_id from {DATABASE}.touched) and version < {{version:UInt64}}"""

_FIND_SESSIONS: Final = f"""
insert into {DATABASE}.touched_sessions
select distinct project, session_id from {DATABASE}.traces where version = {{version:UInt64}}"""
_FIND_SESSIONS_OF_LOGS: Final = f"""
insert into {DATABASE}.touched_sessions
select distinct project, session_id from {DATABASE}.logs
where {_COMMITTED} and session_id != '' and event in {{events:Array(String)}}"""
_FIND_EVENTS: Final = f"""
select 1 from {DATABASE}.session_events
where (project, session_id) in (select project, session_id from {DATABASE}.touched_sessions) limit 1"""

_IS_END: Final = f"event = '{semconv.SESSION_END}'"
_JUDGED: Final = (
    f"if(r.end_state = '', '', transform(lower(toString(r.end_state)), {list(dialects.END_STATE_WORDS)}, "
    f"{list(dialects.END_STATE_WORDS.values())}, 'Indeterminate'))"
)
"""How a trace that is a session by itself says that it ended."""


def _of_traces(among: str) -> str:
    return f"""left join (
    select project, session_id, count() as traces, max(implicit) as implicit,
        if(max(r.session_name) != '', argMinIf(r.session_name, (r.start_ns, trace_id), r.session_name != ''),
            argMinIf(r.name, (r.start_ns, trace_id), r.name != '')) as name,
        maxIf({_JUDGED}, r.implicit) as state, min(r.start_ns) as start_ns, max(r.end_ns) as end_ns,
        {", ".join(f"sum(r.{name}) as {name}" for name in _ADDED)},
        arraySort(groupUniqArrayArray({_MOST})(r.models)) as models,
        groupUniqArrayArray({_MOST})(r.processes) as processes,
        {_all_tags("r.tags")} as tags, argMinIf(r.user_id, (r.start_ns, trace_id), r.user_id != '') as user_id,
        argMinIf(r.first_input, (r.start_ns, trace_id), r.first_input != '') as first_input,
        argMaxIf(r.last_output, (r.end_ns, trace_id), r.last_output != '') as last_output,
        argMaxIf(r.last_error, (r.end_ns, trace_id), r.last_error != '') as last_error, countIf(r.errors > 0) as failed,
        quantilesExactInclusive(0.5, 0.95)((toInt64(r.end_ns) - toInt64(r.start_ns)) / 1e6) as turns
    from {DATABASE}.traces as r final
    prewhere {among} and (project, session_id) in (select project, session_id from {DATABASE}.touched_sessions)
    group by project, session_id
) as t on k.project = t.project and k.session_id = t.session_id"""


def _of_events(among: str) -> str:
    return f"""
left join (
    select project, session_id, count() as events, countIf(own_error) as own_errors,
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
        max(time_ns) as last_ns, groupUniqArrayIf({_MOST})(process, process != '') as processes,
        maxIf(time_ns, replaces_tags) as replaced_ns,
        arrayDistinct(arrayConcat(
            argMaxIf(tags, (time_ns, uid), replaces_tags),
            arrayFlatten(arrayMap(one -> one.2, arrayFilter(one -> one.1 >= replaced_ns,
                arraySort(groupArrayIf((time_ns, tags_added), notEmpty(tags_added))))))
        )) as tags
    from {DATABASE}.session_events final
    where {among} and (project, session_id) in (select project, session_id from {DATABASE}.touched_sessions)
    group by project, session_id
) as e on k.project = e.project and k.session_id = e.session_id"""


_UNTOLD: Final = {
    **dict.fromkeys(("name", "user_id", "state", "reason"), "''"),
    **dict.fromkeys(("events", "own_errors", "ended_ns", "started_ns", "first_ns", "last_ns"), "toUInt64(0)"),
    **dict.fromkeys(("processes", "tags"), "cast([], 'Array(String)')"),
}
"""What joining no events would give, without the planning of it."""


def _insert_sessions(among: str, *, told: bool) -> str:
    """Of the touched sessions; `told` when there are events of some of them."""
    e = {name: f"e.{name}" if told else untold for name, untold in _UNTOLD.items()}
    added = (f"t.errors + {e['own_errors']}" if name == "errors" else f"t.{name}" for name in _ADDED)
    return f"""
insert into {DATABASE}.sessions
    (project, session_id, implicit, name, state, reason, told_tags, tags, heard_ns, trace_count, {", ".join(SUMS)},
    failed_traces, turn_p50, turn_p95, version, gone)
select k.project, k.session_id, t.traces > 0 and t.implicit and {e["events"]} = 0,
    if({e["name"]} != '', {e["name"]}, t.name), if({e["state"]} != '', {e["state"]}, t.state), {e["reason"]},
    {e["tags"]}, arrayDistinct(arrayConcat({e["tags"]}, t.tags)), greatest(t.end_ns, {e["last_ns"]}) as heard, t.traces,
    multiIf({e["started_ns"]} > 0, {e["started_ns"]}, t.traces = 0, {e["first_ns"]}, {e["events"]} = 0, t.start_ns,
        least(t.start_ns, {e["first_ns"]})),
    if({e["state"]} != '', {e["ended_ns"]}, heard),
    {", ".join(added)},
    t.models, arraySort(arrayDistinct(arrayConcat(t.processes, {e["processes"]}))),
    if({e["user_id"]} != '', {e["user_id"]}, t.user_id), t.first_input, t.last_output, t.last_error, t.failed,
    t.turns[1], t.turns[2], {{version:UInt64}}, t.traces = 0 and {e["events"]} = 0
from (select distinct project, session_id from {DATABASE}.touched_sessions where {among}) as k
{_of_traces(among)}{_of_events(among) if told else ""}"""


class Rollup:
    """Brings traces and sessions up to what was committed. Used by one thread at a time."""

    def __init__(self, writer: Handle, prices: PriceList) -> None:
        self._writer = writer
        for statement in (_FRESH, _TOUCHED, _TOUCHED_SESSIONS):
            writer.run(statement)
        self.rates = RateBook(writer, prices)
        self.graves = Graves(writer)
        rows = writer.rows(f"select value from {DATABASE}.marks final where name = 'rolled up'")
        self._mark = self._done = rows[0][0] if rows else 0
        self._version = self._done
        self._remembered_ns = time.time_ns()
        # What an earlier process committed: nobody told how much that is, and what of.
        self._commits: dict[int, Signal] | None = None

    @property
    def done(self) -> int:
        """The last commit that traces and sessions show."""
        return self._done

    @property
    def version(self) -> int:
        """That of the rows that were made last."""
        return self._version

    def hear(self, signal: Signal, commit: int) -> None:
        """Told of each commit as it is made."""
        if self._commits is not None:
            self._commits[commit] = signal

    def catch_up(self, upto: int) -> None:
        """Roll up all commits up to `upto`, some thousand spans at a time."""
        while self._done < upto:
            self._advance(self._next(upto))
            if time.time_ns() - self._remembered_ns > REMEMBER_NS:
                self.remember()
        heard = self._commits or {}
        self._commits = {commit: signal for commit, signal in heard.items() if commit > self._done}

    def renew(self, traces: str, sessions: str, values: Mapping[str, Any] | None = None) -> None:
        """Make rows anew: of traces, by a select of `project, trace_id, minute`, and of sessions, by one of their keys.

        To be called when everything is rolled up.
        """
        self._begin()
        self._writer.run(f"insert into {DATABASE}.touched {traces}", values)
        self._writer.run(f"insert into {DATABASE}.touched_sessions {sessions}", values)
        commits = {"after": self._done, "upto": self._done}
        self._summarize(commits, old=True, again=True, odd=self._find_odd(commits))

    def price_by(self, prices: PriceList) -> None:
        """Take other prices of the user's, as a new start would."""
        self.rates = RateBook(self._writer, prices)

    def remember(self) -> None:
        """Keep how far it came, so that the next start need not repeat it."""
        if self._mark == self._done:
            return
        self._writer.run(
            f"insert into {DATABASE}.marks select 'rolled up', {{done:UInt64}}, {{now:UInt64}}",
            {"done": self._done, "now": time.time_ns()},
        )
        self._mark = self._done
        self._remembered_ns = time.time_ns()

    def _next(self, upto: int) -> int:
        """The last commit of the next step."""
        if self._commits is not None and sum(self._done < commit <= upto for commit in self._commits) == 1:
            return upto
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
        odd: list[Row] = []
        self.graves.keep_out(self._done, upto)
        self._begin()
        old = again = False
        if self._holds("traces", upto):
            self._in_slices("trace_id", _find_fresh, commits)
            run(_FIND_OLD)
            old, is_odd, again = self._writer.rows(_FOUND)[0]
            odd += self._writer.rows(_FRESH_ODD) if is_odd and not old else ()
            run(_FIND_MINUTES)
            if old:
                run(_FIND_MINUTES_OF_OLD)
            self.rates.learn(self._done, upto)
        if old:
            odd += self._find_odd(commits)
        self._summarize(commits, old=bool(old), again=bool(old or again), odd=odd)
        self._done = upto

    def _in_slices(self, column: str, statement: Callable[[str], str], values: Mapping[str, int]) -> None:
        in_slices(column, lambda among: self._writer.run(statement(among), values))

    def _find_odd(self, commits: Mapping[str, int]) -> list[Row]:
        found: list[Row] = []
        in_slices("trace_id", lambda where: found.extend(self._writer.rows(_find_odd(where), commits)))
        return found

    def _holds(self, signal: Signal, upto: int) -> bool:
        """Whether the commits that come next may hold some of these."""
        if self._commits is None:
            return True
        return any(held == signal and self._done < commit <= upto for commit, held in self._commits.items())

    def _begin(self) -> None:
        # A repeated step must beat what an interrupted one left behind.
        self._version = max(self._version + 1, time.time_ns())
        for name in ("fresh", "touched", "touched_sessions"):
            self._writer.run(f"truncate table {DATABASE}.{name}")

    def _summarize(self, commits: Mapping[str, int], *, old: bool, again: bool, odd: Sequence[Row]) -> None:
        """Make the rows of the traces of these commits, of those in `touched`, and of the sessions of all of them."""
        run = self._writer.run
        version = {"version": self._version}
        if any(moved for *_, moved in odd):
            mark_moved(self._writer, [(project, trace_id) for project, trace_id, *_ in odd], self._version)
        tangled = [(project, trace_id) for project, trace_id, is_tangled, _ in odd if is_tangled]
        if tangled:
            place_tangled(self._writer, tangled, partial(_touched_spans, old=old), commits, self._version)
        if tangled or old or self._holds("traces", commits["upto"]):
            for placed in (False, True) if tangled else (None,):
                insert = partial(_insert_traces, old=old, again=again, placed=placed)
                self._in_slices("trace_id", insert, {**commits, **version})
        if old:
            run(_BURY_TRACES, version)
        run(_FIND_SESSIONS, version)
        if self._holds("logs", commits["upto"]):
            self._count_unread(gather_events(self._writer, commits["after"], commits["upto"]), commits["upto"])
            run(_FIND_SESSIONS_OF_LOGS, {**commits, "events": list(EVENTS)})
        told = bool(self._writer.rows(_FIND_EVENTS))
        self._in_slices("session_id", partial(_insert_sessions, told=told), version)

    def _count_unread(self, unread: int, upto: int) -> None:
        """Keep how many records could not be read, for whoever looks after the store; a repeated step counts none."""
        if unread:
            self._writer.run(
                f"""insert into {DATABASE}.marks
                select '{UNREAD}', {{unread:UInt64}} + sum(value), {{upto:UInt64}} from {DATABASE}.marks final
                where name = '{UNREAD}' having max(version) < {{upto:UInt64}}""",
                {"unread": unread, "upto": upto},
            )
