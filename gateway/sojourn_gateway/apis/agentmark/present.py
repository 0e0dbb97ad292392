"""Sessions, traces and spans in the words of `/v1`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from sojourn import semconv
from sojourn_gateway.apis.agentmark.content import (
    present_input,
    present_output,
    present_output_object,
    present_tool_calls,
)
from sojourn_gateway.model.tree import forest, walk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from decimal import Decimal

    from sojourn_gateway.apis.agentmark.shapes import (
        EventItem,
        Pagination,
        SessionData,
        SessionItem,
        SpanItem,
        TraceData,
        TraceItem,
    )
    from sojourn_gateway.model.page import Page
    from sojourn_gateway.model.session import Session, SessionSummary
    from sojourn_gateway.model.span import Span, SpanEvent
    from sojourn_gateway.model.trace import Trace, TraceSummary

__all__ = [
    "present_capabilities",
    "present_page",
    "present_session",
    "present_session_item",
    "present_span",
    "present_time",
    "present_trace",
    "present_trace_item",
]

T = TypeVar("T")

_METADATA: Final = ("agentmark.metadata.", semconv.METADATA_PREFIX)
_GRAPH_NODE: Final = "graph.node.id"


def present_time(time_ns: int) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns // 1_000_000 % 1000:03d}Z"


def present_page(items: list[T], page: Page[Any]) -> dict[str, Any]:
    """The envelope of a page."""
    pagination: Pagination = {"total": page.total, "limit": page.limit, "offset": page.offset}
    return {"data": items, "pagination": pagination}


def present_session_item(session: SessionSummary) -> SessionItem:
    """One line of the list."""
    return {
        "id": session.id,
        "name": session.name,
        "start": present_time(session.start_ns),
        "end": present_time(session.end_ns),
        "trace_count": session.trace_count,
        "total_cost": _number(session.cost.usd),
        "total_tokens": session.tokens.total,
        "latency_ms": session.duration_ms,
        "tags": list(session.tags),
        "state": session.state,
        "reason": session.reason,
        "user_id": session.user_id,
        "span_count": session.span_count,
        "model_calls": session.model_calls,
        "tool_calls": session.tool_calls,
        "actions": session.actions,
        "errors": session.errors,
        "input_tokens": session.tokens.input,
        "output_tokens": session.tokens.output,
        "cache_read_tokens": session.tokens.cache_read,
        "cache_write_tokens": session.tokens.cache_write,
        "reasoning_tokens": session.tokens.reasoning,
        "cost_usd": _exact(session.cost.usd),
        "unpriced": session.cost.unpriced,
        "partial": session.cost.partial,
        "models": list(session.models),
        "process_count": session.process_count,
        "implicit": session.implicit,
        "first_input": session.first_input,
        "last_output": session.last_output,
    }


def present_session(session: Session, fields: Collection[str] = ("spans", "content")) -> SessionData:
    """A session; `fields` may name `spans` and `content` (inputs, outputs, attributes and events of the spans)."""
    told = cast("SessionData", present_session_item(session.summary))
    told["host"] = _object(session.host)
    told["metadata"] = _object(session.metadata)
    if "spans" in fields:
        told["spans"] = present_spans(session.spans, content="content" in fields)
    return told


def present_trace_item(trace: TraceSummary) -> TraceItem:
    """One line of the list."""
    return {
        "id": trace.id,
        "name": trace.name,
        "status": trace.status.upper(),
        "start": present_time(trace.start_ns),
        "end": present_time(trace.end_ns),
        "latency_ms": trace.latency_ms,
        "cost": _number(trace.cost.usd),
        "tokens": trace.tokens.total,
        "span_count": trace.span_count,
        "tags": list(trace.tags),
        "input_preview": _cut(trace.input_preview),
        "output_preview": _cut(trace.output_preview),
        "session_ids": list(trace.session_ids),
        "user_id": trace.user_id,
        "errors": trace.errors,
        "model_calls": trace.model_calls,
        "tool_calls": trace.tool_calls,
        "input_tokens": trace.tokens.input,
        "output_tokens": trace.tokens.output,
        "cost_usd": _exact(trace.cost.usd),
        "unpriced": trace.cost.unpriced,
    }


def present_trace(trace: Trace, fields: Collection[str] = ()) -> TraceData:
    """A trace with its spans; `graph` and `scores` only when `fields` asks for them."""
    summary = trace.summary
    spans = present_spans(trace.spans, content=True)
    root = next((span for span in trace.spans if span.parent_id is None), None)
    models = [span for span in trace.spans if span.step == "model"]
    told: TraceData = {
        "id": summary.id,
        "name": summary.name,
        "status": summary.status.upper(),
        "start": present_time(summary.start_ns),
        "end": present_time(summary.end_ns),
        "latency_ms": summary.latency_ms,
        "cost": _number(summary.cost.usd),
        "tokens": summary.tokens.total,
        # The root's own, else the first model call's input and the last one's output, each by itself.
        "input": _first_of([present_input(span) for span in [root, *models] if span is not None]),
        "output": _first_of([present_output(span) for span in [root, *reversed(models)] if span is not None]),
        "metadata": {} if root is None else _metadata(root),
        "spans": spans,
        "session_ids": list(summary.session_ids),
        "errors": summary.errors,
        "model_calls": summary.model_calls,
        "tool_calls": summary.tool_calls,
        "cost_usd": _exact(summary.cost.usd),
        "unpriced": summary.cost.unpriced,
    }
    if "graph" in fields:
        told["graph"] = [node for span in trace.spans for node in _graph_nodes(span)]
    if "scores" in fields:
        told["scores"] = []
    return told


def present_spans(spans: Collection[Span], *, content: bool) -> list[SpanItem]:
    """Spans as a tree is read: parents before their children, siblings in order of start."""
    return [present_span(node.span, node.depth, content=content) for node in walk(forest(spans))]


def present_span(span: Span, depth: int = 0, *, content: bool = True) -> SpanItem:
    """One step. A failed span shows cost 0, as the contract does; `cost_usd` says what the provider billed."""
    told: SpanItem = {
        "id": span.span_id,
        "trace_id": span.trace_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "status": span.status.upper(),
        "status_message": span.status_message,
        "duration_ms": (span.duration_ns or 0) / 1e6,
        "timestamp": present_time(span.start_ns),
        "type": "GENERATION" if span.step in ("model", "embedding") else "SPAN",
        "model": span.model or None,
        "input_tokens": span.tokens.input,
        "output_tokens": span.tokens.output,
        "tokens": span.tokens.total,
        "reasoning_tokens": span.tokens.reasoning,
        "cost": 0.0 if span.status == "error" else _number(span.cost),
        "finish_reason": ",".join(span.finish_reasons),
        "metadata": _metadata(span),
        "span_kind": str(span.kind),
        "service_name": span.service,
        "session_id": span.session_id,
        "depth": depth,
        "pending": span.end_ns is None,
        "step": span.step,
        "operation": span.operation,
        "provider": span.provider,
        "request_model": span.request_model,
        "tool_name": span.tool_name,
        "cache_read_tokens": span.tokens.cache_read,
        "cache_write_tokens": span.tokens.cache_write,
        "cost_usd": _exact(span.cost),
        "cost_source": span.cost_source,
        "error_type": span.error_type,
    }
    if content:
        told["input"] = present_input(span)
        told["output"] = present_output(span)
        told["output_object"] = present_output_object(span)
        told["tool_calls"] = present_tool_calls(span)
        told["attributes"] = _object(span.attributes)
        told["events"] = [_event(event) for event in span.events]
    return told


def present_capabilities(url: str, version: str) -> dict[str, Any]:
    """What this gateway offers."""
    offered = ("traces", "sessions")
    later = (
        "spans",
        "scores",
        "score_analytics",
        "metrics",
        "experiments",
        "datasets",
        "prompts",
        "runs",
        "pricing",
    )
    return {
        "target": "local",
        "url": url,
        "product": "sojourn",
        "version": version,
        "endpoints": {name: name in offered for name in (*offered, *later)},
    }


def _event(event: SpanEvent) -> EventItem:
    return {"name": event.name, "timestamp": present_time(event.time_ns), "attributes": _object(event.attributes)}


def _object(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """A value that JSON can say: a number that is not finite becomes the word that protobuf's JSON has for it."""
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("Iterable[Any]", value)]
    if isinstance(value, dict):
        return _object(cast("Mapping[str, Any]", value))
    return value


