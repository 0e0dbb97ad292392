"""Sessions and events as Kore shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.apis.kore.states import status_of
from sojourn_gateway.apis.kore.times import present_amount, present_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.session import SessionSummary
    from sojourn_gateway.model.tally import Tally
    from sojourn_gateway.model.usage import Cost

__all__ = [
    "CHANNEL",
    "present_cost",
    "present_event",
    "present_page",
    "present_session",
]

CHANNEL: Final = "api"
"""Of sessions that do not say by which channel they came."""


def present_session(summary: SessionSummary, tally: Tally, now_ns: int) -> dict[str, Any]:
    """A line of the list."""
    return {
        "id": summary.id,
        "runtimeSessionId": summary.id,
        # The agent that was at work first; of a session without one its name.
        "agentName": tally.agent or summary.name,
        "status": status_of(summary, tally, now_ns),
        "channel": tally.metadata.get("channel") or CHANNEL,
        # As many as `conversation_of` finds.
        "messageCount": tally.asked + tally.counts.get("response", 0),
        "traceEventCount": tally.events,
        "tokenCount": summary.tokens.total,
        "errorCount": tally.counts.get("error", 0),
        "handoffCount": tally.counts.get("handoff", 0),
        "estimatedCost": present_cost(summary.cost),
        "durationMs": max(round(summary.duration_ms), 0),
        "createdAt": present_time(summary.start_ns),
        "lastActivityAt": present_time(summary.end_ns),
        "endedAt": None if summary.state == "open" else present_time(summary.end_ns),
        "disposition": tally.metadata.get("disposition"),
        "environment": tally.metadata.get("environment") or tally.environment or None,
    }


def present_cost(cost: Cost) -> float | None:
    """US dollars; None when there were calls and no price is known."""
    return 0.0 if cost.usd is None and not cost.unpriced else present_amount(cost.usd)


def present_event(event: Event) -> dict[str, Any]:
    """An event."""
    return {
        "id": event.id,
        "type": event.type,
        "sessionId": event.session_id,
        "traceId": event.trace_id,
        "spanId": event.span_id,
        "parentSpanId": event.parent_span_id,
        "seq": event.seq,
        "timestamp": present_time(event.timestamp_ns),
        "durationMs": event.duration_ms,
        "agentName": event.agent_name,
        "turn": event.turn,
        "hasError": event.has_error,
        "data": dict(event.data),
    }


def present_page(name: str, items: Sequence[Any], total: int, limit: int, offset: int) -> dict[str, Any]:
    """A page, told in both ways that the documents show."""
    return {
        "success": True,
        name: list(items),
        "total": total,
        "limit": limit,
        "offset": offset,
        "pagination": {"total": total, "limit": limit, "offset": offset},
    }
