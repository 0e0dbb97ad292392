"""Calls of models and uses of tools, read out of events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["Call", "ToolUse", "as_json", "calls_of", "items_of", "parsed", "prompt_of", "tools_of"]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a model."""

    event: Event
    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int | None
    """None where nobody said."""
    cost_usd: float | None

    def price_of_prompt(self, thresholds: Thresholds) -> float | None:
        """What a fresh token of its prompt cost, by the usual proportions of prices; None when that is unknown."""
        cached = min(self.cached_tokens or 0, self.input_tokens)
        weight = (
            self.input_tokens - cached + cached * thresholds.cached_price + self.output_tokens * thresholds.output_price
        )
        return self.cost_usd / weight if self.cost_usd is not None and weight > 0 else None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that was called, and its answer when it came."""

    event: Event
    """That of the call."""
    tool: str
    call_id: str
    input: str | None
    """JSON in one spelling; None when it was not kept."""
    output: str | None
    succeeded: bool
    duration_ms: float
    result: Event | None

    @property
    def end_ns(self) -> int:
        """When it answered."""
        return self.event.timestamp_ns + int(self.duration_ms * 1e6)


def calls_of(events: Iterable[Event]) -> list[Call]:
    """The calls of models, in the order of the events."""
    return [_call(event) for event in events if event.type == "llm_call"]


def tools_of(events: Iterable[Event]) -> list[ToolUse]:
    """The uses of tools, in the order of their calls; call and result share a span."""
    found = list(events)
    results = {(event.trace_id, event.span_id): event for event in found if event.type == "tool_result"}
    return [_tool(event, results.get((event.trace_id, event.span_id))) for event in found if event.type == "tool_call"]


def prompt_of(event: Event) -> Any:
    """What a model was asked; None when it was not kept."""
    asked = event.data.get("messages")
    return event.data.get("prompt") if asked is None else asked


def items_of(value: Any) -> list[Any]:
    """The items of a list; none of anything else."""
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]  # JSON of a sender


def as_json(value: Any) -> str | None:
    """JSON in one spelling, of a value or of JSON text; other text as a JSON string; None for nothing."""
    if value is None:
        return None
    return json.dumps(parsed(value), sort_keys=True, separators=(",", ":"), default=str)


def parsed(value: Any) -> Any:
    """What JSON text says; any other text and value as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _call(event: Event) -> Call:
    usage: Mapping[str, Any] = _object(event.data.get("usage"))
    cost = event.data.get("estimatedCost")
    cached = usage.get("cachedTokens")
    return Call(
        event,
        _text(event.data.get("model")),
        _count(usage.get("inputTokens")),
        _count(usage.get("outputTokens")),
        None if cached is None else _count(cached),
        float(cost) if isinstance(cost, int | float) else None,
    )


def _tool(event: Event, result: Event | None) -> ToolUse:
    answered: Mapping[str, Any] = {} if result is None else result.data
    lasted = event.duration_ms if result is None or result.duration_ms is None else result.duration_ms
    return ToolUse(
        event,
        _text(event.data.get("toolName")) or event.name,
        _text(event.data.get("callId")),
        as_json(event.data.get("input")),
        as_json(answered.get("output")),
        answered.get("success") is True,
        lasted or 0.0,
        result,
    )


def _object(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