def _metadata(span: Span) -> dict[str, str]:
    found: dict[str, str] = {}
    everything: Mapping[str, Any] = {**span.resource, **span.attributes}
    for key, value in everything.items():
        for prefix in _METADATA:
            if key.startswith(prefix):
                found[key.removeprefix(prefix)] = value if isinstance(value, str) else str(value)
    return found


def _graph_nodes(span: Span) -> list[dict[str, str]]:
    facts = _metadata(span)
    if _GRAPH_NODE not in facts:
        return []
    node = {
        "nodeId": facts[_GRAPH_NODE],
        "spanId": span.span_id,
        "nodeType": facts.get("graph.node.type", ""),
        "displayName": facts.get("graph.node.display_name", facts[_GRAPH_NODE]),
        "spanName": span.name,
    }
    parents = _parents(facts)
    return [{"parentNodeId": parent, **node} for parent in parents] or [node]


def _parents(facts: Mapping[str, str]) -> list[str]:
    try:
        several: Any = json.loads(facts.get("graph.node.parent_ids", "[]"))
    except ValueError:
        several = []
    listed: list[Any] = several if isinstance(several, list) else []  # pyright: ignore[reportUnknownVariableType]  # JSON
    names = [str(name) for name in listed]
    single = facts.get("graph.node.parent_id")
    return names or ([single] if single else [])


def _number(usd: Decimal | None) -> float:
    return 0.0 if usd is None else float(usd)


def _exact(usd: Decimal | None) -> str | None:
    return None if usd is None else f"{usd:f}"


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= 160 else text[:159] + "…"


def _first_of(texts: list[str | None]) -> str | None:
    return next((text for text in texts if text is not None), None)
