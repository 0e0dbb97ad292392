"""What a program records by hand: actions, model calls, tool calls, errors."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeGuard
from uuid import UUID

from sojourn import semconv
from sojourn.arguments import demand_id, demand_number, demand_text
from sojourn.clock import new_uuid, now_iso, now_ns
from sojourn.content import as_text, utf8
from sojourn.facts import stamped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sojourn.current import Stamp

__all__ = ["ActionEvent", "ErrorEvent", "Event", "LLMEvent", "ToolEvent"]


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
            self.details = self.details or as_text(self.exception)
            self.logs = self.logs or _trace_of(self.exception)


@dataclass(frozen=True, slots=True)
class Step:
    """An event as a span: its name, whether it is a call to another service, attributes, content, times."""

    name: str
    calls_out: bool
    attributes: Mapping[str, Stamp]
    content: Mapping[str, Any]
    start_ns: int
    end_ns: int


def check_event(event: object, *, times: bool = True) -> None:
    """Raises TypeError for what is no event or has a field of a wrong type, and ValueError for a time that is none.

    Without `times` these are left to whoever reads them next: looking twice would cost more than all the rest.
    """
    if not isinstance(event, Event):
        raise TypeError(f"record takes an event such as ActionEvent, not {type(event).__name__}")
    kind: type[object] = type(event)
    for name, usual, demand in _demands(kind):
        value = getattr(event, name)
        # Nearly always one of the two: the question costs less than the answer.
        if value is not None and type(value) is not usual:
            demand(f"{kind.__name__}.{name}", value)
    if times:
        _start_of(event)
        _end_of(event)


def as_step(event: Event) -> Step:
    """The span that an action, model call or tool call becomes. Raises ValueError for a time that is no ISO 8601."""
    start_ns, end_ns = _start_of(event), _end_of(event)
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
    facts = {
        key: fact if type(fact) is int and -_SMALL < fact < _SMALL else stamped(fact)
        for key, fact in attributes.items()
    }
    return Step(utf8(name), isinstance(event, LLMEvent), facts, content, start_ns, max(start_ns, end_ns))


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
    return [_message(item, role) for item in given] if _is_list(given) else [_message(given, role)]


def _message(given: Any, role: str) -> dict[str, Any]:
    if _is_message(given):
        content = given.get("content")
        # A list is the provider's own parts already.
        parts = content if _is_list(content) else [_text("" if content is None else content)]
        return {"role": as_text(given["role"]), "parts": parts}
    return {"role": role, "parts": [_text(given)]}


def _is_list(given: object) -> TypeGuard[list[Any]]:
    return type(given) is list


def _is_message(given: object) -> TypeGuard[dict[str, Any]]:
    # By its keys as texts: asking a dict for one compares it with objects of the program's own.
    keys: Any = given
    return type(given) is dict and any(type(key) is str and key == "role" for key in list(keys))


def _text(content: Any) -> dict[str, Any]:
    told = stamped(content)
    return {"type": "text", "content": told if isinstance(told, str) else as_text(content)}


def _trace_of(error: BaseException) -> str | None:
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001  # an error of the program's own making may not even have a str
        return None


def _start_of(event: Event) -> int:
    return _nanoseconds(event, "init_timestamp", event.init_timestamp)


def _end_of(event: Event) -> int:
    return _nanoseconds(event, "end_timestamp", event.end_timestamp) if event.end_timestamp is not None else now_ns()


def _nanoseconds(event: Event, name: str, timestamp: object) -> int:
    where = f"{type(event).__name__}.{name}"
    if not isinstance(timestamp, str):
        raise TypeError(f"{where} must be ISO 8601 as text, not {type(timestamp).__name__}")
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        raise ValueError(f"{where} is {timestamp!r}; it must be ISO 8601, as 2026-01-02T03:04:05+00:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000_000) * 1000


def _demand_event(name: str, given: object) -> None:
    if not isinstance(given, Event):
        raise TypeError(f"{name} must be an event such as ActionEvent, not {type(given).__name__}")


def _demand_error(name: str, given: object) -> None:
    if not issubclass(type(given), BaseException):
        raise TypeError(f"{name} must be an exception, not {type(given).__name__}")


def _demand_count(name: str, given: object) -> None:
    demand_number(name, given, whole=True)


_SMALL: Final = 2**31

if TYPE_CHECKING:
    Demand = tuple[str, type[object], Callable[[str, object], None]]

# A field, the type that it usually has, and who looks closer when it has another.
_FIELDS: Final[tuple[tuple[type[Event], Demand], ...]] = (
    (Event, ("event_type", str, demand_text)),
    (Event, ("agent_id", str, demand_id)),
    (Event, ("id", UUID, demand_id)),
    (ActionEvent, ("action_type", str, demand_text)),
    (ActionEvent, ("screenshot", str, demand_text)),
    (LLMEvent, ("model", str, demand_text)),
    (LLMEvent, ("thread_id", str, demand_id)),
    (LLMEvent, ("prompt_tokens", int, _demand_count)),
    (LLMEvent, ("completion_tokens", int, _demand_count)),
    # Always looked at: one that is no number may still be a float.
    (LLMEvent, ("cost", object, demand_number)),
    (ToolEvent, ("name", str, demand_text)),
    (ErrorEvent, ("error_type", str, demand_text)),
    (ErrorEvent, ("logs", str, demand_text)),
    (ErrorEvent, ("trigger_event", ActionEvent, _demand_event)),
    (ErrorEvent, ("exception", object, _demand_error)),
)


# Not `functools.cache`: the checkers take a dataclass that compares for a key that cannot be hashed.
_demanded: dict[type[object], tuple[Demand, ...]] = {}


def _demands(kind: type[object]) -> tuple[Demand, ...]:
    found = _demanded.get(kind)
    if found is None:
        found = _demanded[kind] = tuple(demand for owner, demand in _FIELDS if issubclass(kind, owner))
    return found
