"""What `/v1` answers, as types. Fields under "ours" go beyond the contract and never change the others."""

from __future__ import annotations

from typing import Any, NotRequired

# Before Python 3.12 pydantic, which writes their schemas, does not take the standard library's.
from typing_extensions import TypedDict

__all__ = [
    "AttachmentItem",
    "EventItem",
    "LinkItem",
    "LogItem",
    "LoggedItem",
    "Pagination",
    "PointItem",
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
    last_error: str | None
    failed_traces: int
    turn_p50_ms: float
    turn_p95_ms: float


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


class LinkItem(TypedDict):
    """Another span that a span has to do with."""

    trace_id: str
    span_id: str
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
    prompt_name: str | None
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
    links: NotRequired[list[LinkItem]]


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
    video: str
    agents: dict[str, str]
    attachments: list[AttachmentItem]
    spans: NotRequired[list[SpanItem]]


class AttachmentItem(TypedDict):
    """A file of a session, and where it lies on the machine that ran it."""

    name: str
    path: str
    size: int
    sha256: str


class LogItem(TypedDict):
    """One log line of a session."""

    timestamp: str
    severity: int
    level: str
    logger: str
    event: str
    message: Any
    trace_id: str | None
    span_id: str | None
    attributes: dict[str, Any]


class LoggedItem(LogItem):
    """One log line of any session."""

    session_id: str | None


class PointItem(TypedDict):
    """One point of a metric: a number of a gauge or a sum, a distribution of any other kind."""

    name: str
    kind: str
    unit: str
    description: str
    temporality: str
    monotonic: bool
    start: str | None
    timestamp: str
    session_id: str | None
    attributes: dict[str, Any]
    value: float | str | None
    distribution: dict[str, Any] | None
    exemplars: int
    scope: str
    scope_version: str
    resource: dict[str, Any]
