"""Sessions summed: how they stand, how long they took, and what they came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn_gateway.engine import columns
from sojourn_gateway.engine.bound import Conditions
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.told import TOLD, sayings
from sojourn_gateway.engine.where import compile_where

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.session import SessionsAsk

__all__ = ["sum_sessions"]


def sum_sessions(
    engine: Engine,
    project: str,
    ask: SessionsAsk,
    states: Mapping[str, str],
    dispositions: Mapping[str, str],
    silent_before_ns: int,
    heard: Collection[str],
) -> Sequence[Row]:
    """By word, and, with an empty word, in all: sessions, mean and quantiles of milliseconds, turns, calls of models,
    tools, tokens, cost, sessions with errors.

    A session's word is that of its disposition, else that of its state (`open` when nobody ended it). Under names that
    are not `heard`, no step says anything.
    """
    where = Conditions(
        project=project,
        silent=silent_before_ns,
        states=list(states),
        said_of_states=list(states.values()),
        dispositions=list(dispositions),
        said_of_dispositions=list(dispositions.values()),
    )
    where.add("project = {project:String}")
    if ask.since_ns is not None:
        where.add("start_ns >= {since:UInt64}", since=max(ask.since_ns, 0))
    if ask.until_ns is not None:
        where.add("start_ns <= {until:UInt64}", until=max(ask.until_ns, 0))
    if ask.where is not None:
        where.add_sql(compile_where(ask.where, {**columns.SESSIONS, **TOLD}))
    of_facts, of_steps = sayings("disposition", heard)
    lasts = "greatest(toInt64(ended) - toInt64(begun), 0) / 1e6"
    return engine.rows(
        f"""select if(grouping(word) = 1, '', word) as word, count(), avg({lasts}),
            quantilesExactInclusive(0.5, 0.95)({lasts}), sum(turns), sum(calls), sum(tools), sum(tokens),
            sumIf(dollars, known), countIf(known), countIf(failures > 0)
        from (
            select s.begun as begun, s.ended as ended, s.turns as turns, s.calls as calls, s.tools as tools,
                s.tokens as tokens, s.dollars as dollars, s.known as known, s.failures as failures,
                transform(d.told, {{dispositions:Array(String)}}, {{said_of_dispositions:Array(String)}}, '')
                    as disposed,
                if(disposed != '', disposed,
                    transform(s.state, {{states:Array(String)}}, {{said_of_states:Array(String)}}, '')) as word
            from (
                select session_id, {columns.SESSION_STATE} as state, start_ns as begun, end_ns as ended,
                    trace_count as turns, model_calls as calls, tool_calls as tools,
                    input_tokens + output_tokens as tokens, cost as dollars, not (priced = 0 and unpriced > 0) as known,
                    errors as failures
                from {DATABASE}.sessions final where {where}
            ) as s left join (
                select session_id, argMax(told, rank) as told from (
                    select session_id, told, 1 as rank from ({of_facts}) union all
                    select session_id, told, 0 as rank from ({of_steps})
                ) group by session_id
            ) as d on s.session_id = d.session_id
        ) group by grouping sets ((), (word)) order by word""",
        where.values,
    )
