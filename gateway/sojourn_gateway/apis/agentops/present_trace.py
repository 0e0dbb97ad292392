"""Traces and spans in the words of AgentOps' trace era."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.apis.agentops.ended import parse_state
from sojourn_gateway.apis.agentops.figures import has_figures, present_span_figures, present_totals
from sojourn_gateway.apis.agentops.times import present_amount, present_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.page import Page
    from sojourn_gateway.model.span import Json, Span
    from sojourn_gateway.model.totals import Totals, TotalsAsk
    from sojourn_gateway.model.trace import TraceSummary

__all__ = [
    "nested",
    "present_detail",
    "present_list",
    "present_project_figures",
    "present_row",
    "present_span",
    "present_trace",
    "present_whole_span",
]

_KINDS: Final = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_STATUSES: Final = {"ok": "OK", "error": "ERROR", "unset": "UNSET"}
_TYPES: Final = {"model": "request", "embedding": "request", "agent": "agent", "tool": "tool"}
_DEEPEST: Final = 20
_WHOLE: Final = {"freeplan_truncated": False}
"""Nothing is cut off for those who do not pay."""


def present_trace(trace: TraceSummary, project_id: str) -> dict[str, Any]:
    """A trace, without its spans."""
    return {"trace_id": trace.id, "project_id": project_id, "tags": list(trace.tags)}


def present_span(span: Span) -> dict[str, Any]:
    """A span with its attributes."""
    attributes = nested(span.attributes)
    return {
        **present_row(span),
        "service_name": span.service,
        "attributes": attributes,
        "resource_attributes": nested(span.resource),
        "span_attributes": attributes,
    }


def present_detail(trace: TraceSummary, project_id: str, figures: dict[str, Any]) -> dict[str, Any]:
    """A trace and what it comes to, without its spans."""
    return {**present_trace(trace, project_id), "metrics": figures, **_WHOLE}


def present_list(page: Page[TraceSummary], totals: Totals) -> dict[str, Any]:
    """A page of traces, and what all that match come to."""
    return {
        "traces": [_item(trace) for trace in page.items],
        "metrics": present_totals(totals),
        "total": page.total,
        "limit": page.limit,
        "offset": page.offset,
        **_WHOLE,
    }


def present_project_figures(totals: Totals, ask: TotalsAsk, project_id: str, now_ns: int) -> dict[str, Any]:
    """What a project's traces come to; those of the newest are told one by one, as far as `ask` goes."""
    told = present_totals(totals)
    traces = totals.traces
    moments: dict[str, list[str]] = {"Success": [], "Fail": [], "Indeterminate": []}
    by_day: dict[str, Decimal] = {}
    for line in totals.lines:
        moments[parse_state(line.end_state)].append(present_time(line.start_ns))
        day = datetime.fromtimestamp(line.start_ns // 1_000_000_000, UTC).date().isoformat()
        by_day[day] = by_day.get(day, Decimal(0)) + line.cost
    tokens = {
        "all": told["total_tokens"],
        "success": totals.ok_tokens,
        "fail": totals.error_tokens,
    }
    durations = [line.lasts_ns for line in totals.lines]
    return {
        "project_id": project_id,
        "trace_count": traces,
        "span_count": {
            "total": told["span_count"],
            "success": totals.ok_spans,
            "fail": totals.error_spans,
            "unknown": 0,
            "indeterminate": totals.unset_spans,
        },
        "token_metrics": {
            "total_cost": told["total_cost"],
            "average_cost_per_session": f"{totals.cost / traces if traces else Decimal(0):.5f}",
            "prompt_tokens": told["prompt_tokens"],
            "completion_tokens": told["completion_tokens"],
            "cache_read_input_tokens": told["cache_read_input_tokens"],
            "reasoning_tokens": told["reasoning_tokens"],
            "total_tokens": tokens,
            "avg_tokens": {name: count / traces if traces else 0 for name, count in tokens.items()},
        },
        "duration_metrics": {
            "min_duration_ns": totals.least_ns,
            "max_duration_ns": totals.most_ns,
            "avg_duration_ns": totals.sum_ns // traces if traces else 0,
            "total_duration_ns": totals.sum_ns,
            "trace_durations": durations,
        },
        "success_datetime": moments["Success"],
        "fail_datetime": moments["Fail"],
        "indeterminate_datetime": moments["Indeterminate"],
        "spans_per_trace": {str(spans): number for spans, number in sorted(_spans_per_trace(totals).items())},
        "trace_durations": durations,
        "trace_cost_dates": {day: present_amount(cost) for day, cost in sorted(by_day.items())},
        "start_time": present_time(ask.since_ns or 0),
        "end_time": present_time(now_ns if ask.until_ns is None else ask.until_ns),
        **_WHOLE,
    }


def nested(attributes: Mapping[str, Json]) -> dict[str, Json]:
    """Attributes as a tree: `a.b.0.c` becomes `{"a": {"b": [{"c": ...}]}}`.

    Where a name is also the beginning of another (`a` and `a.b`), the longer one stays flat under its whole name.
    """
    tree: dict[str, Any] = {}
    for name, value in sorted(attributes.items()):
        parts = name.split(".")
        if not all(parts) or len(parts) > _DEEPEST or not _put(tree, parts, value):
            tree[name] = value
    return {name: _lists(value) for name, value in tree.items()}


class _Branch(dict[str, Any]):
    """A level of the tree, as against an attribute that is an object itself."""


def _put(tree: dict[str, Any], parts: list[str], value: Json) -> bool:
    at: dict[str, Any] = tree
    for part in parts[:-1]:
        below = at.setdefault(part, _Branch())
        if not isinstance(below, _Branch):
            return False
        at = below
    if parts[-1] in at:
        return False
    at[parts[-1]] = value
    return True


def _lists(value: Any) -> Json:
    """A level whose names count up from nought is a list."""
    if not isinstance(value, _Branch):
        return value
    told = {name: _lists(one) for name, one in value.items()}
    numbers = [str(number) for number in range(len(told))]
    return [told[number] for number in numbers] if set(numbers) == set(told) else told


def present_row(span: Span) -> dict[str, Any]:
    """A span in short."""
    return {
        "span_id": span.span_id,
        "parent_span_id": span.parent_id,
        "span_name": span.name,
        "span_kind": _KINDS[span.kind] if span.kind < len(_KINDS) else _KINDS[0],
        "start_time": present_time(span.start_ns),
        "end_time": None if span.end_ns is None else present_time(span.end_ns),
        "duration": max(span.duration_ns or 0, 0),
        "status_code": _STATUSES[span.status],
        "status_message": span.status_message,
    }


def present_whole_span(serving: Services, span: Span) -> dict[str, Any]:
    """A span with all that is known of it."""
    return {
        **present_span(span),
        "span_type": _TYPES.get(span.step, "other"),
        "event_timestamps": [present_time(event.time_ns) for event in span.events],
        "event_names": [event.name for event in span.events],
        "event_attributes": [dict(event.attributes) for event in span.events],
        "link_trace_ids": [link.trace_id for link in span.links],
        "link_span_ids": [link.span_id for link in span.links],
        # The states of traces are kept, and nobody reads them.
        "link_trace_states": ["" for _ in span.links],
        "link_attributes": [dict(link.attributes) for link in span.links],
        "metrics": present_span_figures(serving, span) if has_figures(span) else None,
        **_WHOLE,
    }


def _item(trace: TraceSummary) -> dict[str, Any]:
    return {
        "trace_id": trace.id,
        "root_service_name": trace.service,
        "root_span_name": trace.name,
        "start_time": present_time(trace.start_ns),
        "end_time": present_time(trace.end_ns),
        "duration": trace.end_ns - trace.start_ns,
        "span_count": trace.span_count,
        "error_count": trace.errors,
        "tags": list(trace.tags),
        "total_cost": present_amount(trace.cost.usd or Decimal(0)),
        **_WHOLE,
    }


def _spans_per_trace(totals: Totals) -> Counter[int]:
    return Counter(line.spans for line in totals.lines)
