"""Too many retries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn_gateway.apis.kore.analysis.finding import Anomaly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["find_retry_storms"]


def find_retry_storms(events: Sequence[Event], thresholds: Thresholds) -> list[Anomaly]:
    """So many retries in a session; twice as many are critical."""
    retries = [event for event in events if event.type == "decision" and event.data.get("decisionKind") == "retry"]
    if len(retries) < thresholds.retries:
        return []
    return [
        Anomaly(
            "retry_storm",
            "critical" if len(retries) >= 2 * thresholds.retries else "warning",
            f"{len(retries)} retries",
            tuple(dict.fromkeys(event.span_id for event in retries)),
        )
    ]
