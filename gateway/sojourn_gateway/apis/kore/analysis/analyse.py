"""All rules over one session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.apis.kore.analysis.escalations import find_escalations
from sojourn_gateway.apis.kore.analysis.failures import find_error_patterns, present_pattern
from sojourn_gateway.apis.kore.analysis.finding import present_anomaly, present_suggestion
from sojourn_gateway.apis.kore.analysis.growing_prompts import find_growing_prompts
from sojourn_gateway.apis.kore.analysis.handoff_loops import find_handoff_loops
from sojourn_gateway.apis.kore.analysis.idle_tools import find_idle_tools
from sojourn_gateway.apis.kore.analysis.repeated_decisions import find_repeated_decisions
from sojourn_gateway.apis.kore.analysis.repeated_inputs import find_repeated_inputs
from sojourn_gateway.apis.kore.analysis.retry_storms import find_retry_storms
from sojourn_gateway.apis.kore.analysis.slow_spans import find_slow_spans, present_slow_span
from sojourn_gateway.apis.kore.analysis.sums import sums_of
from sojourn_gateway.apis.kore.analysis.uncached_prompts import find_uncached_prompts
from sojourn_gateway.apis.kore.analysis.unmatched_decisions import find_unmatched_decisions
from sojourn_gateway.apis.kore.analysis.unused_outputs import find_unused_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sojourn_gateway.apis.kore.analysis.finding import Anomaly
    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["analyse"]

_ANOMALIES: Final[tuple[Callable[[Sequence[Event], Thresholds], list[Anomaly]], ...]] = (
    find_handoff_loops,
    find_repeated_decisions,
    find_retry_storms,
    find_unmatched_decisions,
    find_escalations,
)


def analyse(
    events: Sequence[Event],
    thresholds: Thresholds,
    latency_ms: float | None = None,
    whole: Callable[[Iterable[Event]], Iterable[Event]] = iter,
) -> dict[str, Any]:
    """The analysis of a session; the same for the same events in any order, and empty lists for no events.

    What was asked and answered may be left out of calls of models and answers that went well, when `whole` says the
    same events, in the same order, with it; it is asked for as few as are needed.

    Shares are of `latency_ms`, which the turns took; without it of what their events took, from first to last.
    A session is healthy when nothing failed in it and no decision of it is worth a warning: slow steps and suggestions
    are advice.
    """
    ordered = sorted(events, key=lambda event: (event.timestamp_ns, event.seq, event.id))
    sums = sums_of(ordered, latency_ms)
    slow = find_slow_spans(ordered, thresholds, sums.latency_ms)
    patterns = find_error_patterns(ordered)
    anomalies = [found for rule in _ANOMALIES for found in rule(ordered, thresholds)]
    suggestions = [
        *find_repeated_inputs(ordered, thresholds),
        *find_idle_tools(ordered, thresholds),
        *find_growing_prompts(ordered, thresholds),
        *find_unused_outputs(ordered, thresholds, whole),
        *find_uncached_prompts(ordered, thresholds),
    ]
    return {
        "slowSpans": [present_slow_span(span) for span in slow],
        "errorPatterns": [present_pattern(pattern) for pattern in patterns],
        "decisionAnomalies": [present_anomaly(anomaly) for anomaly in anomalies],
        "suggestions": [present_suggestion(suggestion, sums, thresholds) for suggestion in suggestions],
        "summary": {
            "healthy": not patterns and all(anomaly.severity == "info" for anomaly in anomalies),
            "counts": {
                "slowSpans": len(slow),
                "errorPatterns": len(patterns),
                "decisionAnomalies": len(anomalies),
                "suggestions": len(suggestions),
            },
        },
    }
