"""Asks the gateway whether a trace has arrived there: what AgentOps 0.4 offers to programs that want to be sure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import sojourn
from sojourn.arguments import demand_flag, demand_number, demand_text
from sojourn.inquiry import Inquiry
from sojourn.traces import TraceContext, root_step

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ValidationError", "print_validation_summary", "validate_trace_spans"]


class ValidationError(Exception):
    """The gateway does not have what a program expects it to have."""


def validate_trace_spans(
    trace_id: str | None = None,
    trace_context: TraceContext | None = None,
    max_retries: int = 10,
    retry_delay: float = 1.0,
    check_llm: bool = True,
    min_spans: int = 1,
    api_key: str | None = None,
) -> dict[str, Any]:
    """Wait until the gateway has `min_spans` steps of a trace, and with `check_llm` a model call among them.

    The trace is the one named, else the current one. Returns `trace_id`, `span_count`, `spans`, `has_llm_spans`,
    `llm_span_names` and `metrics`. Raises ValidationError, which says what is missing, and ValueError without a trace.
    """
    demand_text("trace_id", trace_id)
    if trace_context is not None and not isinstance(trace_context, TraceContext):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may be untyped
        raise TypeError(f"trace_context must be what start_trace gave, not {type(trace_context).__name__}")
    demand_number("max_retries", max_retries, whole=True)
    demand_number("retry_delay", retry_delay)
    demand_number("min_spans", min_spans, whole=True)
    demand_flag("check_llm", check_llm)
    chosen = _trace_id(trace_id, trace_context)
    sojourn.flush(timeout_s=float(retry_delay))
    missing = "nothing was asked"
    for attempt in range(max(1, max_retries)):
        if attempt:
            time.sleep(retry_delay)
        try:
            result, missing = _ask(chosen, api_key, min_spans, check_llm=check_llm)
        except OSError as fault:
            missing = f"the gateway could not be asked: {fault}"
            continue
        if result is not None:
            return result
    raise ValidationError(f"trace {chosen} is not as expected: {missing}")


def print_validation_summary(result: Mapping[str, Any]) -> None:
    """Print what `validate_trace_spans` returned."""
    metrics = result["metrics"]
    print(f"trace {result['trace_id']}: {result['span_count']} steps")
    names = ", ".join(result["llm_span_names"])
    print(f"model calls: {names or 'none'}")
    print(f"tokens: {metrics['total_tokens']}, cost: ${metrics['total_cost']}")


def _trace_id(trace_id: str | None, trace_context: TraceContext | None) -> str:
    if trace_id is not None:
        return trace_id.replace("-", "").lower()
    step = trace_context.step if trace_context is not None else root_step()
    if step is not None:
        return step.trace_id
    from opentelemetry import trace

    around = trace.get_current_span().get_span_context()
    if not around.is_valid:
        raise ValueError("no trace is open; give trace_id, or trace_context as start_trace returned it")
    return f"{around.trace_id:032x}"


def _ask(trace_id: str, api_key: str | None, min_spans: int, *, check_llm: bool) -> tuple[dict[str, Any] | None, str]:
    """What the gateway has of a trace, or None and what is missing."""
    inquiry = Inquiry(api_key=api_key)
    try:
        status, answer = inquiry.ask(f"/v1/traces/{trace_id}")
    finally:
        inquiry.close()
    if status == 404:
        return None, f"{inquiry.url} does not know it"
    if status != 200 or answer is None:
        return None, f"{inquiry.url} answered {status}"
    data: dict[str, Any] = answer["data"]
    spans: list[dict[str, Any]] = [{"span_name": span["name"], **span} for span in data["spans"]]
    calls = [span for span in spans if span["type"] == "GENERATION"]
    if len(spans) < min_spans:
        return None, f"it has {len(spans)} steps, and {min_spans} are expected"
    if check_llm and not calls:
        return None, f"no model call is among its steps: {', '.join(span['name'] for span in spans)}"
    result = {
        "trace_id": trace_id,
        "span_count": len(spans),
        "spans": spans,
        "has_llm_spans": bool(calls),
        "llm_span_names": [span["name"] for span in calls],
        "metrics": {
            "total_tokens": data["tokens"],
            "prompt_tokens": sum(span["input_tokens"] or 0 for span in calls),
            "completion_tokens": sum(span["output_tokens"] or 0 for span in calls),
            "total_cost": data["cost"],
        },
    }
    return result, ""
