"""The same decision again and again."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from sojourn_gateway.apis.kore.analysis.calls import as_json
from sojourn_gateway.apis.kore.analysis.finding import Anomaly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["find_repeated_decisions"]


def find_repeated_decisions(events: Sequence[Event], thresholds: Thresholds) -> list[Anomaly]:
    """One agent that decides the same so often in a row; twice as often is critical.

    Retries have a rule of their own, and a decision of which neither words nor target are known may be another one.
    """
    decisions = [event for event in events if event.type == "decision"]
    found: list[Anomaly] = []
    for key, group in groupby(decisions, key=_what):
        same = list(group)
        if key is None or len(same) < thresholds.repeated_decisions:
            continue
        data = same[0].data
        said = str(data.get("decision") or data.get("target"))[:200]
        found.append(
            Anomaly(
                "repeated_decision",
                "critical" if len(same) >= 2 * thresholds.repeated_decisions else "warning",
                f"{data.get('decisionKind') or 'decision'} {said!r} was made {len(same)} times in a row",
                tuple(dict.fromkeys(event.span_id for event in same)),
            )
        )
    return found


def _what(event: Event) -> tuple[str | None, ...] | None:
    data = event.data
    made, target = as_json(data.get("decision")), as_json(data.get("target"))
    if data.get("decisionKind") == "retry" or (made is None and target is None):
        return None
    return (event.agent_name, as_json(data.get("decisionKind")), made, target)
