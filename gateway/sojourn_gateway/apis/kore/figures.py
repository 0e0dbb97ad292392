"""What the events of a session come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.apis.kore.times import present_ms, present_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.outline import Turn

__all__ = ["figures_of", "lean"]

Interval = tuple[int, int]

_LOOKED_AT: Final = ("usage", "model", "estimatedCost", "success", "action")
"""Of what events say."""


def lean(event: Event) -> Event:
    """The event without what no figure is made of: what was said in it may be large."""
    return replace(event, data={name: event.data[name] for name in _LOOKED_AT if name in event.data})


def figures_of(events: Sequence[Event], turns: Sequence[Turn], duration_ms: float) -> dict[str, Any]:
    """The object of `/metrics`: each number is a count over the events; a turn lasts from its first step to its last.

    `duration_ms` is what a clock on the wall says.
    """
    types = Counter(event.type for event in events)
    calls = [event for event in events if event.type == "llm_call"]
    results = [event for event in events if event.type == "tool_result"]
    checks = [event for event in events if event.type == "guardrail_eval"]
    by_turn: dict[int | None, list[Event]] = {}
    for event in events:
        by_turn.setdefault(event.turn, []).append(event)
    shown = [_turn(rank, turn, by_turn.get(rank, ())) for rank, turn in enumerate(turns, 1)]
    return {
        "totalLatencyMs": round(sum(turn["latencyMs"] for turn in shown), 3),
        "durationMs": round(max(duration_ms, 0), 3),
        "turns": shown,
        "llmCalls": [_call(event) for event in calls],
        "toolCallCount": types["tool_call"],
        "toolSuccessRate": _rate(sum(event.data["success"] is True for event in results), len(results)),
        "guardrailEvalCount": types["guardrail_eval"],
        "guardrailBlockRate": _rate(sum(event.data["action"] == "block" for event in checks), len(checks)),
        "turnCount": len(turns),
        "llmCallCount": types["llm_call"],
        "inputTokens": sum(_usage(event, "inputTokens") for event in calls),
        "outputTokens": sum(_usage(event, "outputTokens") for event in calls),
        "totalTokens": sum(_usage(event, "totalTokens") for event in calls),
        "estimatedCost": _cost(events),
        "errorCount": types["error"],
        "handoffCount": types["handoff"],
        "eventCount": len(events),
    }


def _call(event: Event) -> dict[str, Any]:
    return {
        "eventId": event.id,
        "spanId": event.span_id,
        "model": event.data.get("model"),
        "inputTokens": _usage(event, "inputTokens"),
        "outputTokens": _usage(event, "outputTokens"),
        "totalTokens": _usage(event, "totalTokens"),
        "latencyMs": event.duration_ms,
        "estimatedCost": event.data.get("estimatedCost"),
    }


def _turn(rank: int, turn: Turn, own: Sequence[Event]) -> dict[str, Any]:
    """A turn's time is told once: while a model works it is the model's, while tools alone work it is theirs."""
    models = _union(_within(turn, own, "llm_call"))
    all_work = _union([*models, *_within(turn, own, "tool_result")])
    model_ns, work_ns = _length(models), _length(all_work)
    lasted_ns = max(turn.end_ns - turn.start_ns, 0)
    return {
        "turn": rank,
        "traceId": turn.trace_id,
        "startedAt": present_time(turn.start_ns),
        "latencyMs": present_ms(lasted_ns),
        "llmMs": present_ms(model_ns),
        "toolMs": present_ms(work_ns - model_ns),
        "otherMs": present_ms(lasted_ns - work_ns),
    }


def _within(turn: Turn, events: Iterable[Event], kind: str) -> list[Interval]:
    found: list[Interval] = []
    for event in events:
        if event.type == kind and event.duration_ms is not None:
            end_ns = event.timestamp_ns + round(event.duration_ms * 1e6)
            found.append((max(event.timestamp_ns, turn.start_ns), min(end_ns, turn.end_ns)))
    return [one for one in found if one[0] < one[1]]


def _union(intervals: Iterable[Interval]) -> list[Interval]:
    found: list[Interval] = []
    for begin, end in sorted(intervals):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _length(intervals: Iterable[Interval]) -> int:
    return sum(end - begin for begin, end in intervals)


def _usage(event: Event, name: str) -> int:
    found: int = event.data.get("usage", {}).get(name, 0)
    return found


def _cost(events: Iterable[Event]) -> float | None:
    """The sum of what is known; None when there were calls with usage and no price is known."""
    calls = [event for event in events if event.type in ("llm_call", "tool_result")]
    known: list[float] = [event.data["estimatedCost"] for event in calls if event.data.get("estimatedCost") is not None]
    if not known and any(_usage(event, "totalTokens") for event in calls):
        return None
    return round(sum(known), 12)


def _rate(some: int, of: int) -> float | None:
    return some / of if of else None
