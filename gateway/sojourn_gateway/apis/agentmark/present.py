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
        LinkItem,
        LoggedItem,
        LogItem,
        Pagination,
        SessionData,
        SessionItem,
        SpanItem,
        TraceData,
        TraceItem,
    )
    from sojourn_gateway.model.log import LogLine
    from sojourn_gateway.model.page import Page
    from sojourn_gateway.model.score import Score
    from sojourn_gateway.model.session import Session, SessionSummary
    from sojourn_gateway.model.span import Span, SpanEvent, SpanLink
    from sojourn_gateway.model.trace import Trace, TraceSummary

__all__ = [
    "present_capabilities",
    "present_content",
    "present_graph",
    "present_log",
    "present_page",
    "present_request",
    "present_score",
    "present_session",
    "present_session_item",
    "present_span",
    "present_spans",
    "present_time",
    "present_trace",
    "present_trace_item",
    "promoted",
]

T = TypeVar("T")

# In the order in which one overrules the other; a filter on metadata reads them in the same order.
# What says something of the span or its trace instead; `commit_sha` says it and stays.
_PROMOTED: Final = frozenset(
    {
        "session_id",
        "session_name",
        "user_id",
        "trace_name",
        "dataset_run_id",
        "dataset_run_name",
        "dataset_path",
        "dataset_item_name",
        "dataset_expected_output",
        "prompt_name",
        "props",
    }
)
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
        "last_error": session.last_error,
        "failed_traces": session.failed_traces,
        "turn_p50_ms": session.turn_p50_ms,
        "turn_p95_ms": session.turn_p95_ms,
    }


def present_session(session: Session, fields: Collection[str] = ("spans", "content")) -> SessionData:
    """A session; `fields` may name `spans` and `content` (inputs, outputs, attributes and events of the spans)."""
    told = cast("SessionData", present_session_item(session.summary))
    told["host"] = _object(session.host)
    told["metadata"] = _object(session.metadata)
    told["video"] = session.video
    told["agents"] = dict(session.agents)
    told["attachments"] = [
        {"name": one.name, "path": one.path, "size": one.size, "sha256": one.sha256} for one in session.attachments
    ]
    if "spans" in fields:
        told["spans"] = present_spans(session.spans, content="content" in fields)
    return told


def present_log(line: LogLine) -> LogItem:
    """One log line."""
    return {
        "timestamp": present_time(line.time_ns),
        "severity": line.severity,
        "level": line.level,
        "logger": line.logger,
        "event": line.event,
        "message": line.message,
        "trace_id": line.trace_id,
        "span_id": line.span_id,
        "attributes": _object(line.attributes),
    }


def present_logged(line: LogLine) -> LoggedItem:
    """One log line of any session."""
    return {**present_log(line), "session_id": line.session_id or None}


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


def present_trace(trace: Trace, fields: Collection[str] = (), scores: Collection[Score] | None = None) -> TraceData:
    """A trace with its spans; `graph` only when `fields` asks for it, `scores` when they are given.

    A span that tells no tokens, cost or model has those of its children, as the contract does; the trace's own sums
    count each once.
    """
    summary = trace.summary
    spans = present_spans(trace.spans, content=True)
    _inherit(spans)
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
        told["graph"] = present_graph(trace)
    if scores is not None:
        told["scores"] = [present_score(score) for score in scores]
    return told


def present_graph(trace: Trace) -> list[dict[str, str]]:
    """The nodes that spans declare; one with several parents stands there once for each."""
    return [node for span in trace.spans for node in _graph_nodes(span)]


def present_content(span: Span) -> dict[str, Any]:
    """What went into a span and came out of it."""
    return {
        "input": present_input(span) or "",
        "output": present_output(span) or "",
        "output_object": present_output_object(span),
        "tool_calls": present_tool_calls(span),
        "metadata": _metadata(span),
    }


