"""Messages inside a whole request or answer of a provider or of LangChain, as tracers keep them in one text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine.values import as_json, listed
from sojourn_gateway.query.unflatten import objects

if TYPE_CHECKING:
    from sojourn_gateway.model.span import Json

__all__ = ["unquoted", "unwrap_asked", "unwrap_replied"]

_ROLES: Final = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant", "chat": "user"}


def unwrap_asked(text: str) -> str | None:
    """JSON of the messages in a request; None when it holds none."""
    whole = _parsed(text)
    for told in objects([whole]):
        whole = told.get("messages", told.get("input"))
        if isinstance(whole, str):
            return whole
    found = _messages(whole)
    return as_json(found) if found else None


def unwrap_replied(text: str) -> str | None:
    """JSON of the messages in an answer; None when it holds none."""
    told = next(objects([_parsed(text)]), None)
    if told is None:
        return None
    if "choices" in told:
        found = [
            {"finish_reason": one.get("finish_reason"), **message}
            for one in objects(told["choices"])
            for message in _messages([one.get("message")])
        ]
    elif "generations" in told:
        flat = [one for batch in listed(told["generations"]) for one in (listed(batch) or [batch])]
        found = [
            message
            for one in objects(flat)
            for message in _messages([one.get("message") or {"role": "assistant", "content": one.get("text")}])
        ]
    elif "message" in told:
        found = _messages([told["message"]])
    elif "messages" in told:
        found = _messages(told["messages"])[-1:]
    else:
        # The Responses API keeps its items under `output`.
        found = _messages(told.get("output"))
    return as_json(found) if found else None


def unquoted(text: str) -> str:
    """A text that was written as JSON, as it was; any other text unchanged."""
    whole = _parsed(text)
    return whole if isinstance(whole, str) else text


def _messages(value: Json) -> list[dict[str, Any]]:
    """The messages in a list, or in a list of lists of which the first is meant."""
    items = listed(value)
    if items and isinstance(items[0], list):
        items = listed(items[0])
    return [message for one in objects(items) if (message := _message(one)) is not None]


def _message(item: dict[str, Any]) -> dict[str, Any] | None:
    """A message of OpenAI's shape, or one that LangChain serialised."""
    if "role" in item:
        return item
    kept: Json = item.get("kwargs") or item.get("data") or (item if "content" in item and "type" in item else None)
    told = next(objects([kept]), None)
    if told is None:
        return None
    kind = str(told.get("type") or item.get("type") or "")
    calls = [
        {"id": one.get("id"), "name": one.get("name"), "arguments": one.get("args")}
        for one in objects(told.get("tool_calls"))
    ]
    found = {
        "role": _ROLES.get(kind, kind),
        "content": told.get("content") or None,
        "tool_calls": calls or None,
        "tool_call_id": told.get("tool_call_id"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _parsed(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
