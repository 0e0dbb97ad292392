"""Sessions in outline: what happened in them and when, without what was said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.span import Json

__all__ = ["AGENT_NAMES", "HANDOFFS", "NAMED", "Outline", "SessionOutline", "Turn"]

AGENT_NAMES: Final = (semconv.AGENT_NAME, "agent.name", "agent_name")
"""Under which a step names its agent, strongest first."""
HANDOFFS: Final = ((semconv.HANDOFF_FROM, semconv.HANDOFF_TO), ("from_agent", "to_agent"))
"""Under which a step names two agents of which one hands over to the other."""

NAMED: Final = (
    semconv.KIND,
    semconv.AGENT_ID,
    *AGENT_NAMES,
    *(name for pair in HANDOFFS for name in pair),
    semconv.HANDOFF_TASK,
    semconv.DECISION_KIND,
    semconv.DECISION_TARGET,
    semconv.LANGGRAPH_NODE,
    semconv.LANGGRAPH_GOTO,
    semconv.LANGGRAPH_TRIGGERS,
)
"""The attributes that an outline keeps: those that decide what a step is."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One step. Ids are lowercase hex; `end_ns` is None while it is pending."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    step: str
    start_ns: int
    end_ns: int | None
    is_error: bool
    error_type: str
    counts_call: bool
    """A call of a model that no other call is inside of."""
    counts_usage: bool
    """A call whose tokens no call inside it reports too."""
    agent: str | None
    """Whose step it is: its own word, else its nearest ancestor's."""
    told: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """Those of `NAMED` that it bears."""
    own_agent: str | None = None
    """Whose step it says itself to be."""

    @property
    def key(self) -> tuple[str, str]:
        """Trace and span."""
        return self.trace_id, self.span_id


@dataclass(frozen=True, slots=True)
class Turn:
    """A trace, as far as it lies in the session."""

    trace_id: str
    start_ns: int
    end_ns: int
    asked: str
    """The beginning of what was asked in it, and of what was answered; empty when that is not known."""
    answered: str


@dataclass(frozen=True, slots=True)
class SessionOutline:
    """A session in outline."""

    session_id: str
    turns: tuple[Turn, ...]
    """In order of their start."""
    steps: tuple[Outline, ...]
    """In order of their start; of those that start together, the longest first."""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    """What was told of the session as a whole, else what its first step that bears metadata says."""
    environment: str = ""
    """Where it ran, as the resource of its first step that knows says."""
