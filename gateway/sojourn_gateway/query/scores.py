"""Scores as they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sojourn_gateway.engine.values import text
from sojourn_gateway.model.score import Score, ScoreSummary

if TYPE_CHECKING:
    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.score import Graded

__all__ = ["score_of", "summary_of"]


def score_of(row: Row) -> Score:
    """A row of `engine.scores.list_scores`."""
    score_id, resource_id, kind, name, score, label, reason, source, user_id, created_ns = row
    return Score(
        id=text(score_id),
        resource_id=text(resource_id),
        kind=cast("Graded", text(kind)),
        name=text(name),
        score=score,
        label=text(label),
        reason=text(reason),
        source=text(source),
        user_id=text(user_id),
        created_ns=created_ns,
    )


def summary_of(row: Row) -> ScoreSummary:
    """A row of `engine.scores.summarize_scores`."""
    name, mean, count, least, most = row
    return ScoreSummary(text(name), mean, count, least, most)
