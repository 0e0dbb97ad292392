"""Events of all sessions as a table: what of a step is an event, said once more, in SQL.

The rule itself is `apis/kore/plan.py`, which sees a session whole. This one counts without holding any: a test of
sessions of every shape says that both find the same. They may differ for a trace that lies in several sessions, since a
failure that was passed on, a decision, or the outermost step may lie in another one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.engine.moved import NEWEST
from sojourn_gateway.engine.steps import first_attribute, steps
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.happening import CATEGORIES
from sojourn_gateway.model.outline import AGENT_NAMES, HANDOFFS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sojourn_gateway.engine.engine import Engine

__all__ = [
    "BY_START",
    "GOES_ON",
    "HERE",
    "KIND",
    "NO_SESSION",
    "OF_TIME",
    "SPEAKING",
    "SPEAKS",
    "TAKER",
    "Spoken",
    "agents_of",
    "answers",
    "find_spoken",
    "happenings",
    "holding",
    "said",
    "spoken_responses",
]

SPEAKS: Final = "step in ('model', 'agent', 'workflow', 'chain')"
"""Whether somebody is asked and answers in a step."""
_KINDS: Final = ("decision", "guardrail", "handoff", "response", "state_change")
KIND: Final = f"lower(a_s['{semconv.KIND}'])"
"""What a step says that it is."""
BY_START: Final = "(start_ns, bitNot(if(end_ns = 0, toUInt64(18446744073709551615), end_ns)), span_id)"
"""Of steps that start together the longest comes first; what has not ended lasts longest."""
NO_SESSION: Final = "false"
"""The condition on sessions that none meets."""
_MS: Final = "(toInt64(end_ns) - toInt64(start_ns)) / 1e6"
HERE: Final = f"""from {DATABASE}.spans final
    where project = {{project:String}} and minute >= {{first:UInt32}} and minute <= {{latest:UInt32}} and {NEWEST}"""
"""The newest rows of a project's spans of some minutes."""
# A condition by which a node was reached: `branch:<node>:<condition>:<this node>`, alone or in a list. A list is kept
# serialised, each text behind a byte that is a line's end and one or two that are its length.
_BRANCH: Final = r"'(?s)(^|\\x0A..?)branch:[^:\\x0A]*:[^:\\x0A]*:'"


def said(name: str) -> str:
    """A text; of a list, which is kept behind a letter, whether it holds anything."""
    return f"if(a_s['{name}'] != '', a_s['{name}'], if(length(a_x['{name}']) > 1, a_x['{name}'], ''))"


def _first_said(names: Sequence[str]) -> str:
    tried = ", ".join(f"nullIf({said(name)}, '')" for name in names)
    return f"coalesce({tried}, '')"


TAKER: Final = _first_said([taker for _, taker in HANDOFFS])
GOES_ON: Final = f"({said(semconv.LANGGRAPH_GOTO)} != '' or match({said(semconv.LANGGRAPH_TRIGGERS)}, {_BRANCH}))"
OF_TIME: Final = "minute >= {first:UInt32} and minute <= {latest:UInt32}"
_NAMING: Final = (semconv.AGENT_ID, *AGENT_NAMES)
_NAMES: Final = (
    *_NAMING,
    *(f"{prefix}{key}" for prefix in semconv.METADATA_PREFIXES for key in ("channel", "disposition")),
)
SPEAKING: Final = (
    semconv.KIND,
    *(taker for _, taker in HANDOFFS),
    semconv.HANDOFF_TASK,
    semconv.LANGGRAPH_GOTO,
    semconv.LANGGRAPH_TRIGGERS,
)
"""Under which steps say what makes events of them."""
_DEEPEST: Final = 32
"""Steps between an agent and what is told to be its: every level is a pass over all steps."""
_NONE: Final = "cast([], 'Array(String)')"
_PASSED_ON: Final = f"(select trace_id, parent_id, toString(error_type) {HERE} and status = 2)"


@dataclass(frozen=True, slots=True)
class Spoken:
    """Which of the words that make events stand in a project at all: attributes cost more to read than all else."""

    kinds: frozenset[str] = field(default_factory=frozenset[str])
    hands: bool = False
    routes: bool = False
    names: frozenset[str] = field(default_factory=frozenset[str])
    """Under which steps name agents, channels and dispositions."""
    agents: bool = False
    """Whether a step is one of an agent."""
    commit: int = 0
    """Up to this one, all commits were looked through."""

    @property
    def anything(self) -> bool:
        """Whether attributes must be read."""
        return bool(self.kinds) or self.hands or self.routes

    @property
    def led(self) -> bool:
        """Whether a step is anybody's."""
        return self.agents or not self.names.isdisjoint(_NAMING)


