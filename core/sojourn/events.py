"""What a program records by hand: actions, model calls, tool calls, errors."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeGuard
from uuid import UUID  # noqa: TC003  # dataclass fields; programs ask `get_type_hints`

from sojourn import semconv
from sojourn.clock import new_uuid, now_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ActionEvent", "ErrorEvent", "Event", "LLMEvent", "ToolEvent"]


def now_iso() -> str:
    """The time now as programs of AgentOps know it: ISO 8601 with microseconds and an offset."""
    return datetime.fromtimestamp(now_ns() // 1000 / 1e6, UTC).isoformat(timespec="microseconds")


@dataclass
class Event:
    """What all events share. Times are ISO 8601; the end is set when the event is recorded, if it is missing."""

    event_type: str = "actions"
    params: Any = None
    returns: Any = None
    init_timestamp: str = field(default_factory=now_iso)
    end_timestamp: str | None = None
    agent_id: UUID | str | None = None
    id: UUID | str = field(default_factory=new_uuid)
    session_id: UUID | str | None = None
    recorded_as: tuple[int, int] = field(default=(0, 0), init=False, repr=False, compare=False)
    """The trace and span that it became when it was recorded; noughts before."""


@dataclass
class ActionEvent(Event):
    """Something that an agent did."""

    event_type: str = "actions"
    action_type: str | None = None
    logs: Any = None
    screenshot: str | None = None


@dataclass
class LLMEvent(Event):
    """A model call. `cost` is in US dollars, and beats the price table."""

    event_type: str = "llms"
    thread_id: UUID | str | None = None
    prompt: Any = None
    prompt_tokens: int | None = None
    completion: Any = None
    completion_tokens: int | None = None
    cost: float | None = None
    model: str | None = None


@dataclass
class ToolEvent(Event):
    """A use of a tool."""

    event_type: str = "tools"
    name: str | None = None
    logs: Any = None


@dataclass
class ErrorEvent(Event):
    """An error. `exception` fills type and details; `trigger_event` is the event in which it happened."""

    event_type: str = "errors"
    trigger_event: Event | None = None
    exception: BaseException | None = None
    error_type: str | None = None
    code: str | None = None
    details: Any = None
    logs: str | None = None
    timestamp: str | None = None

    def __post_init__(self) -> None:
        if self.exception is not None:
            self.error_type = self.error_type or type(self.exception).__name__
            self.details = self.details or str(self.exception)
            self.logs = self.logs or "".join(traceback.format_exception(self.exception))


@dataclass(frozen=True, slots=True)
class Step:
    """An event as a span: its name, whether it is a call to another service, attributes, content, times."""

    name: str
    calls_out: bool
    attributes: Mapping[str, str | int | float]
    content: Mapping[str, Any]
    start_ns: int
    end_ns: int


def as_step(event: Event) -> Step:
    """The span that an action, model call or tool call becomes. Raises ValueError for a time that is no ISO 8601."""
    start_ns = _nanoseconds(event.init_timestamp)
    end_ns = _nanoseconds(event.end_timestamp) if event.end_timestamp else now_ns()
    attributes: dict[str, str | int | float] = {}
    if event.agent_id is not None:
        attributes[semconv.AGENT_ID] = str(event.agent_id)
    match event:
        case LLMEvent():
            name = f"chat {event.model}" if event.model else "chat"
            content = _of_model_call(event, attributes)
        case ToolEvent():
            name = f"execute_tool {event.name}" if event.name else "execute_tool"
            attributes[semconv.OPERATION] = semconv.EXECUTE_TOOL
            attributes[semconv.TOOL_NAME] = event.name or "tool"
            content = {
                semconv.TOOL_CALL_ARGUMENTS: event.params,
                semconv.TOOL_CALL_RESULT: event.returns,
                semconv.LOGS: event.logs,
            }
        case _:
            # AgentOps takes `ActionEvent("deploy")` for an event type, and stores it as an action of that name.
            named = event.action_type if isinstance(event, ActionEvent) else None
            name = named or (event.event_type if event.event_type != "actions" else "action")
            attributes[semconv.KIND] = "action"
            content = {semconv.INPUT: event.params, semconv.OUTPUT: event.returns}
            if isinstance(event, ActionEvent):
                content |= {semconv.LOGS: event.logs, semconv.SCREENSHOT: event.screenshot}
    return Step(name, isinstance(event, LLMEvent), attributes, content, start_ns, max(start_ns, end_ns))


def _of_model_call(event: LLMEvent, attributes: dict[str, str | int | float]) -> Mapping[str, Any]:
    attributes[semconv.OPERATION] = semconv.CHAT
    if event.model:
        attributes[semconv.REQUEST_MODEL] = event.model
        attributes[semconv.RESPONSE_MODEL] = event.model
    if event.prompt_tokens is not None:
        attributes[semconv.USAGE_INPUT_TOKENS] = event.prompt_tokens
    if event.completion_tokens is not None:
        attributes[semconv.USAGE_OUTPUT_TOKENS] = event.completion_tokens
    if event.cost is not None:
        attributes[semconv.USAGE_COST] = float(event.cost)
    return {
        semconv.INPUT_MESSAGES: None if event.prompt is None else _messages(event.prompt, "user"),
        semconv.OUTPUT_MESSAGES: None if event.completion is None else _messages(event.completion, "assistant"),
    }


def _messages(given: Any, role: str) -> list[dict[str, Any]]:
    """A prompt or completion, which may be a text, a message or a list of messages, as messages with parts."""
    if _is_list(given):
        return [message for item in given for message in _messages(item, role)]
    if _is_message(given):
        content = given.get("content")
        # A list is the provider's own parts already.
        parts = content if _is_list(content) else [_text("" if content is None else content)]
        return [{"role": str(given["role"]), "parts": parts}]
    return [{"role": role, "parts": [_text(given)]}]


def _is_list(given: object) -> TypeGuard[list[Any]]:
    return isinstance(given, list)


def _is_message(given: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(given, dict) and "role" in given


def _text(content: Any) -> dict[str, Any]:
    return {"type": "text", "content": content if isinstance(content, str) else str(content)}


def _nanoseconds(timestamp: str) -> int:
    moment = datetime.fromisoformat(timestamp)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000_000) * 1000
