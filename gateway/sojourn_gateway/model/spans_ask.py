"""Spans asked for across traces: which ones, and what a page of them says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sojourn_gateway.model.span import Status
    from sojourn_gateway.model.where import Where

__all__ = ["SpanType", "SpansAsk"]

SpanType = Literal["GENERATION", "SPAN", "EVENT"]
"""A call of a model, any other step, a moment: none of our steps is a moment."""


@dataclass(frozen=True, slots=True)
class SpansAsk:
    """Which spans, in order of their start."""

    limit: int = 100
    offset: int = 0
    descending: bool = True
    trace_id: str | None = None
    type: SpanType | None = None
    status: Status | None = None
    name: str | None = None
    """Part of the name, without regard to case."""
    model: str | None = None
    """Part of the model's name, likewise."""
    min_ms: int | None = None
    max_ms: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    session_id: str | None = None
    search: str | None = None
    """Words in the content, all of them."""
    where: Where | None = None
    content: bool = True
    """Whether what went in and came out is wanted; without it a page is read faster."""
