"""Sessions counted: what their steps come to as events, without one row for each step.

The rule itself is `apis/kore/plan.py`, which sees a session whole; tests of sessions of every shape say that both find
the same. What a step does is summed by trace and session, then by session. Two things need more than sums, and are
asked for only where they occur: which decisions a trace implies beside those that it tells, and which step is the
outermost of a trace that failed and of which some parents are not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_gateway.engine.bound import ids_in
from sojourn_gateway.engine.happenings import BY_START, GOES_ON, KIND, SPEAKING, SPEAKS, TAKER, said
from sojourn_gateway.engine.moved import NEWEST
from sojourn_gateway.engine.steps import first_attribute
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.outline import AGENT_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine

__all__ = ["SAYINGS", "SESSION_COLUMNS", "count_sessions", "deciding_steps", "failed_outermost", "find_words"]

SAYINGS: Final = ("channel", "disposition", "environment")
"""The metadata that a step may tell of its session."""

_NO_SPAN: Final = "toFixedString(repeat(char(0), 8), 8)"
_TRACES_AT_ONCE: Final = 1_000
_MOST_RESOURCES: Final = 1_000
"""That are looked through for where a session ran: a program that starts anew for each step has one for each."""

# The order of a session's steps, as `reading` has it.
_PLACE: Final = "(start_ns, bitNot(if(end_ns = 0, toUInt64(18446744073709551615), end_ns)), trace_id, span_id)"
_WORDS: Final[Mapping[str, str]] = {
    "own_kind": KIND,
    "taker": TAKER,
    "task": said(semconv.HANDOFF_TASK),
    "goes_on": GOES_ON,
    "hands": "(own_kind = 'handoff' or (taker != '' and own_kind != 'decision'))",
}
"""What a step says that decides which events it is."""
_TOLD: Final = ", ".join(f"{told} as {name}" for name, told in _WORDS.items())
_UNTOLD: Final = "'' as own_kind"

_OF_STEPS: Final[Mapping[str, str]] = {
    "speaks": f"max({SPEAKS})",
    "open": "countIf(end_ns = 0)",
    "open_tools": "countIf(step = 'tool' and end_ns = 0)",
    "guards": "countIf(step = 'guardrail' or own_kind = 'guardrail')",
    "failures": "countIf(status = 2)",
    "roots": f"countIf(parent_id = {_NO_SPAN})",
    "orphans": f"length(groupUniqArrayIf(parent_id, parent_id != {_NO_SPAN}) as parents) "
    "- length(arrayIntersect(parents, groupArray(span_id)))",
    "outermost": f"if(roots > 0, argMinIf(status, {BY_START}, parent_id = {_NO_SPAN}), argMin(status, {BY_START}))",
    "resources": "minMap([toString(resource)], [start_ns])",
}
"""Of the steps that a trace has in one session. `outermost` is how the outermost step went, unless there are orphans:
steps whose parent is not there."""
_OF_WORDS: Final[Mapping[str, str]] = {
    "changes": "countIf(own_kind = 'state_change' and step != 'guardrail')",
    "said": "countIf(own_kind = 'response' and step != 'guardrail')",
    "says": "max(own_kind = 'response')",
    "decided": "countIf(own_kind = 'decision' and step != 'guardrail')",
    "decides": "max(own_kind = 'decision')",
    "handoffs": "countIf(hands and task = '')",
    "delegates": "countIf(hands and task != '')",
    "routes": "countIf(goes_on and not hands)",
}

_ANSWERS: Final = "was_answered and speaks and open = 0 and not says"
_UNSURE: Final = f"({_ANSWERS} and failures > 0 and orphans > 0)"
_MIXED: Final = "(decides and handoffs + delegates + routes > 0)"
_OF_TRACES: Final[Mapping[str, str]] = {
    "asked": "countIf(was_asked and speaks)",
    "open": "sum(open)",
    "open_tools": "sum(open_tools)",
    "guardrail_eval": "sum(guards)",
    "state_change": "sum(changes)",
    "handoff": "sum(handoffs)",
    "delegate": "sum(delegates)",
    "decision": f"sum(decided) + sumIf(handoffs + delegates + routes, not {_MIXED})",
    "response": f"sum(said) + countIf({_ANSWERS} and not {_UNSURE} and (failures = 0 or outermost != 2))",
    "mixed": f"groupArrayIf(trace_id, {_MIXED})",
    "unsure": f"groupArrayIf(trace_id, {_UNSURE})",
    "last_ns": "max(turn_ended)",
    "busy_ns": "sum(greatest(toInt64(turn_ended) - toInt64(turn_begun), 0))",
    "resources": f"""arrayMap(known -> known.1, arraySlice(arraySort(known -> known.2,
        arrayZip((minMap(resources.1, resources.2) as found).1, found.2)), 1, {_MOST_RESOURCES}))""",
}
SESSION_COLUMNS: Final = ("session_id", *_OF_TRACES, "agent", *SAYINGS)
"""The columns of `count_sessions`, in order; `decision` and `response` lack what `mixed` and `unsure` traces add."""

_TRACES: Final = f"""
    select trace_id from {DATABASE}.traces final
    where project = {{project:String}} and session_id in {{sessions:Array(String)}}"""
_TURNS: Final = f"""
    select session_id as session, trace_id as in_trace, start_ns as begun, end_ns as ended,
        notEmpty(first_input) as asked, notEmpty(last_output) as answered
    from {DATABASE}.traces final
    where project = {{project:String}} and session_id in {{sessions:Array(String)}}"""
# Places hold whole traces, and only those that one rule gets wrong; those of an older version are of another time.
_PLACES: Final = f"""
    select trace_id as of_trace, span_id as of_span, session_id as placed from {DATABASE}.places final
    where project = {{project:String}} and (trace_id, version) in (
        select trace_id, version from {DATABASE}.traces final
        where project = {{project:String}} and session_id in {{sessions:Array(String)}})"""
_THESE: Final = f"trace_id in {ids_in('traces')}"
_COLUMNS: Final = "trace_id, span_id, parent_id, name, step, start_ns, end_ns, status, a_s, a_x, content, resource"
_NAMES: Final = (
    *SPEAKING,
    *AGENT_NAMES,
    *(f"{prefix}{name}" for prefix in semconv.METADATA_PREFIXES for name in SAYINGS),
)


def find_words(engine: Engine, project: str, sessions: Sequence[str]) -> frozenset[str]:
    """Which of the attributes that decide anything here stand in the steps of some sessions: names are read fast."""
    rows = engine.rows(
        f"""select groupUniqArrayArray(arrayFilter(name -> has({{names:Array(String)}}, name),
            arrayConcat(mapKeys(a_s), mapKeys(a_x)))) from {DATABASE}.spans where {_within()}""",
        {"project": project, "sessions": list(sessions), "names": list(_NAMES)},
    )
    return frozenset(text(name) for name in rows[0][0])


def count_sessions(
    engine: Engine,
    project: str,
    sessions: Sequence[str],
    words: frozenset[str],
    agents: Mapping[tuple[str, str], str],
) -> Sequence[Row]:
    """A row for each session that has steps.

    `words` are those that `find_words` found; `agents` the names that a session declares, by its id and theirs.
    """
    values: dict[str, Any] = {"project": project, "sessions": list(sessions)}
    called = f"if(step = 'agent', replaceRegexpOne(toString(name), '^{semconv.INVOKE_AGENT} ', ''), '')"
    if agents:
        declared = f"""transform(concat(toString(length(session)), ':', session, a_s['{semconv.AGENT_ID}']),
            {{declared:Array(String)}}, {{called:Array(String)}}, '')"""
        called = f"coalesce(nullIf({declared}, ''), {called})"
        values["declared"] = [f"{len(session.encode())}:{session}{agent}" for session, agent in agents]
        values["called"] = list(agents.values())
    # What no step of these sessions says costs nothing to leave out, and much to plan.
    speaks = not words.isdisjoint(SPEAKING)
    firsts = {"agent": _first(AGENT_NAMES, words, called)} | {
        name: _first([f"{prefix}{name}" for prefix in semconv.METADATA_PREFIXES], words, "''") for name in SAYINGS
    }
    meant = {name: told for name, told in firsts.items() if told != "''"}
    by_trace = [
        "session, trace_id, any(begun) as turn_begun, any(ended) as turn_ended",
        "any(asked) as was_asked, any(answered) as was_answered",
        *(f"{told} as {name}" for name, told in _OF_STEPS.items()),
        *(f"{told if speaks else 0} as {name}" for name, told in _OF_WORDS.items()),
        *(f"minIf(({_PLACE}, {told} as own_{name}), own_{name} != '') as {name}" for name, told in meant.items()),
    ]
    by_session = [
        *_OF_TRACES.values(),
        *(f"minIf({name}, {name}.2 != '').2" if name in meant else "''" for name in firsts),
    ]
    told = ", ".join(f"{one} as told_{rank}" for rank, one in enumerate(by_session))
    return engine.rows(
        f"""select session, {told} from (
            select {", ".join(by_trace)} from (
                select *, {_TOLD if speaks else _UNTOLD} from ({_steps(engine, project)}))
            group by session, trace_id
        ) group by session""",
        values,
    )


def deciding_steps(
    engine: Engine, project: str, sessions: Sequence[str], traces: Sequence[bytes]
) -> Iterator[Sequence[Row]]:
    """The steps of some traces, as far as they lie in these sessions, that decide, hand over or route.

    Each is session, trace, id and parent; whether it decides, and on what target it hands over by that (null: on none);
    whether it hands over, and to whom; whether it routes.
    """
    by_handing = f"own_kind = 'decision' and a_s['{semconv.DECISION_KIND}'] = 'handoff'"
    target = f"if({by_handing}, {said(semconv.DECISION_TARGET)}, null)"
    for listed in _in_pages(traces):
        yield engine.rows(
            f"""select session, trace_id, span_id, parent_id, own_kind = 'decision', {target}, hands, taker,
                goes_on and not hands
            from (select *, {_TOLD} from ({_steps(engine, project, _THESE)}))
            where own_kind = 'decision' or hands or goes_on""",
            {"project": project, "sessions": list(sessions), "traces": listed},
        )


def failed_outermost(
    engine: Engine, project: str, sessions: Sequence[str], traces: Sequence[bytes]
) -> Iterator[Sequence[Row]]:
    """Session and trace of those of some traces of which the outermost step in the session failed."""
    for listed in _in_pages(traces):
        within = f"""select session, trace_id, span_id, parent_id, start_ns, end_ns, status
            from ({_steps(engine, project, _THESE)})"""
        yield engine.rows(
            f"""select session, trace_id from ({within})
            where (session, trace_id, parent_id) not in (select session, trace_id, span_id from ({within}))
            group by session, trace_id having argMin(status, {BY_START}) = 2""",
            {"project": project, "sessions": list(sessions), "traces": listed},
        )


def _first(names: Sequence[str], words: frozenset[str], otherwise: str) -> str:
    """The first of some attributes that a step says, of those that are said at all."""
    heard = [name for name in names if name in words]
    if not heard:
        return otherwise
    return f"coalesce(nullIf({first_attribute(*heard)}, ''), {otherwise})"


def _within(traces: str = "true") -> str:
    return f"""project = {{project:String}} and (minute, trace_id) in (
        select minute, trace_id from {DATABASE}.trails
        where project = {{project:String}} and {traces} and trace_id in ({_TRACES}))"""


def _in_pages(traces: Sequence[bytes]) -> Iterator[list[str]]:
    for begin in range(0, len(traces), _TRACES_AT_ONCE):
        yield [trace_id.hex() for trace_id in traces[begin : begin + _TRACES_AT_ONCE]]


def _steps(engine: Engine, project: str, traces: str = "true") -> str:
    """A select of the steps of `{{sessions:Array(String)}}`: their session, its turn, and what is looked at.

    Of some traces alone, when a condition says of which.
    """
    spans = f"""select {_COLUMNS} from {DATABASE}.spans final where {_within(traces)} and {NEWEST}"""
    joined = f"""
            select s.*, t.session as session, t.begun as begun, t.ended as ended, t.asked as asked,
                t.answered as answered
            from ({spans}) as s inner join ({_TURNS}) as t on s.trace_id = t.in_trace"""
    is_tangled = f"select 1 from {DATABASE}.places where project = {{project:String}} limit 1"
    if not engine.rows(is_tangled, {"project": project}):
        return joined
    return f"""{joined}
            left join ({_PLACES}) as p on s.trace_id = p.of_trace and s.span_id = p.of_span
            where p.placed in ('', t.session)"""
