"""Rows of sums, as totals."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sojourn.prices import Usage
from sojourn_gateway.engine import totals
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.totals import Totals, TraceLine
from sojourn_gateway.model.usage import Tokens

if TYPE_CHECKING:
    from sojourn_gateway.engine import Engine
    from sojourn_gateway.model.span import Span
    from sojourn_gateway.model.totals import TotalsAsk

__all__ = ["cost_parts", "read_totals"]


def read_totals(engine: Engine, project: str, ask: TotalsAsk) -> Totals:
    """What the traces come to."""
    told = totals.sum_traces(engine, project, ask)
    traces = told["traces"]
    newest = totals.newest_traces(engine, project, ask) if traces and ask.lines else ()
    return Totals(
        traces=traces,
        spans=told["span_count"],
        ok_spans=told["ok_spans"],
        error_spans=told["failed_spans"],
        tokens=Tokens(
            input=told["input_tokens"],
            output=told["output_tokens"],
            cache_read=told["cache_read"],
            cache_write=told["cache_write"],
            reasoning=told["reasoning"],
        ),
        ok_tokens=told["ok_tokens"],
        error_tokens=told["failed_tokens"],
        asked_cost=told["asked_price"],
        replied_cost=told["whole_price"] - told["asked_price"],
        cost=told["cost"],
        # Of no rows the engine says the largest number there is.
        least_ns=told["least"] if traces else 0,
        most_ns=told["most"] if traces else 0,
        sum_ns=told["lasted"],
        lines=tuple(
            TraceLine(trace_id.hex(), start_ns, lasts_ns, spans, cost, text(end_state))
            for trace_id, start_ns, lasts_ns, spans, cost, end_state in newest
        ),
    )


def cost_parts(engine: Engine, span: Span) -> tuple[Decimal, Decimal]:
    """What the price table asks for what went into a call, and for what came out; nothing for an unknown model."""
    found = engine.price(span.provider, span.request_model, span.response_model, span.start_ns)
    if found is None or span.cost_source == "none":
        return Decimal(0), Decimal(0)
    asked = Usage(input=span.tokens.input, cache_read=span.tokens.cache_read, cache_write=span.tokens.cache_write)
    whole = replace(asked, output=span.tokens.output, reasoning=span.tokens.reasoning)
    return found.cost(asked), found.cost(whole) - found.cost(asked)
