"""Escalations that a failure brought about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn_gateway.apis.kore.analysis.finding import Anomaly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["find_escalations"]


def find_escalations(events: Sequence[Event], thresholds: Thresholds) -> list[Anomaly]:
    """Each decision to escalate in a turn in which something failed before; the last failure is told with it."""
    del thresholds  # every rule is asked alike
    failed: dict[str, Event] = {}
    found: list[Anomaly] = []
    for event in events:
        if event.has_error or event.type == "error":
            failed[event.trace_id] = event
        elif event.type == "decision" and event.data.get("decisionKind") == "escalation":
            before = failed.get(event.trace_id)
            if before is not None:
                spans = tuple(dict.fromkeys((before.span_id, event.span_id)))
                found.append(
                    Anomaly("escalation_after_error", "warning", f"escalated after {before.name} failed", spans)
                )
    return found
