"""What `/v1` answers, as types. Fields under "ours" go beyond the contract and never change the others."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

__all__ = [
    "EventItem",
    "Pagination",
    "SessionData",
    "SessionItem",
    "SessionsPage",
    "SpanItem",
    "TraceData",
    "TraceItem",
]


class Pagination(TypedDict):
    """Where in a longer list a page stands."""

    total: int
    limit: int
    offset: int


class SessionItem(TypedDict):
    """One line of the list of sessions."""

    id: str
    name: str
    start: str
    end: str
    trace_count: int
    total_cost: float
    total_tokens: int
    latency_ms: float
    tags: list[str]
    # ours
    state: str
    reason: str
    user_id: str
    span_count: int
    model_calls: int
    tool_calls: int
    actions: int
    errors: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_usd: str | None
    """Exact, as decimal text; null when no call has a known price (then `total_cost` is 0, as the contract wants)."""
    unpriced: int
    partial: int
    models: list[str]
    process_count: int
    implicit: bool
    first_input: str | None
    last_output: str | None


class SessionsPage(TypedDict):
    """A page of sessions."""

    data: list[SessionItem]
    pagination: Pagination


class TraceItem(TypedDict):
    """One line of the list of traces."""

    id: str
    name: str
    status: str
    start: str
    end: str
    latency_ms: float
    cost: float
    tokens: int
    span_count: int
    tags: list[str]
    input_preview: str | None
    output_preview: str | None
    # ours
    session_ids: list[str]
    user_id: str
    errors: int
    model_calls: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: str | None
    unpriced: int


class EventItem(TypedDict):
    """A moment inside a span."""

    name: str
    timestamp: str
    attributes: dict[str, Any]


class SpanItem(TypedDict):
    """One step of a trace."""

    id: str
    trace_id: str
    parent_id: str | None
    name: str
    status: str
    status_message: str
    duration_ms: float
    timestamp: str
    type: str
    model: str | None
    input_tokens: int
    output_tokens: int
    tokens: int
    reasoning_tokens: int
    cost: float
    input: NotRequired[str | None]
    output: NotRequired[str | None]
    output_object: NotRequired[str | None]
    tool_calls: NotRequired[str | None]
    finish_reason: str
    metadata: dict[str, str]
    span_kind: str
    service_name: str
    # ours
    session_id: str | None
    depth: int
    pending: bool
    step: str
    operation: str
    provider: str
    request_model: str
    tool_name: str
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: str | None
    cost_source: str
    error_type: str
    attributes: NotRequired[dict[str, Any]]
    events: NotRequired[list[EventItem]]


class TraceData(TypedDict):
    """A trace with its spans."""

    id: str
    name: str
    status: str
    start: str
    end: str
    latency_ms: float
    cost: float
    tokens: int
    spans: list[SpanItem]
    input: NotRequired[str | None]
    output: NotRequired[str | None]
    metadata: NotRequired[dict[str, str]]
    graph: NotRequired[list[dict[str, str]]]
    scores: NotRequired[list[dict[str, Any]]]
    # ours
    session_ids: list[str]
    errors: int
    model_calls: int
    tool_calls: int
    cost_usd: str | None
    unpriced: int


class SessionData(SessionItem):
    """A session with all its spans, parents before their children."""

    host: dict[str, Any]
    metadata: dict[str, Any]
    spans: NotRequired[list[SpanItem]]
