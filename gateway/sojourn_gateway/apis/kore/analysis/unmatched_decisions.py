"""Decisions whose condition did not hold, and after which nobody took over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn_gateway.apis.kore.analysis.finding import Anomaly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["find_unmatched_decisions"]

_TRANSFERS: Final = ("handoff", "delegate")


def find_unmatched_decisions(events: Sequence[Event], thresholds: Thresholds) -> list[Anomaly]:
    """Those of a turn together: conditions are tried one after the other, and all is well when one leads on."""
    del thresholds  # every rule is asked alike
    waiting: dict[str, dict[str, None]] = {}
    for event in events:
        if event.type in _TRANSFERS:
            waiting.pop(event.trace_id, None)
        elif event.type == "decision" and event.data.get("matched") is False:
            waiting.setdefault(event.trace_id, {})[event.span_id] = None
    return [
        Anomaly(
            "unmatched_decision",
            "info",
            f"{len(spans)} {'condition' if len(spans) == 1 else 'conditions'} did not hold, and nobody took over",
            tuple(spans),
        )
        for spans in waiting.values()
    ]
