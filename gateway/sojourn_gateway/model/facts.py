"""What a store holds, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["StoreFacts"]


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What is kept for one project."""

    sessions: int
    """Implicit ones not counted."""
    traces: int
    spans: int
    logs: int
    last_received_ns: int | None
    """When the last span arrived; None when there is none."""
    unpriced_models: tuple[str, ...]
    """Models with usage whose price is not known."""
