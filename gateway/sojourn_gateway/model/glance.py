"""What one sees of a session at a glance: where each step stands, without what was said in it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Glance"]


class Glance(NamedTuple):
    """A step. Ids are lowercase hex; a tuple, since a session may have many thousands of them."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    step: str
    model: str
    """The model that answered, else the one asked for, else empty."""
    tool_call_id: str
    start_ns: int
    end_ns: int | None
    """None while it is pending."""
    status: str
    decided: bool
    """It is a decision, a hand-over, a check, a change of state or an answer; told only where that is asked."""
    found: bool
    """A text that was looked for stands in it; True where none was."""

    @property
    def key(self) -> tuple[str, str]:
        """Trace and span."""
        return self.trace_id, self.span_id
