"""What happened, counted over all sessions: which events, in which groups, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["CATEGORIES", "GROUPS", "Group", "Happened", "HappeningsAsk", "SessionSum", "Sum", "Talk"]

Group = Literal["category", "event_type", "agent_name", "channel", "hour", "day"]
GROUPS: Final[tuple[Group, ...]] = get_args(Group)

CATEGORIES: Final = {
    "llm_call": "llm",
    "tool_call": "tool",
    "tool_result": "tool",
    "decision": "decision",
    "handoff": "handoff",
    "delegate": "handoff",
    "guardrail_eval": "guardrail",
    "state_change": "state",
    "error": "error",
    "response": "response",
}
"""Every type of event, and what it is a kind of."""


@dataclass(frozen=True, slots=True)
class HappeningsAsk:
    """Which events: those whose moment lies in `since_ns` to before `until_ns`, and that fit all else that is said."""

    since_ns: int | None = None
    until_ns: int | None = None
    types: tuple[str, ...] = ()
    """Of any of these; empty: of any."""
    agent: str | None = None
    channel: str | None = None
    session_ids: tuple[str, ...] = ()
    failed: bool | None = None
    limit: int = 50
    offset: int = 0
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Happened:
    """Where an event is found. `trace_id` is empty of an error by hand, `span_id` of a turn's answer too."""

    session_id: str
    trace_id: str
    span_id: str
    type: str
    moment_ns: int


@dataclass(frozen=True, slots=True)
class Sum:
    """What a group of events comes to. Durations are in milliseconds, and None where nothing lasts."""

    keys: tuple[str | int | None, ...]
    """In the order in which groups were asked for; of an hour and a day the nanosecond of their beginning."""
    count: int
    failed: int
    mean_ms: float | None
    p95_ms: float | None
    tokens: int
    cost: Decimal | None
    """None when it was not asked for, or no price is known of what was used."""


@dataclass(frozen=True, slots=True)
class SessionSum:
    """What some sessions come to. Durations are in milliseconds, and None where there are no sessions."""

    count: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    turns: int
    model_calls: int
    tool_calls: int
    tokens: int
    cost: Decimal | None
    """Of those whose price is known; None when none is."""
    failed: int
    """How many have errors."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A session's part of all messages."""

    session_id: str
    before: int
    """Messages of all sessions before it."""
    count: int
