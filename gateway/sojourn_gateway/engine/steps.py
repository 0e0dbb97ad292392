"""Spans as a table of steps: each once, in its newest state, with its session, its price and its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.engine import dialects
from sojourn_gateway.engine.moved import NEWEST
from sojourn_gateway.engine.rates import PRICE, TIER
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GENERATION", "INPUT", "MODEL", "OUTPUT", "SEMANTIC_KIND", "first_attribute", "metadata", "steps"]

GENERATION: Final = "step in ('model', 'embedding')"
MODEL: Final = "if(response_model != '', response_model, request_model)"
_UNPRICED: Final = "usage and isNull(reported)"

_INPUTS: Final = (semconv.INPUT_MESSAGES, semconv.TOOL_CALL_ARGUMENTS, semconv.RETRIEVAL_QUERY, semconv.INPUT)
_OUTPUTS: Final = (semconv.OUTPUT_MESSAGES, semconv.TOOL_CALL_RESULT, semconv.RETRIEVAL_DOCUMENTS, semconv.OUTPUT)
# Of senders with names of their own, all that says what went in, or came out.
_ALL_INPUTS: Final = (
    *dialects.SAID_ASKED.messages,
    *dialects.SAID_ASKED.plain,
    semconv.OLD_TOOL_INPUT,
    "agentops.agent.input",
    "agentops.tool.input",
    "ai.toolCall.args",
    "ai.value",
    "ai.values",
    "tool.parameters",
    "tool_arguments",
)
_ALL_OUTPUTS: Final = (
    *dialects.SAID_REPLIED.messages,
    *dialects.SAID_REPLIED.plain,
    semconv.OLD_TOOL_OUTPUT,
    "agentops.agent.output",
    "agentops.tool.output",
    "ai.response.toolCalls",
    "ai.result.toolCalls",
    "ai.toolCall.result",
    "tool.result",
    "tool_response",
)
_INPUTS_BEGIN: Final = (f"{semconv.OLD_PROMPT}.", "llm.input_messages.", "reranker.input_documents.")
_OUTPUTS_BEGIN: Final = (
    f"{semconv.OLD_COMPLETION}.",
    "llm.output_messages.",
    "retrieval.documents.",
    "reranker.output_documents.",
)

SEMANTIC_KIND: Final = (
    "transform(toString(step), ['model', 'embedding', 'tool', 'agent', 'retrieval', 'guardrail'], "
    "['llm', 'embedding', 'tool', 'agent', 'retrieval', 'guardrail'], 'function')"
)


def _content(keys: tuple[str, ...], others: tuple[str, ...], beginnings: tuple[str, ...]) -> str:
    first = ", ".join(f"nullIf(content['{key}'], '')" for key in keys)
    known = "[" + ", ".join(f"'{key}'" for key in dict.fromkeys(others)) + "]"
    begins = " or ".join(f"startsWith(k, '{begin}')" for begin in beginnings)
    rest = f"arrayStringConcat(mapValues(mapFilter((k, v) -> has({known}, k) or {begins}, content)), '\\n')"
    return f"coalesce({first}, {rest})"


INPUT: Final = _content(_INPUTS, _ALL_INPUTS, _INPUTS_BEGIN)
OUTPUT: Final = _content(_OUTPUTS, _ALL_OUTPUTS, _OUTPUTS_BEGIN)


def first_attribute(*names: str) -> str:
    """The first of some attributes that is a text, else empty."""
    tried = ", ".join(f"nullIf({_kept(name)}['{name}'], '')" for name in names)
    return f"coalesce({tried}, '')"


def metadata(key: str, of_resource: Mapping[str, tuple[str, str]]) -> str:
    """A value of the metadata as text, null when there is none; `key` is SQL for the name behind the prefix.

    `of_resource` has, by prefix, the resources that say it, and what each says: two arrays, as SQL.
    """

    def read(prefix: str) -> str:
        name = f"concat('{prefix}', {key})"
        own = (
            f"mapContains(a_s, {name}), a_s[{name}], "
            f"mapContains(a_i, {name}), toString(a_i[{name}]), mapContains(a_d, {name}), toString(a_d[{name}]), "
            f"mapContains(a_b, {name}), if(a_b[{name}], 'true', 'false')"
        )
        if prefix not in of_resource:
            return own
        resources, told = of_resource[prefix]
        return f"{own}, has({resources}, toString(resource)), {told}[indexOf({resources}, toString(resource))]"

    # Of what was said twice, the last prefix wins, as where metadata is shown.
    return f"multiIf({', '.join(read(prefix) for prefix in reversed(semconv.METADATA_PREFIXES))}, null)"


def steps(within: str = "true", *, placed: bool = False, priced: bool = False, traces: str = "true") -> str:
    """A select of the spans of `{{project:String}}` that meet `within`, all columns of their table and `model`.

    `placed` adds `session` (that of a trace without one is the trace's hex), `owner` (its user, else its trace's),
    and whether it counts as a call or as usage; `traces` may say which rows of traces that needs. `priced` adds
    `known`, and `amount`, which is null when it is not.
    """
    found = _newest(within)
    if priced:
        # Only calls that nobody else priced are looked up: most of what a price costs is carrying the table's row.
        found = f"""
        select s.*, s.start_ns < r.until_ns as known, {TIER} as tier, if(known, toNullable({PRICE}), null) as amount
        from ({_newest(f"({within}) and {_UNPRICED}")}) as s
        left asof join (select * from {DATABASE}.rates final) as r
            on s.provider = r.provider and s.request_model = r.request_model and s.response_model = r.response_model
                and s.start_ns >= r.since_ns
        union all
        select s.*, isNotNull(s.reported) as known, toUInt64(0) as tier,
            ifNull(s.reported, toDecimal128(0, 15)) as amount
        from ({_newest(f"({within}) and not ({_UNPRICED})")}) as s"""
    if placed:
        found = f"""
        select s.*, multiIf(p.session != '', p.session, t.session != '', t.session, s.session_id) as session,
            if(s.user_id != '', toString(s.user_id), t.user) as owner,
            if(p.session != '', p.calls, s.{GENERATION}) as counts_call,
            if(p.session != '', p.bears, s.usage) as counts_usage
        from ({found}) as s
        left join (
            select trace_id as in_trace, argMax(session_id, version) as session, max(version) as latest,
                argMinIf(user_id, start_ns, user_id != '') as user
            from {DATABASE}.traces final where project = {{project:String}} and {traces} group by trace_id
        ) as t on s.trace_id = t.in_trace
        left join (
            select trace_id as in_trace, span_id as of_span, session_id as session, counts_call as calls,
                counts_usage as bears, version as placed
            from {DATABASE}.places final where project = {{project:String}}
        ) as p on s.trace_id = p.in_trace and s.span_id = p.of_span and t.latest = p.placed"""
    return found


def _newest(within: str) -> str:
    return f"""
        select *, {MODEL} as model from {DATABASE}.spans final
        where project = {{project:String}} and {NEWEST} and ({within})"""


def _kept(name: str) -> str:
    """The column that holds an attribute when it is a text: large ones lie apart."""
    return "content" if name in dialects.CONTENT else "a_s"