def present_request(span: Span, project: str) -> dict[str, Any]:
    """A model call as a flat record."""
    return {
        "id": span.span_id,
        "tenant_id": project,
        "app_id": project,
        "cost": 0.0 if span.status == "error" else _number(span.cost),
        "prompt_tokens": span.tokens.input,
        "completion_tokens": span.tokens.output,
        "latency_ms": (span.duration_ns or 0) / 1e6,
        "model_used": span.model,
        "status": span.status.upper(),
        "input": present_input(span) or "",
        "output": present_output(span),
        "ts": present_time(span.start_ns),
        "user_id": span.user_id,
        "prompt_name": promoted(span, "prompt_name", semconv.PROMPT_NAME) or "",
        "trace_id": span.trace_id,
        "status_message": span.status_message,
        "props": promoted(span, "props") or "",
        # ours
        "session_id": span.session_id,
        "cost_usd": _exact(span.cost),
        "cost_source": span.cost_source,
    }


def present_score(score: Score) -> dict[str, Any]:
    """One score."""
    return {
        "id": score.id,
        "resource_id": score.resource_id,
        "resource_type": score.kind,
        "name": score.name,
        "score": score.score,
        "label": score.label,
        "reason": score.reason,
        "source": score.source,
        "user_id": score.user_id or None,
        "created_at": present_time(score.created_ns),
    }


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
        "prompt_name": promoted(span, "prompt_name", semconv.PROMPT_NAME),
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
        told["links"] = [_link(link) for link in span.links]
    return told


def present_capabilities(url: str, version: str) -> dict[str, Any]:
    """What this gateway offers."""
    offered = ("traces", "spans", "sessions", "scores", "score_analytics", "metrics")
    beside = ("experiments", "datasets", "prompts", "runs", "pricing")
    return {
        "target": "local",
        "url": url,
        "product": "sojourn",
        "version": version,
        "endpoints": dict.fromkeys((*offered, *beside), True),
    }


def _inherit(spans: list[SpanItem]) -> None:
    """Tokens, cost and model of a span that tells none are those of its children: sums, and the first one's model."""
    children: dict[str, list[SpanItem]] = {}
    # Children stand behind their parents.
    for span in reversed(spans):
        below = children.get(span["id"], [])
        if not span["tokens"]:
            span["input_tokens"] = sum(one["input_tokens"] for one in below)
            span["output_tokens"] = sum(one["output_tokens"] for one in below)
            span["tokens"] = sum(one["tokens"] for one in below)
        if not span["cost"]:
            span["cost"] = sum(one["cost"] for one in below)
        # Gathered from the last one on.
        span["model"] = span["model"] or next((one["model"] for one in reversed(below) if one["model"]), None)
        if span["parent_id"] is not None:
            children.setdefault(span["parent_id"], []).append(span)


def _event(event: SpanEvent) -> EventItem:
    return {"name": event.name, "timestamp": present_time(event.time_ns), "attributes": _object(event.attributes)}


def _link(link: SpanLink) -> LinkItem:
    return {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": _object(link.attributes)}


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
    # What the resource says holds for all its spans.
    told = [
        [(key, value) for key, value in attributes.items() if key.startswith(semconv.METADATA_PREFIXES)]
        for attributes in (span.resource, span.attributes)
    ]
    found: dict[str, str] = {}
    for prefix in semconv.METADATA_PREFIXES:
        for pairs in told:
            for key, value in pairs:
                name = key.removeprefix(prefix)
                if name != key and (prefix == semconv.METADATA_PREFIX or name not in _PROMOTED):
                    found[name] = value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False)
    return found


def promoted(span: Span, name: str, *ours: str) -> str | None:
    """A fact that spans tell under several names, such as `prompt_name`; None when this one does not."""
    keys = (*ours, *(f"{prefix}{name}" for prefix in semconv.PROMOTED_PREFIXES))
    told = (span.attributes.get(key) for key in keys)
    return next((one for one in told if isinstance(one, str) and one), None)


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
    except (ValueError, RecursionError):
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
