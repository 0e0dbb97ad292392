"""Scores on their way in."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from sojourn_gateway.engine.scores import delete_score, insert_scores
from sojourn_gateway.model.score import Score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.model.score import Graded

__all__ = ["NewScore", "Scorebook"]

_TRACE: Final = re.compile(r"[0-9a-fA-F]{32}")
_SPAN: Final = re.compile(r"[0-9a-fA-F]{16}")


@dataclass(frozen=True, slots=True)
class NewScore:
    """A score before it is kept."""

    resource_id: str
    name: str
    score: float
    label: str = ""
    reason: str = ""
    source: str = "api"
    user_id: str = ""
    kind: Graded | None = None
    """Without one the id says it: a trace's has 32 hexadecimal digits, a span's 16, all others are sessions'."""


class Scorebook:
    """Keeps scores, and takes them back."""

    def __init__(self, engine: Engine, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._engine = engine
        self._now_ns = now_ns

    def keep(self, project: str, scores: Sequence[NewScore]) -> list[str]:
        """Keep scores, all or none, in this order of time; returns their ids when they would survive a crash."""
        now = self._now_ns()
        kept = [_kept(score, now + number) for number, score in enumerate(scores)]
        if kept:
            insert_scores(self._engine, project, kept)
        return [score.id for score in kept]

    def delete(self, project: str, score: Score) -> None:
        """Take a score back: it is shown nowhere any more."""
        delete_score(self._engine, project, score)


def _kept(new: NewScore, created_ns: int) -> Score:
    kind: Graded = new.kind or (
        "trace" if _TRACE.fullmatch(new.resource_id) else "span" if _SPAN.fullmatch(new.resource_id) else "session"
    )
    return Score(
        id=str(uuid4()),
        resource_id=new.resource_id if kind == "session" else new.resource_id.lower(),
        kind=kind,
        name=new.name,
        score=new.score,
        label=new.label,
        reason=new.reason,
        source=new.source,
        user_id=new.user_id,
        created_ns=created_ns,
    )
