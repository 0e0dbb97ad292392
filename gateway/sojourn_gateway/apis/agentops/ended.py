"""How a session or trace ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sojourn_gateway.model.session import Session, SessionSummary

__all__ = ["end_of", "parse_state", "state_of"]

_STATES: Final = {
    "success": "Success",
    "fail": "Fail",
    "failure": "Fail",
    "error": "Fail",
}
"""`Shutdown`, `Unknown`, `Reinitialized` and whatever else was seen tell that nobody judged."""


def end_of(session: Session) -> tuple[str, int | None]:
    """State, and when it ended; None while it runs."""
    summary = session.summary
    return state_of(summary), None if summary.state == "open" else summary.end_ns


def state_of(summary: SessionSummary) -> str:
    """The state of a session; of a trace that is one by itself, what its root said."""
    return "Indeterminate" if summary.state == "open" else summary.state


def parse_state(said: str) -> str:
    """One of the three states, of whatever was seen."""
    return _STATES.get(said.lower(), "Indeterminate")
