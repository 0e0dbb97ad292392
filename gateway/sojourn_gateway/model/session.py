"""Sessions: one stay of one or more agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.span import Json, Span
    from sojourn_gateway.model.usage import Cost, Tokens

__all__ = ["EndState", "Session", "SessionSummary", "SessionsAsk", "SortSessions"]

EndState = Literal["open", "Success", "Fail", "Indeterminate"]
"""`open` while nobody ended it and it was heard of within the last 30 minutes."""

SortSessions = Literal[
    "name",
    "start",
    "end",
    "trace_count",
    "total_cost",
    "total_tokens",
    "latency_ms",
    "errors",
    "model_calls",
    "state",
    "user_id",
]


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One line of the list of sessions; sums count each span once."""

    id: str
    name: str
    """The name given, else the first trace's name, else empty."""
    start_ns: int
    end_ns: int
    """When it was ended, else when it was last heard of."""
    state: EndState
    reason: str
    user_id: str
    tags: tuple[str, ...]
    trace_count: int
    span_count: int
    model_calls: int
    tool_calls: int
    actions: int
    errors: int
    tokens: Tokens
    cost: Cost
    models: tuple[str, ...]
    process_count: int
    implicit: bool = False
    """True for a trace that carries no session id: it is its own session, under the trace's hex."""
    first_input: str | None = None
    """First user text, cut to 200 characters; None when content was not recorded."""
    last_output: str | None = None

    @property
    def duration_ms(self) -> float:
        """From start to end, in milliseconds."""
        return (self.end_ns - self.start_ns) / 1e6


@dataclass(frozen=True, slots=True)
class Session:
    """A session with all its spans, in order of start."""

    summary: SessionSummary
    spans: tuple[Span, ...]
    host: Mapping[str, Json]
    """Facts of the machine that started it; empty when opted out."""
    metadata: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class SessionsAsk:
    """Which sessions, in which order. `search` looks into ids and names, without regard to case."""

    limit: int = 50
    offset: int = 0
    sort_by: SortSessions = "start"
    descending: bool = True
    since_ns: int | None = None
    until_ns: int | None = None
    search: str | None = None
    name: str | None = None
    """Part of the name."""
    user_id: str | None = None
    tag: str | None = None
    state: EndState | None = None
    include_implicit: bool = False
