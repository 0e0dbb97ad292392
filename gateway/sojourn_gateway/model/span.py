"""Spans: one step each, as the store gives them back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from sojourn_gateway.model.usage import Tokens

__all__ = ["CostSource", "Json", "Span", "SpanEvent", "SpanLink", "Status", "Step"]

Json = Any
"""A parsed JSON value."""

Status = Literal["unset", "ok", "error"]
Step = Literal[
    "model", "embedding", "tool", "agent", "workflow", "retrieval", "chain", "guardrail", "action", "task", "other"
]
"""What kind of step a span is, in the reader's words; `model` and `embedding` are the model operations."""

CostSource = Literal["reported", "priced", "partial", "unpriced", "none"]
"""Where a span's cost comes from; `unpriced` bears usage without a known price, `none` has nothing to price."""


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """A moment inside a span."""

    name: str
    time_ns: int
    attributes: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class SpanLink:
    """Another span that this one has to do with; ids are lowercase hex, as they were sent."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Span:
    """One step. Ids are lowercase hex; times are nanoseconds since 1970; `end_ns` is None while it is pending."""

    trace_id: str
    span_id: str
    parent_id: str | None
    session_id: str | None
    """Its own `session.id`, else its nearest ancestor's, else its trace's first."""
    name: str
    kind: int
    """OTLP's number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    step: Step
    operation: str
    """`gen_ai.operation.name`, or empty."""
    start_ns: int
    end_ns: int | None
    status: Status
    status_message: str
    provider: str
    request_model: str
    response_model: str
    tokens: Tokens
    cost: Decimal | None
    cost_source: CostSource
    user_id: str
    service: str
    finish_reasons: tuple[str, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""
    input: str | None = None
    """JSON text: messages (`[{role, parts}]`), arguments of a tool, input of a chain; None when it was not kept."""
    output: str | None = None
    system: str | None = None
    """JSON text of the parts of system instructions that were sent apart from the messages."""
    attributes: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """All attributes as they came, content included."""
    resource: Mapping[str, Json] = field(default_factory=dict[str, Any])
    scope: str = ""
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()
    error_type: str = ""

    @property
    def model(self) -> str:
        """The model that answered, else the one asked for, else empty."""
        return self.response_model or self.request_model

    @property
    def duration_ns(self) -> int | None:
        """None while the span is pending."""
        return None if self.end_ns is None else self.end_ns - self.start_ns
