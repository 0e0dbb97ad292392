"""Pricing what is stored anew; costs that were reported stay. And what has no price."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.mapping import MINUTE_NS
from sojourn_gateway.engine.moved import NEWEST
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn_gateway.engine.backend import Handle
    from sojourn_gateway.engine.engine import Engine

__all__ = ["list_unpriced", "mark", "reprice", "resume_repricing"]

_TRACES_AT_ONCE: Final = 5_000
_MARK: Final = "repricing"


def reprice(engine: Engine, since_ns: int) -> int:
    """Have today's prices hold for all calls since, and sum them up anew; how many traces were.

    Batches are written in between. A death on the way is repaired by `resume_repricing`.
    """
    begun = 0
    with engine.exclusively() as rollup, engine.beside() as handle:
        mark(handle, since_ns + 1)
        rollup.rates.relearn(since_ns)
    with engine.beside() as handle:
        for first, last, number in _slices(handle, since_ns // MINUTE_NS):
            values = {"first": first, "last": last}
            traces = f"""select project, trace_id, minute from {DATABASE}.trails where (project, trace_id) in (
                select project, trace_id from {DATABASE}.trails group by project, trace_id
                having max(minute) >= {{first:UInt32}} and max(minute) < {{last:UInt32}})"""
            with engine.exclusively() as rollup:
                rollup.renew(traces, "select '' as project, '' as session_id where 0", values)
            begun += number
        mark(handle, 0)
    return begun


def resume_repricing(engine: Engine) -> None:
    """Finish what a death interrupted."""
    rows = engine.rows(f"select value from {DATABASE}.marks final where name = '{_MARK}'")
    if rows and rows[0][0]:
        reprice(engine, rows[0][0] - 1)


def list_unpriced(engine: Engine, project: str) -> list[tuple[str, str, int, int, int]]:
    """Provider, model, calls, input and output tokens of what has no price, most tokens first."""
    rows = engine.rows(
        f"""select s.provider as provider, if(s.response_model != '', s.response_model, s.request_model) as model,
            uniqExact(s.trace_id, s.span_id) as calls, sum(s.input_tokens) as tokens_in,
            sum(s.output_tokens) as tokens_out
        from (
            select * from {DATABASE}.spans final
            where project = {{project:String}} and usage and isNull(reported) and {NEWEST}
        ) as s
        left asof join (select * from {DATABASE}.rates final) as r
            on s.provider = r.provider and s.request_model = r.request_model and s.response_model = r.response_model
                and s.start_ns >= r.since_ns
        where s.start_ns >= r.until_ns
        group by provider, model order by tokens_in + tokens_out desc, provider, model""",
        {"project": project},
    )
    return [
        (text(provider), text(model), calls, tokens_in, tokens_out)
        for provider, model, calls, tokens_in, tokens_out in rows
    ]


def _slices(handle: Handle, since_minute: int) -> Iterator[tuple[int, int, int]]:
    """Minutes from and until before, and how many traces end in them: some thousand each."""
    rows = handle.rows(
        f"""select last, count() from (
            select max(minute) as last from {DATABASE}.trails group by project, trace_id having last >= {{since:UInt32}}
        ) group by last order by last""",
        {"since": since_minute},
    )
    first, number = since_minute, 0
    for minute, traces in rows:
        number += traces
        if number >= _TRACES_AT_ONCE:
            yield first, minute + 1, number
            first, number = minute + 1, 0
    if number:
        yield first, rows[-1][0] + 1, number


def mark(handle: Handle, value: int) -> None:
    """Note that all since `value` - 1 is being priced anew; 0: nothing is."""
    handle.run(
        f"insert into {DATABASE}.marks select '{_MARK}', {{value:UInt64}}, {{now:UInt64}}",
        {"value": value, "now": time.time_ns()},
    )
