"""Events: what a session consists of in Kore's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Event"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; a step is one event or several, which share its span's id."""

    id: str
    session_id: str
    trace_id: str
    span_id: str
    parent_span_id: str | None
    seq: int
    """Its rank in the session, from 0, in order of time."""
    timestamp_ns: int
    """When the step began."""
    duration_ms: float | None
    type: str
    """`llm_call`, `tool_call`, `tool_result`, `decision`, `handoff`, `delegate`, `guardrail_eval`, `state_change`,
    `error` or `response`."""
    data: Mapping[str, Any]
    """What the type says of it, under Kore's keys."""
    agent_name: str | None
    turn: int | None
    """The rank of its trace in the session, from 1."""
    has_error: bool
    name: str
    """The span's."""
