"""Calls of models over all sessions, each once: a call around another call is the same call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.bound import Conditions
from sojourn_gateway.engine.happenings import agents_of
from sojourn_gateway.engine.listing import within_time
from sojourn_gateway.engine.paging import read_page
from sojourn_gateway.engine.steps import GENERATION, steps
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.told import TOLD
from sojourn_gateway.engine.where import compile_where
from sojourn_gateway.model.where import Compare, Field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.calls_ask import CallsAsk, SortCalls

__all__ = ["list_calls"]

_LASTS: Final = "if(end_ns = 0, null, toInt64(end_ns) - toInt64(start_ns))"
_SORTS: Final[Mapping[SortCalls, str]] = {
    "timestamp": "start_ns",
    "latencyMs": _LASTS,
    "cost": "if(usage, amount, null)",
    "totalTokens": "input_tokens + output_tokens",
}
# Places hold whole traces, and only those that one rule gets wrong; those of an older version are of another time.
_AROUND: Final = f"""(trace_id, span_id) in (
    select trace_id, span_id from {DATABASE}.places final
    where project = {{project:String}} and not counts_call and (trace_id, version) in (
        select trace_id, max(version) from {DATABASE}.traces final
        where project = {{project:String}} and trace_id in (
            select trace_id from {DATABASE}.places where project = {{project:String}})
        group by trace_id))"""


def list_calls(engine: Engine, project: str, ask: CallsAsk) -> tuple[Sequence[Row], int]:
    """Trace and span of each call of a page, and how many there are in all."""
    within, bounds = within_time(ask.since_ns, ask.until_ns)
    chosen = Conditions(project=project, **bounds)
    chosen.add(f"{GENERATION} and not ({_AROUND})")
    if ask.since_ns is not None:
        chosen.add("start_ns >= {since:UInt64}", since=max(ask.since_ns, 0))
    if ask.until_ns is not None:
        chosen.add("start_ns < {until:UInt64}", until=max(ask.until_ns, 0))
    if ask.model is not None:
        chosen.add("model = {model:String}", model=ask.model)
    if ask.provider is not None:
        chosen.add("provider = {provider:String}", provider=ask.provider)
    if ask.failed is not None:
        chosen.add("(status = 2) = {failed:Bool}", failed=ask.failed)
    sessions: list[str] = []
    chosen_traces = "true"
    if ask.session_ids:
        sessions.append("session_id in {sessions:Array(String)}")
        chosen.values["sessions"] = list(ask.session_ids)
    if ask.agent is not None:
        named = compile_where(Compare(Field("agent", "string"), "equals", ask.agent), TOLD)
        sessions.append(named.text)
        chosen.values.update(named.values)
    if sessions:
        those = f"project = {{project:String}} and {' and '.join(f'({one})' for one in sessions)}"
        chosen.add(f"session in (select session_id from {DATABASE}.sessions final where {those})")
        chosen_traces = f"""(minute, trace_id) in (
            select minute, trace_id from {DATABASE}.trails where project = {{project:String}} and trace_id in (
                select trace_id from {DATABASE}.traces final where {those}))"""
        within = f"{within} and {chosen_traces}"
    front = ""
    if ask.agent is not None:
        # Whose call it is may be said by a step above it, which may have begun before the time that is asked for.
        front = agents_of(chosen_traces)
        chosen.add("(trace_id, span_id) in (select trace_id, span_id from led where agent = {agent:String})")
        chosen.values["agent"] = ask.agent
    source = f"""from (
        select *, {_SORTS[ask.sort_by]} as ranked
        from ({steps(within, placed=bool(sessions), priced=ask.sort_by == "cost")})
    ) where {chosen}"""
    order = f"isNull(ranked), ranked {'desc' if ask.descending else 'asc'}, start_ns desc, trace_id, span_id"
    return read_page(
        engine, "trace_id, span_id", source, order, chosen.values, limit=ask.limit, offset=ask.offset, front=front
    )