def find_spoken(engine: Engine, project: str, known: Spoken) -> Spoken:
    """What is `known`, and what stands in spans that were committed since."""
    # Of a later one, some rows may not be there yet: it is looked through again.
    whole = engine.rolled_up
    rows = engine.rows(
        f"""select groupUniqArrayIf({KIND}, {KIND} in {{kinds:Array(String)}}), max({TAKER} != ''), max({GOES_ON}),
            groupUniqArrayArray(arrayFilter(name -> has({{names:Array(String)}}, name), mapKeys(a_s))),
            max(step = 'agent'), max(commit)
        from {DATABASE}.spans where project = {{project:String}} and commit > {{after:UInt64}}""",
        {"project": project, "kinds": list(_KINDS), "names": list(_NAMES), "after": known.commit},
    )
    kinds, hands, routes, names, agents, commit = rows[0]
    return Spoken(
        kinds=known.kinds | {text(kind) for kind in kinds},
        hands=known.hands or bool(hands),
        routes=known.routes or bool(routes),
        names=known.names | {text(name) for name in names},
        agents=known.agents or bool(agents),
        commit=max(known.commit, min(commit, whole)),
    )


def holding(event_type: str, spoken: Spoken) -> str:
    """A condition on rows of sessions: those that may hold events of a type, and no others when none can."""
    words: list[str] = []
    match event_type:
        case "llm_call":
            return "model_calls > 0"
        case "tool_call" | "tool_result":
            return "tool_calls > 0"
        case "error":
            return "errors > 0"
        case "response":
            return f"last_output != '' or {_bearing(_kind_of(spoken, 'response'))}"
        case "guardrail_eval":
            words = ["step = 'guardrail'", *_kind_of(spoken, "guardrail")]
        case "state_change":
            words = _kind_of(spoken, "state_change")
        case "decision" | "handoff" | "delegate":
            words = _kind_of(spoken, "handoff")
            if event_type == "decision":
                words += _kind_of(spoken, "decision")
                words += [GOES_ON] if spoken.routes else []
            words += [f"{TAKER} != ''"] if spoken.hands else []
        case _:
            pass
    return _bearing(words)


def _kind_of(spoken: Spoken, kind: str) -> list[str]:
    return [f"{KIND} = '{kind}'"] if kind in spoken.kinds else []


def _bearing(words: Sequence[str]) -> str:
    """Sessions of which a step fits one of these conditions."""
    if not words:
        return NO_SESSION
    bearing = steps(" or ".join(f"({one})" for one in words), placed=True)
    return f"session_id in (select session from ({bearing}))"


def spoken_responses(spoken: Spoken) -> str:
    """A select of `session`, once for each answer that a step says."""
    if "response" not in spoken.kinds:
        return "select '' as session where false"
    answering = steps(f"{KIND} = 'response'", placed=True)
    return f"select session from ({answering})"


def _types(spoken: Spoken, wanted: frozenset[str]) -> str:
    """The wanted events of a step, without its turn's answer."""
    told = [
        f"if(counts_call, ['llm_call'], {_NONE})" if "llm_call" in wanted else _NONE,
        f"if(step = 'tool', ['tool_call'], {_NONE})" if "tool_call" in wanted else _NONE,
    ]
    if not wanted.isdisjoint(_OF_KINDS):
        told.append(f"""multiIf(kind = 'guardrail' or step = 'guardrail', ['guardrail_eval'],
            kind in ('decision', 'state_change', 'response'), [kind], {_NONE})""")
    decides = f"{HERE} and {KIND} = 'decision'"
    handed = under = "false"
    if "decision" in spoken.kinds:
        target, kind = said(semconv.DECISION_TARGET), f"a_s['{semconv.DECISION_KIND}']"
        handed = f"(trace_id, taker) in (select trace_id, {target} {decides} and {kind} = 'handoff')"
        under = f"""(trace_id, span_id) in (select trace_id, parent_id {decides})
            or (trace_id, parent_id) in (select trace_id, parent_id {decides})"""
    transfers = f"""arrayConcat(if({handed}, {_NONE}, ['decision']),
        [if({said(semconv.HANDOFF_TASK)} != '', 'delegate', 'handoff')])"""
    if wanted.isdisjoint(_TRANSFERS):
        pass
    elif spoken.hands or "handoff" in spoken.kinds:
        routed = f"{GOES_ON} and not ({under})" if spoken.routes else "false"
        told.append(f"""multiIf(kind = 'handoff' or (taker != '' and kind != 'decision'), {transfers},
            {routed}, ['decision'], {_NONE})""")
    elif spoken.routes:
        told.append(f"if({GOES_ON} and not ({under}), ['decision'], {_NONE})")
    if "tool_result" in wanted:
        told.append(f"if(step = 'tool' and end_ns != 0, ['tool_result'], {_NONE})")
    if "error" in wanted:
        own = f"(trace_id, span_id, toString(error_type)) not in {_PASSED_ON}"
        told.append(f"if(status = 2 and {own}, ['error'], {_NONE})")
    return f"arrayConcat({', '.join(told)})"


