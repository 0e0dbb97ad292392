"""Calls of models asked for over all sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CallsAsk", "SortCalls"]

SortCalls = Literal["timestamp", "latencyMs", "cost", "totalTokens"]


@dataclass(frozen=True, slots=True)
class CallsAsk:
    """Which calls, in which order; those that have no value to be ordered by come last."""

    limit: int = 50
    offset: int = 0
    sort_by: SortCalls = "timestamp"
    descending: bool = True
    since_ns: int | None = None
    until_ns: int | None = None
    """Begun before this moment."""
    session_ids: tuple[str, ...] = ()
    """In any of these; empty: in any."""
    agent: str | None = None
    """Made by this agent."""
    model: str | None = None
    provider: str | None = None
    failed: bool | None = None
