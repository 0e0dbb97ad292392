"""Scores: grades that people and programs gave to a trace, a span or a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sojourn_gateway.model.where import Where

__all__ = ["Graded", "Score", "ScoreSummary", "ScoresAsk"]

Graded = Literal["trace", "span", "session"]
"""What a score is about."""


@dataclass(frozen=True, slots=True)
class Score:
    """One grade; it is never changed, only taken back."""

    id: str
    resource_id: str
    kind: Graded
    name: str
    score: float
    label: str
    reason: str
    source: str
    user_id: str
    created_ns: int


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """All scores of one name in some days."""

    name: str
    mean: float
    count: int
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class ScoresAsk:
    """Which scores, newest first."""

    limit: int = 50
    offset: int = 0
    since_ns: int | None = None
    until_ns: int | None = None
    resource_id: str | None = None
    kind: Graded | None = None
    name: str | None = None
    source: str | None = None
    session_id: str | None = None
    """Scores of the session, of its traces and of its spans."""
    where: Where | None = None
