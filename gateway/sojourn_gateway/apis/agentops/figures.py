"""Tokens and money of spans and traces, as the trace era's APIs tell them: amounts are text."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sojourn_gateway.apis.agentops.leaves import bears_usage, counted_usage
from sojourn_gateway.apis.agentops.times import present_amount

if TYPE_CHECKING:
    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.span import Span
    from sojourn_gateway.model.totals import Totals
    from sojourn_gateway.model.trace import Trace
    from sojourn_gateway.model.usage import Tokens

__all__ = ["has_figures", "present_span_figures", "present_totals", "present_trace_figures"]

_ZERO = Decimal(0)


def present_trace_figures(serving: Services, trace: Trace) -> dict[str, Any]:
    """Of one trace. Successes and failures are counted by span."""
    statuses = [span.status for span in trace.spans]
    counted = counted_usage(trace.spans)
    asked = replied = _ZERO
    for span in trace.spans:
        if (span.trace_id, span.span_id) in counted:
            parts = serving.queries.cost_parts(span)
            asked, replied = asked + parts[0], replied + parts[1]
    total = trace.summary.cost.usd or _ZERO
    return {
        "span_count": len(statuses),
        "trace_count": 1,
        "success_count": statuses.count("ok"),
        "fail_count": statuses.count("error"),
        "indeterminate_count": statuses.count("unset"),
        **_tokens(trace.summary.tokens),
        "prompt_cost": present_amount(asked),
        "completion_cost": present_amount(replied),
        "average_cost_per_trace": present_amount(total),
        "total_cost": present_amount(total),
    }


def present_span_figures(serving: Services, span: Span) -> dict[str, Any]:
    """Of one span."""
    asked, replied = serving.queries.cost_parts(span)
    total = span.tokens.total
    return {
        "total_tokens": total,
        **{name: count for name, count in _tokens(span.tokens).items() if name != "total_tokens"},
        "success_tokens": total if span.status == "ok" else 0,
        "fail_tokens": total if span.status == "error" else 0,
        "indeterminate_tokens": total if span.status == "unset" else 0,
        "prompt_cost": present_amount(asked),
        "completion_cost": present_amount(replied),
        "total_cost": present_amount(span.cost or _ZERO),
    }


def has_figures(span: Span) -> bool:
    """Whether there is anything to tell."""
    return bears_usage(span) or span.cost is not None


def present_totals(totals: Totals) -> dict[str, Any]:
    """Of many traces."""
    return {
        "span_count": totals.spans,
        "trace_count": totals.traces,
        "success_count": totals.ok_spans,
        "fail_count": totals.error_spans,
        "indeterminate_count": totals.unset_spans,
        **_tokens(totals.tokens),
        "prompt_cost": present_amount(totals.asked_cost),
        "completion_cost": present_amount(totals.replied_cost),
        "average_cost_per_trace": present_amount(totals.cost / totals.traces if totals.traces else _ZERO),
        "total_cost": present_amount(totals.cost),
    }


def _tokens(tokens: Tokens) -> dict[str, int]:
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "cache_read_input_tokens": tokens.cache_read,
        "reasoning_tokens": tokens.reasoning,
        "total_tokens": tokens.total,
    }