_OF_KINDS: Final = frozenset({"guardrail_eval", "decision", "state_change", "response"})
_TRANSFERS: Final = frozenset({"decision", "handoff", "delegate"})
_BEARERS: Final = {
    "llm_call": "(step in ('model', 'embedding') or usage)",
    "tool_call": "step = 'tool'",
    "tool_result": "step = 'tool'",
    "error": "status = 2",
}
"""The steps of which some events are; any step may tell the others."""


_CALLED: Final = f"step = 'agent', replaceRegexpOne(toString(name), '^{semconv.INVOKE_AGENT} ', '')"
_DECLARED: Final = f"""
    select agent.1 as declared, argMax(agent.2, (time_ns, uid)) as called from {DATABASE}.session_events final
    where project = {{project:String}} and agent.1 != '' group by declared"""


def agents_of(chosen: str = OF_TIME, heard: Collection[str] = _NAMING) -> str:
    """What stands in front of a statement, for `led` to tell trace, span and agent of the steps that are somebody's.

    A step is its own word's, else that of the step above it, so far up as is looked. All steps of a trace, or
    none, must be `chosen`. Under names that are not `heard`, no step says anything.
    """
    # Steps are passed over once for each step that one may stand below another: what nobody says costs much to read.
    names = [name for name in AGENT_NAMES if name in heard]
    own, told, joined = [_CALLED], "", ""
    if semconv.AGENT_ID in heard:
        own.insert(0, "d.called != '', d.called")
        joined = f"left join ({_DECLARED}) as d on s.a_s['{semconv.AGENT_ID}'] = d.declared"
    if names:
        own.insert(0, f"({first_attribute(*names)} as spoken) != '', spoken")
    if names or joined:
        told = ", a_s, content"
    named = f"""
    select s.trace_id as trace_id, s.span_id as span_id, s.parent_id as parent_id, multiIf({", ".join(own)}, '') as own
    from (
        select trace_id, span_id, parent_id, step, name{told} from {DATABASE}.spans final
        where project = {{project:String}} and {NEWEST} and {chosen}
    ) as s {joined}"""
    return f"""with recursive led as (
    select trace_id, span_id, own as agent, toUInt32(0) as depth from ({named}) where own != ''
    union all
    select below.trace_id as trace_id, below.span_id as span_id, led.agent as agent, led.depth + 1 as depth
    from ({named}) as below inner join led on below.trace_id = led.trace_id and below.parent_id = led.span_id
    where below.own = '' and led.depth < {_DEEPEST}
) """


