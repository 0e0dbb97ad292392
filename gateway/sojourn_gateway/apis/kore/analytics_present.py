"""Sessions and events as the public analytics show them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.apis.kore.present import CHANNEL, present_cost
from sojourn_gateway.apis.kore.states import status_of
from sojourn_gateway.apis.kore.times import present_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.session import SessionSummary
    from sojourn_gateway.model.tally import Tally

__all__ = ["CATEGORIES", "MOST_BYTES", "fitting", "named", "present_analytics_session", "present_streamed"]

CATEGORIES: Final = {"llm_call": "llm", "tool_result": "tool", "decision": "decision", "error": "error"}
"""The events that are told, and as what."""
MOST_BYTES: Final = 1024 * 1024
"""That an answer of this family may hold, about."""
_VERSION: Final = 1
_TEST_CHANNEL: Final = "web_debug"
_CONTAINMENT: Final = {
    "completed": "contained_resolved",
    "ended": "contained_unresolved",
    "escalated": "escalated",
    "abandoned": "abandoned",
    "failed": "abandoned",
}
_OWN: Final = ("channel", "disposition", "environment")


def present_analytics_session(summary: SessionSummary, tally: Tally, now_ns: int) -> dict[str, Any]:
    """A session."""
    status = status_of(summary, tally, now_ns)
    channel = tally.metadata.get("channel") or CHANNEL
    asked, answered = tally.asked, tally.counts.get("response", 0)
    tokens = summary.tokens
    return {
        "id": summary.id,
        "channel": channel,
        "environment": tally.metadata.get("environment") or tally.environment or None,
        # This family has no word for a session that failed.
        "status": "abandoned" if status == "failed" else status,
        "containmentType": _CONTAINMENT.get(status),
        "createdAt": present_time(summary.start_ns),
        "lastActivityAt": present_time(summary.end_ns),
        "endedAt": None if summary.state == "open" else present_time(summary.end_ns),
        "messageCount": {"user": asked, "agent": answered, "total": asked + answered},
        "traceEventCount": {
            **{name: tally.counts.get(name, 0) for name in ("llm_call", "decision", "tool_call", "error")},
            "total": tally.events,
        },
        "tokenCount": {
            "inputTokens": tokens.input,
            "cachedTokens": tokens.cache_read,
            "completionTokens": max(tokens.output - tokens.reasoning, 0),
            "reasoningTokens": tokens.reasoning,
            "outputTokens": tokens.output,
            "totalTokens": tokens.total,
        },
        "traceDimensions": {name: told for name, told in tally.metadata.items() if name not in _OWN},
        "estimatedCost": present_cost(summary.cost),
        "durationMs": max(round(summary.duration_ms), 0),
        "idleDurationMs": max(round(summary.duration_ms - tally.busy_ns / 1e6), 0),
        "isTest": channel == _TEST_CHANNEL or tally.metadata.get("isTest") == "true",
    }


def named(event: Event) -> str:
    """What an event is called here."""
    match event.type:
        case "llm_call":
            return "llm.call.failed" if event.has_error else "llm.call.completed"
        case "tool_result":
            return "tool.call.failed" if event.has_error else "tool.call.completed"
        case "decision":
            return "agent.decision"
        case _:
            return event.type


def present_streamed(event: Event, cursor: str, *, is_full: bool) -> dict[str, Any]:
    """An event."""
    is_call = event.type in ("llm_call", "tool_result")
    at_ns = event.timestamp_ns
    said: Any = event.data.get("error") if is_call else event.data.get("message")
    error = {"type": event.data.get("code"), "message": said} if event.has_error else None
    return {
        "eventId": event.id,
        "eventSeq": event.seq,
        "eventCursor": cursor,
        "payloadVersion": _VERSION,
        "eventType": CATEGORIES[event.type],
        "eventName": named(event),
        "timestamp": present_time(at_ns),
        "ingestedAt": present_time(at_ns + round((event.duration_ms or 0) * 1e6)),
        "spanId": event.span_id,
        "reasonCode": None,
        "operationType": event.data.get("operation") if event.type == "llm_call" else None,
        "agentExecutionPolicySource": None,
        "responseContribution": None,
        "actor": event.agent_name,
        "durationMs": event.duration_ms,
        "hasError": event.has_error,
        "isFailure": event.has_error,
        "error": error,
        "eventData": _data(event, is_full=is_full),
    }


def fitting(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many of the items, one at least, as an answer of this family may hold."""
    found: list[dict[str, Any]] = []
    taken = 0
    for item in items:
        taken += len(json.dumps(item))
        if found and taken > MOST_BYTES:
            break
        found.append(item)
    return found


def _data(event: Event, *, is_full: bool) -> dict[str, Any]:
    data = event.data
    match event.type:
        case "llm_call":
            told, payload = _call(data), {"request": data.get("messages"), "response": data.get("response")}
        case "tool_result":
            told = {
                "toolName": data.get("toolName"),
                "toolType": data.get("toolType"),
                "success": data.get("success"),
                "latencyMs": data.get("latencyMs"),
                "resultSizeBytes": _size(data.get("output")),
                "executionSkipped": False,
                "operationalFailure": not data.get("success"),
            }
            payload = {"input": data.get("input"), "output": data.get("output"), "details": data.get("error")}
        case "decision":
            names = ("decisionKind", "decision", "outcome", "matched", "reasoning")
            told, payload = {name: data.get(name) for name in names}, {"details": dict(data)}
        case _:
            told, payload = {name: data.get(name) for name in ("code", "message", "source")}, {"details": dict(data)}
    return {**told, "payloadData": payload} if is_full else told


def _call(data: Mapping[str, Any]) -> dict[str, Any]:
    usage: dict[str, Any] = data.get("usage", {})
    cost = data.get("estimatedCost")
    return {
        "model": data.get("model"),
        "provider": data.get("provider"),
        "inputTokens": usage.get("inputTokens", 0),
        "outputTokens": usage.get("outputTokens", 0),
        "totalTokens": usage.get("totalTokens", 0),
        "reasoningTokens": usage.get("reasoningTokens", 0),
        "cachedTokens": usage.get("cachedTokens", 0),
        "audioInputTokens": usage.get("audioInputTokens", 0),
        "audioOutputTokens": usage.get("audioOutputTokens", 0),
        "estimatedCost": None if cost is None else {"amount": cost, "currency": "USD"},
        "latencyMs": data.get("latencyMs"),
        "streamingUsed": data.get("streamingUsed", False),
        "toolCallCount": len(data.get("toolCalls", ())),
        "timeToFirstTokenMs": data.get("timeToFirstTokenMs"),
        "cacheCreationTokens": usage.get("cacheCreationTokens", 0),
        "finishReason": data.get("finishReason"),
        "retryAttempt": None,
    }


def _size(output: Any) -> int:
    return 0 if output is None else len(json.dumps(output, ensure_ascii=False).encode("utf-8", "replace"))
