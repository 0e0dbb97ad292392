"""A session that was read counted as lists count those that they do not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn_gateway.apis.kore.plan import counted, turns_asked
from sojourn_gateway.model.tally import Tally

if TYPE_CHECKING:
    from sojourn_gateway.apis.kore.reading import Read

__all__ = ["tally_of"]


def tally_of(session: Read) -> Tally:
    """What its steps come to."""
    outline = session.outline
    return Tally(
        counts=dict(counted(session.planned)),
        asked=len(turns_asked(outline)),
        last_ns=max((turn.end_ns for turn in outline.turns), default=0),
        busy_ns=sum(max(turn.end_ns - turn.start_ns, 0) for turn in outline.turns),
        runs=any(step.end_ns is None for step in outline.steps),
        agent=next((step.own_agent for step in outline.steps if step.own_agent), ""),
        metadata=outline.metadata,
        environment=outline.environment,
    )
