"""Sums over a session, by which findings are weighed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sojourn_gateway.apis.kore.analysis.calls import calls_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sojourn_gateway.apis.kore.event import Event

__all__ = ["Sums", "latency_of", "sums_of"]


@dataclass(frozen=True, slots=True)
class Sums:
    """What a session took, without the time in which its user thought, and what it cost as far as that is known."""

    latency_ms: float
    cost_usd: float


def sums_of(events: Sequence[Event], latency_ms: float | None = None) -> Sums:
    """Of all turns; what they took is read out of the events where nobody knows it."""
    return Sums(
        latency_of(events) if latency_ms is None else latency_ms, sum(call.cost_usd or 0.0 for call in calls_of(events))
    )


def latency_of(events: Iterable[Event]) -> float:
    """The sum over the turns of the time from first start to last end, in milliseconds."""
    turns: dict[str, tuple[int, int]] = {}
    for event in events:
        ended = event.timestamp_ns + int((event.duration_ms or 0.0) * 1e6)
        first, last = turns.get(event.trace_id, (event.timestamp_ns, ended))
        turns[event.trace_id] = (min(first, event.timestamp_ns), max(last, ended))
    return sum(last - first for first, last in turns.values()) / 1e6
