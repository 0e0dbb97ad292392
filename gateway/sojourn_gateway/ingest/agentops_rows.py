"""Events as AgentOps writes them, row by row: on the wire of its session era, and in its exports."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from uuid import uuid4

from sojourn_gateway.engine.values import listed
from sojourn_gateway.model.faults import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.span import Json

__all__ = [
    "Action",
    "Call",
    "Event",
    "Failure",
    "Form",
    "Said",
    "Tool",
    "as_text",
    "items_of",
    "parse_event",
    "parse_moment",
    "parse_object",
    "parse_text",
]

Form = Literal["chatml", "string"]

_LONGEST_ID: Final = 512
_MOST_TOKENS: Final = 10**12
_MOST_DOLLARS: Final = Decimal(10**9)
_LAST_NS: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Said:
    """A prompt or completion: messages (`chatml`), or one text."""

    form: Form
    messages: tuple[Mapping[str, Json], ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that an agent did; what is of no known type counts as one, under the name of its type."""

    name: str
    logs: Json
    screenshot: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a model."""

    model: str
    thread_id: str
    prompt: Said | None
    completion: Said | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class Tool:
    """A use of a tool."""

    name: str
    logs: Json
    cost: float | None
    """Of those that leave here; the service's own rows of tools have none."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error by hand."""

    error_type: str
    code: str
    details: str
    stack: str
    trigger_id: str
    trigger_type: str


@dataclass(frozen=True, slots=True)
class Event:
    """One row."""

    id: str
    start_ns: int
    end_ns: int
    agent_id: str
    params: Json
    returns: Json
    what: Action | Call | Tool | Failure


def parse_event(row: Json, now_ns: int) -> Event:
    """A row as an event. Raises `Malformed`, naming what is wrong with it.

    A row without an id gets a fresh one, and one without a time happens now.
    """
    told = parse_object(row, "an event")
    kind = parse_text(told, "event_type")
    if not kind:
        raise Malformed("`event_type` is missing")
    start_ns = parse_moment(told, "init_timestamp") or parse_moment(told, "timestamp") or now_ns
    end_ns = parse_moment(told, "end_timestamp") or start_ns
    event_id = parse_text(told, "id") or str(uuid4())
    if len(event_id) > _LONGEST_ID:
        raise Malformed(f"`id` is longer than {_LONGEST_ID} characters")
    return Event(
        id=event_id,
        start_ns=start_ns,
        end_ns=max(start_ns, end_ns),
        agent_id=parse_text(told, "agent_id"),
        params=told.get("params"),
        returns=told.get("returns"),
        what=_what(kind, told),
    )


def parse_object(value: Json, what: str) -> Mapping[str, Json]:
    """A JSON object. Raises `Malformed` for anything else."""
    if not isinstance(value, dict):
        raise Malformed(f"{what} must be an object, not {_kind(value)}")
    return cast("dict[str, Any]", value)


def parse_text(told: Mapping[str, Json], name: str) -> str:
    """A field that is text; missing and null are empty. Raises `Malformed` for anything else."""
    value = told.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(f"`{name}` must be text, not {_kind(value)}")
    return _utf8(value)


def parse_moment(told: Mapping[str, Json], name: str) -> int | None:
    """A field that is a time in ISO 8601, in nanoseconds; UTC when it names no zone; None when it is missing."""
    text = parse_text(told, name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(f"`{name}` is {text[:80]!r}, which is no time in ISO 8601") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    found = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000
    if not 0 < found <= _LAST_NS:
        raise Malformed(f"`{name}` is {text[:80]!r}, which is out of range")
    return found


def items_of(value: Json) -> list[Any]:
    """The items of a list; of anything else, none."""
    return listed(value)


def as_text(value: Json) -> str:
    """A text as it is, anything else as JSON."""
    return _utf8(value) if isinstance(value, str) else _utf8(json.dumps(value, ensure_ascii=False))


def _what(kind: str, told: Mapping[str, Json]) -> Action | Call | Tool | Failure:
    match kind:
        case "llms":
            return Call(
                model=parse_text(told, "model"),
                thread_id=parse_text(told, "thread_id"),
                prompt=_said(told.get("prompt"), several=True),
                completion=_said(told.get("completion"), several=False),
                prompt_tokens=_count(told, "prompt_tokens"),
                completion_tokens=_count(told, "completion_tokens"),
                cost=_dollars(told),
            )
        case "tools":
            return Tool(parse_text(told, "name") or parse_text(told, "tool_name"), told.get("logs"), _dollars(told))
        case "errors":
            return Failure(
                error_type=parse_text(told, "error_type"),
                code=_loose(told, "code"),
                details=_loose(told, "details"),
                stack=_loose(told, "logs"),
                trigger_id=parse_text(told, "trigger_event_id"),
                trigger_type=parse_text(told, "trigger_event_type"),
            )
        case _:
            named = parse_text(told, "action_type") or parse_text(told, "name")
            return Action(
                named or (kind if kind != "actions" else "action"), told.get("logs"), parse_text(told, "screenshot")
            )


def _said(value: Json, *, several: bool) -> Said | None:
    if value is None or value == "":
        return None
    told = _typed(value)
    messages = _messages(listed(told) if isinstance(told, list) else [told])
    if messages and (several or len(messages) == 1):
        return Said("chatml", messages)
    return Said("string", (), as_text(told))


def _typed(value: Json) -> Json:
    """What is inside the form in which exports have it: `{"type": "chatml" | "string", ...}`."""
    if isinstance(value, dict):
        told = cast("dict[str, Any]", value)
        if told.get("type") == "chatml" and "messages" in told:
            return told.get("messages")
        if told.get("type") == "string" and "string" in told:
            return told.get("string")
        return told
    return value


def _messages(items: list[Any]) -> tuple[Mapping[str, Json], ...]:
    """The items, when each is a message with a role; else none."""
    found = [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]
    if len(found) != len(items):
        return ()
    return tuple(found) if all(isinstance(one.get("role"), str) for one in found) else ()


def _count(told: Mapping[str, Json], name: str) -> int | None:
    value = told.get(name)
    # What its client could not write as JSON is an empty text.
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_TOKENS:
        raise Malformed(f"`{name}` must be a count of tokens, not {_shown(value)}")
    return value


def _dollars(told: Mapping[str, Json]) -> float | None:
    value = told.get("cost")
    if value is None or value == "":
        return None
    fault = Malformed(f"`cost` must be an amount in US dollars, not {_shown(value)}")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise fault
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        raise fault from None
    if not amount.is_finite() or not 0 <= amount < _MOST_DOLLARS:
        raise fault
    return float(amount)


def _loose(told: Mapping[str, Json], name: str) -> str:
    value = told.get(name)
    return "" if value is None else as_text(value)


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def _shown(value: Json) -> str:
    if isinstance(value, str):
        return repr(value[:80])
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return str(value) if isinstance(value, float) or (isinstance(value, int) and value < 10**30) else _kind(value)


def _utf8(text: str) -> str:
    """Half a surrogate pair, which JSON can write and UTF-8 cannot, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()
