"""Traces: one turn or run inside a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sojourn_gateway.model.span import Span, Status
    from sojourn_gateway.model.usage import Cost, Tokens
    from sojourn_gateway.model.where import Where

__all__ = ["SortTraces", "Trace", "TraceSummary", "TracesAsk"]

SortTraces = Literal["name", "status", "latency", "cost", "tokens", "start_time"]


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """One line of a list of traces. `end_ns` is the latest end (or start, while pending) of its spans."""

    id: str
    name: str
    """The root span's name."""
    status: Status
    """The root's, when it is ok or error; else the worst of its spans."""
    start_ns: int
    end_ns: int
    span_count: int
    errors: int
    model_calls: int
    tool_calls: int
    tokens: Tokens
    cost: Cost
    session_ids: tuple[str, ...] = ()
    user_id: str = ""
    service: str = ""
    """The root's."""
    tags: tuple[str, ...] = ()
    """Those told of its sessions, then those that its spans bear."""
    input_preview: str | None = None
    output_preview: str | None = None

    @property
    def latency_ms(self) -> float:
        """From its first start to its last end."""
        return (self.end_ns - self.start_ns) / 1e6


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace with its spans in order of start."""

    summary: TraceSummary
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class TracesAsk:
    """Which traces, in which order. Dates are whole days, UTC, inclusive, as nanoseconds of first and last moment."""

    limit: int = 50
    offset: int = 0
    sort_by: SortTraces = "start_time"
    descending: bool = True
    since_ns: int | None = None
    until_ns: int | None = None
    session_id: str | None = None
    status: Literal["OK", "ERROR"] | None = None
    name: str | None = None
    user_id: str | None = None
    model: str | None = None
    tags: tuple[str, ...] = field(default=())
    """Any of them."""
    search: str | None = None
    """Words in the content, all of them."""
    where: Where | None = None
