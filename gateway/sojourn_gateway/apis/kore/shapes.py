"""The shapes of answers, as the document describes them."""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired

# Before Python 3.12 pydantic, which writes their schemas, does not take the standard library's.
from typing_extensions import TypedDict

__all__ = ["SHAPES"]

Status = Literal["active", "idle", "ended", "completed", "escalated", "abandoned", "failed", "archived"]


class Pagination(TypedDict):
    """Where a page is."""

    total: int
    limit: int
    offset: int


class SessionItem(TypedDict):
    """A session in a list."""

    id: str
    runtimeSessionId: str
    agentName: str
    status: Status
    channel: str
    messageCount: int
    traceEventCount: int
    tokenCount: int
    errorCount: int
    handoffCount: int
    estimatedCost: float | None
    durationMs: int
    createdAt: str
    lastActivityAt: str
    endedAt: str | None
    disposition: str | None
    environment: str | None


class Message(TypedDict):
    """What was said."""

    id: str
    role: Literal["user", "assistant"]
    content: str
    timestamp: str


class SessionData(SessionItem):
    """A session with its conversation."""

    messages: list[Message]
    metadata: dict[str, str]


class Event(TypedDict):
    """One thing that happened."""

    id: str
    type: str
    sessionId: str
    traceId: str
    spanId: str
    parentSpanId: str | None
    seq: int
    timestamp: str
    durationMs: float | None
    agentName: str | None
    turn: int | None
    hasError: bool
    data: dict[str, Any]


class Turn(TypedDict):
    """A turn's time."""

    turn: int
    traceId: str
    startedAt: str
    latencyMs: float
    llmMs: float
    toolMs: float
    otherMs: float


class Call(TypedDict):
    """A call of a model."""

    eventId: str
    spanId: str
    model: str | None
    inputTokens: int
    outputTokens: int
    totalTokens: int
    latencyMs: float | None
    estimatedCost: float | None


class Figures(TypedDict):
    """What the events of a session come to."""

    totalLatencyMs: float
    durationMs: float
    turns: list[Turn]
    llmCalls: list[Call]
    toolCallCount: int
    toolSuccessRate: float | None
    guardrailEvalCount: int
    guardrailBlockRate: float | None
    turnCount: int
    llmCallCount: int
    inputTokens: int
    outputTokens: int
    totalTokens: int
    estimatedCost: float | None
    errorCount: int
    handoffCount: int
    eventCount: int


class Prompt(TypedDict):
    """What is known of a prompt beside its text."""

    name: str | None
    version: Any
    messageCount: int
    characters: int


class Generation(TypedDict):
    """A line of the ledger."""

    id: str
    eventId: str
    sessionId: str
    traceId: str
    spanId: str
    agentName: str | None
    model: str | None
    provider: str | None
    status: Literal["success", "failed"]
    inputTokens: int
    cachedTokens: int
    reasoningTokens: int
    outputTokens: int
    totalTokens: int
    latencyMs: float | None
    timeToFirstTokenMs: float | None
    streamingUsed: bool
    cost: float | None
    timestamp: str
    prompt: Prompt | None
    payload: NotRequired[dict[str, Any]]


class Sums(TypedDict):
    """Sums over events, in groups."""

    buckets: list[dict[str, Any]]
    total: int
    hasMore: bool
    groupBy: list[str]
    metrics: list[str]


class ProjectEvent(TypedDict):
    """An event in a list over all sessions."""

    event_id: str
    event_type: str
    category: str
    name: str
    session_id: str
    trace_id: str
    span_id: str
    parent_span_id: str | None
    agent_name: str | None
    turn: int | None
    timestamp: str
    duration_ms: float | None
    has_error: bool
    decision_kind: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cost: float | None
    tool_name: str | None
    data: dict[str, Any]


class ProjectEvents(TypedDict):
    """A page of events."""

    events: list[ProjectEvent]
    total: int
    limit: int
    offset: int
    hasMore: bool


class SessionSums(TypedDict):
    """What sessions come to."""

    total_sessions: int
    sessions_by_status: dict[str, int]
    avg_duration_ms: float | None
    p50_duration_ms: float | None
    p95_duration_ms: float | None
    avg_turns: float | None
    llm_call_count: int
    tool_call_count: int
    total_tokens: int
    total_cost: float | None
    sessions_with_errors: int
    error_rate: float | None


class CostBreakdown(TypedDict):
    """What calls of models cost, parted by what was asked for."""

    groupBy: str
    currency: Literal["USD"]
    total_cost: float | None
    total_tokens: int
    breakdown: list[dict[str, Any]]


class AgentSums(TypedDict):
    """What an agent did."""

    agent_name: str
    event_count: int
    events_by_type: dict[str, int]
    llm_call_count: int
    avg_latency_ms: float | None
    p95_latency_ms: float | None
    total_tokens: int
    total_cost: float | None
    tool_call_count: int
    tool_success_rate: float | None
    handoff_count: int
    error_count: int
    error_rate: float | None


SHAPES: Final = (
    Pagination,
    SessionItem,
    SessionData,
    Event,
    Figures,
    Generation,
    Sums,
    ProjectEvents,
    SessionSums,
    CostBreakdown,
    AgentSums,
)
