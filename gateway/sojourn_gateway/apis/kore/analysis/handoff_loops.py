"""Agents that hand over and get it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sojourn_gateway.apis.kore.analysis.finding import Anomaly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["find_handoff_loops"]

_OFTEN: Final = 2
"""Once may be meant so: an agent asks another and goes on. Twice round is critical."""


@dataclass(slots=True)
class _Round:
    path: tuple[str, ...]
    times: int = 0
    span_ids: dict[str, None] = field(default_factory=dict[str, None])


def find_handoff_loops(events: Sequence[Event], thresholds: Thresholds) -> list[Anomaly]:
    """Control that comes back to who gave it away, within so many transfers; the same agents are told once.

    A delegation is none: there control is lent, and coming back is its purpose.
    """
    transfers = [(event, *_agents(event)) for event in events if event.type == "handoff"]
    found: dict[frozenset[str], _Round] = {}
    at = 0
    while at < len(transfers):
        giver = transfers[at][1]
        window = transfers[at : at + thresholds.loop_transfers]
        back = next((step for step, (_, _, taker) in enumerate(window) if giver and taker == giver), None)
        if not back:
            # None, or an agent that hands over to itself: no other one is in it.
            at += 1
            continue
        loop = window[: back + 1]
        path = (giver, *(taker for _, _, taker in loop))
        round_ = found.setdefault(frozenset(path), _Round(path))
        round_.times += 1
        round_.span_ids.update(dict.fromkeys(event.span_id for event, _, _ in loop))
        at += back + 1
    return [
        Anomaly(
            "handoff_loop",
            "critical" if round_.times >= _OFTEN else "warning",
            f"{' → '.join(round_.path)}" + (f", {round_.times} times" if round_.times > 1 else ""),
            tuple(round_.span_ids),
        )
        for round_ in found.values()
    ]


def _agents(event: Event) -> tuple[str, str]:
    giver, taker = event.data.get("fromAgent"), event.data.get("toAgent")
    return (giver if isinstance(giver, str) else event.agent_name or ""), (taker if isinstance(taker, str) else "")
