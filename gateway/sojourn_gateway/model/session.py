"""Sessions: one stay of one or more agents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.span import Json, Span
    from sojourn_gateway.model.usage import Cost, Tokens
    from sojourn_gateway.model.where import Where

__all__ = ["Attachment", "EndState", "Session", "SessionSummary", "SessionsAsk", "SortSessions", "StepKind"]

EndState = Literal["open", "Success", "Fail", "Indeterminate"]
"""`open` while nobody ended it and it was heard of within the last 30 minutes."""

StepKind = Literal["calls", "tools", "actions", "others", "failed"]
"""Steps as a whole session is read: calls of models, each once; what failed by itself is one of the others as well."""

SortSessions = Literal[
    "id",
    "name",
    "state",
    "user_id",
    "start",
    "end",
    "latency_ms",
    "trace_count",
    "failed_traces",
    "turn_p50_ms",
    "turn_p95_ms",
    "span_count",
    "model_calls",
    "tool_calls",
    "actions",
    "errors",
    "total_cost",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "unpriced",
    "process_count",
    "first_input",
    "last_output",
    "last_error",
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
    last_error: str | None = None
    """Kind and message of the failed step that ended last, cut to 200 characters; None when no step failed."""
    failed_traces: int = 0
    """Traces in which something failed."""
    turn_p50_ms: float = 0.0
    """Half of its traces took at most this."""
    turn_p95_ms: float = 0.0

    @property
    def duration_ms(self) -> float:
        """From start to end, in milliseconds."""
        return (self.end_ns - self.start_ns) / 1e6


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to a session, and where it lies on the machine that ran it."""

    name: str
    path: str
    """Empty when it could not be kept."""
    size: int
    """In bytes."""
    sha256: str
    """Hexadecimal; empty for a file that stayed where it was."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session with all its spans, in order of start."""

    summary: SessionSummary
    spans: tuple[Span, ...]
    host: Mapping[str, Json]
    """Facts of the machine that started it; empty when opted out."""
    metadata: Mapping[str, Json]
    video: str = ""
    """Where a recording of it can be seen: a URL or a path on the machine that ran it."""
    agents: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names of the agents that the program declared, by id."""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionsAsk:
    """Which sessions, in which order. `search` looks for a part of an id or a name, and for words in all content."""

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
    where: Where | None = None
