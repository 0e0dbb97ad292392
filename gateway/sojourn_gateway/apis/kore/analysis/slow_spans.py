"""Steps that took long: by the clock, or beside others of their type in the same session."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["SlowSpan", "find_slow_spans", "present_slow_span"]

_SECOND: Final = ("error", "tool_result")
"""Events that tell of a span which another event stands for."""


@dataclass(frozen=True, slots=True)
class SlowSpan:
    """A step that took longer than `threshold_ms`."""

    event: Event
    duration_ms: float
    share: float
    """Of the time that the session took, without its user's."""
    threshold_ms: float


def find_slow_spans(events: Sequence[Event], thresholds: Thresholds, latency_ms: float) -> list[SlowSpan]:
    """The slowest first; of equal ones the earlier. Shares are of `latency_ms`."""
    steps = _steps(events)
    by_type: dict[str, list[float]] = {}
    for event, lasted in steps:
        by_type.setdefault(event.type, []).append(lasted)
    bounds = {kind: _bound(samples, thresholds) for kind, samples in by_type.items()}
    found = [
        SlowSpan(event, lasted, lasted / latency_ms if latency_ms > 0 else 0.0, bounds[event.type])
        for event, lasted in steps
        if lasted > bounds[event.type]
    ]
    return sorted(found, key=lambda span: -span.duration_ms)[: thresholds.slow_most]


def present_slow_span(span: SlowSpan) -> dict[str, Any]:
    """An item of `slowSpans`."""
    return {
        "spanId": span.event.span_id,
        "type": span.event.type,
        "name": span.event.name,
        "agentName": span.event.agent_name,
        "durationMs": round(span.duration_ms, 3),
        "share": round(span.share, 6),
        "thresholdMs": round(span.threshold_ms, 3),
    }


def _steps(events: Iterable[Event]) -> list[tuple[Event, float]]:
    """One event for each span that lasted, and how long: a tool's call and result are one step."""
    chosen: dict[tuple[str, str], Event] = {}
    lasted: dict[tuple[str, str], float] = {}
    for event in events:
        key = (event.trace_id, event.span_id)
        known = chosen.setdefault(key, event)
        if known.type in _SECOND and event.type not in _SECOND:
            chosen[key] = event
        if event.duration_ms is not None:
            lasted[key] = max(event.duration_ms, lasted.get(key, 0.0))
    return [(event, lasted[key]) for key, event in chosen.items() if key in lasted]


def _bound(samples: Sequence[float], thresholds: Thresholds) -> float:
    if len(samples) < thresholds.slow_samples:
        return thresholds.slow_ms
    return min(thresholds.slow_ms, median(samples) * thresholds.slow_factor)