def happenings(within: str, spoken: Spoken, types: Collection[str] = (), *, agents: bool, priced: bool) -> str:
    """A select of the events of `{{project:String}}` of steps in some minutes, from `{{first:UInt32}}` on.

    Of some types, and maybe of others too; of all when none is named.

    Columns: `session`, `trace_id` and `span_id` (see `model.happening`), `type`, `moment_ns`, `lasts` in milliseconds
    or null, `failed`, `counted`, `tokens`, `amount` (null when no price is known), `agent` (empty: nobody's). A row
    that is not `counted` is no event: it is what a call around another one adds to its tokens. With `agents`,
    `agents_of` must stand in front.
    """
    amount = "amount" if priced else "cast(null, 'Nullable(Decimal(38, 15))')"
    wanted = frozenset(types or CATEGORIES)
    if wanted <= _BEARERS.keys():
        within = f"({within}) and ({' or '.join(dict.fromkeys(_BEARERS[one] for one in sorted(wanted)))})"
    told = spoken.anything and not wanted <= _BEARERS.keys()
    says = f"{KIND} as kind, {TAKER} as taker, a_s, a_x" if told else "'' as kind, '' as taker"
    of_steps = f"""
    select session, trace_id, span_id, start_ns, end_ns, status, counts_usage, used, reported, costs,
        one.1 as type, one.2 as counted
    from (
        select *, arrayJoin(arrayConcat(arrayMap(type -> (type, true), {_types(spoken, wanted)}),
            if(counts_usage and not counts_call, [('llm_call', false)], []))) as one
        from (
            select session, trace_id, span_id, parent_id, step, start_ns, end_ns, status, error_type, counts_call,
                counts_usage, input_tokens + output_tokens as used, reported, {amount} as costs, {says}
            from ({steps(within, placed=True, priced=priced)})
        )
    )"""
    agent = "toString(led.agent)" if agents else "''"
    joined = " left join led on e.trace_id = led.trace_id and e.span_id = led.span_id" if agents else ""
    parts = [
        f"""
    select e.session as session, lower(hex(e.trace_id)) as trace_id, lower(hex(e.span_id)) as span_id, e.type as type,
        if(type = 'error' and end_ns != 0, end_ns, start_ns) as moment_ns,
        if(end_ns = 0 or type in ('tool_call', 'error', 'response'), null, greatest({_MS}, 0)) as lasts,
        type = 'error' or (type in ('llm_call', 'tool_result') and status = 2) as failed, e.counted as counted,
        if(type = 'llm_call' and counts_usage, used, 0) as tokens,
        multiIf(type = 'llm_call' and counts_usage, costs, type = 'tool_result', reported, null) as amount,
        {agent} as agent
    from ({of_steps}) as e{joined}"""
    ]
    if "response" in wanted:
        parts.append(answers(spoken, agents=agents))
    if "error" in wanted:
        parts.append(_by_hand(agents=agents))
    return " union all ".join(parts)


def answers(spoken: Spoken, *, agents: bool = False) -> str:
    """The answer of each turn that came to an end, unless a step says it."""
    judged = "true" if agents else f"trace_id in (select trace_id {HERE} and status = 2)"
    # Whose outermost step is looked for: only that of a turn with a failure decides whether there is an answer.
    outermost = f"""
    select trace_id, argMin(span_id, {BY_START}) as outer, argMin(status, {BY_START}) as ends_as
    from (select trace_id, span_id, parent_id, start_ns, end_ns, status {HERE} and {judged})
    where (trace_id, parent_id) not in (select trace_id, span_id {HERE} and {judged})
    group by trace_id"""
    unsaid = f"and trace_id not in (select trace_id {HERE} and {KIND} = 'response')"
    agent = "toString(led.agent)" if agents else "''"
    joined = " left join led on t.trace_id = led.trace_id and o.outer = led.span_id" if agents else ""
    return f"""
    select t.session as session, lower(hex(t.trace_id)) as trace_id, '' as span_id, 'response' as type,
        t.ended as moment_ns, null as lasts, false as failed, true as counted, 0 as tokens, null as amount,
        {agent} as agent
    from (
        select session_id as session, trace_id, end_ns as ended from {DATABASE}.traces final
        where project = {{project:String}} and last_output != '' and trace_id in (select trace_id {HERE} and {SPEAKS})
            and trace_id not in (select trace_id {HERE} and end_ns = 0)
            {unsaid if "response" in spoken.kinds else ""}
    ) as t left join ({outermost}) as o on t.trace_id = o.trace_id{joined}
    where o.ends_as != 2"""


def _by_hand(*, agents: bool) -> str:
    """Errors that a program recorded by hand and that count by themselves."""
    agent, joined = "''", ""
    if agents:
        agent = "toString(led.agent)"
        # Which step was running then, only the record itself says.
        joined = f"""left join (
            select session_id, uid, toFixedString(substring(trace_id, 1, 16), 16) as trace_id,
                toFixedString(substring(span_id, 1, 8), 8) as span_id from {DATABASE}.logs final
            where project = {{project:String}} and event = '{semconv.EXCEPTION_EVENT}'
        ) as l on v.session_id = l.session_id and v.uid = l.uid
        left join led on l.trace_id = led.trace_id and l.span_id = led.span_id"""
    return f"""
    select v.session_id as session, '' as trace_id, '' as span_id, 'error' as type, v.time_ns as moment_ns,
        null as lasts, true as failed, true as counted, 0 as tokens, null as amount, {agent} as agent
    from (
        select session_id, uid, time_ns from {DATABASE}.session_events final
        where project = {{project:String}} and own_error
    ) as v {joined}"""
