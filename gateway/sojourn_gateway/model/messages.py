"""Messages between a program and a model, read from the JSON text that spans bear."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Media",
    "Message",
    "Part",
    "Reasoning",
    "Text",
    "ToolCall",
    "ToolResult",
    "as_text",
    "parse_messages",
    "plain_text",
]

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thought before it answered."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model asks for a tool; `arguments` is JSON text where it can be."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back."""

    id: str
    result: str


@dataclass(frozen=True, slots=True)
class Media:
    """A part that is no text (image, audio, file) or that we do not know: `what` says so in a word or two."""

    what: str
    text: str


Part = Text | Reasoning | ToolCall | ToolResult | Media


@dataclass(frozen=True, slots=True)
class Message:
    """One message, in the order that the model saw or said it."""

    role: str
    parts: tuple[Part, ...]
    finish_reason: str = ""


def parse_messages(text: str | None, *, role: str) -> tuple[Message, ...]:
    """The messages in a span's input, output or system text; `role` is that of parts which name none.

    Text that is not JSON is one message of that text. Empty or missing text is no message.
    """
    if not text:
        return ()
    try:
        value: Any = json.loads(text)
        if _SURROGATE.search(text):
            # Half a pair, which UTF-8 cannot say, is a question mark from here on.
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        return _messages(value, role)
    except (ValueError, RecursionError):
        # What is too deep to be read may also be just too deep to be written again.
        return (Message(role, (Text(text),)),)


def plain_text(messages: tuple[Message, ...]) -> str:
    """The words of messages, without reasoning and tools."""
    return "\n".join(part.text for message in messages for part in message.parts if isinstance(part, Text))


def as_text(value: Any) -> str:
    """A JSON value for a reader: text as it is, anything else as indented JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _messages(value: Any, role: str) -> tuple[Message, ...]:
    items: list[Any] = value if _is_list(value) else [value]
    if items and all(_is_object(item) and ("role" in item or "parts" in item) for item in items):
        return tuple(_message(item, role) for item in items)
    if items and all(_is_object(item) and "type" in item for item in items):
        return (Message(role, tuple(_part(item) for item in items)),)
    return (Message(role, (Text(value if isinstance(value, str) else as_text(value)),)),)


def _message(item: Mapping[str, Any], role: str) -> Message:
    parts = item.get("parts", item.get("content"))
    found: list[Part] = []
    if _is_list(parts):
        found.extend(_part(part) for part in parts)
    elif parts is not None:
        found.append(Text(as_text(parts)))
    calls = item.get("tool_calls")
    if _is_list(calls):
        found.extend(_part({"type": "tool_call", **call}) for call in calls if _is_object(call))
    said = str(item.get("role") or role)
    if said == "tool" and item.get("tool_call_id"):
        found = [ToolResult(str(item["tool_call_id"]), "\n".join(p.text for p in found if isinstance(p, Text)))]
    return Message(said, tuple(found), str(item.get("finish_reason") or ""))


def _part(part: Any) -> Part:
    if not _is_object(part):
        return Text(as_text(part))
    kind = str(part.get("type", ""))
    identity = str(part.get("id") or part.get("toolCallId") or part.get("tool_call_id") or "")
    match kind:
        case "text":
            return Text(as_text(part.get("content", part.get("text", ""))))
        case "reasoning" | "thinking":
            return Reasoning(as_text(part.get("content", part.get("text", ""))))
        case "tool_call" | "tool-call" | "function":
            function = part.get("function")
            inner: Mapping[str, Any] = function if _is_object(function) else part
            name = str(inner.get("name") or inner.get("toolName") or "")
            return ToolCall(identity, name, as_text(inner.get("arguments", inner.get("args", inner.get("input", {})))))
        case "tool_call_response" | "tool-result":
            return ToolResult(identity, as_text(part.get("response", part.get("result", part.get("output", "")))))
        case "refusal":
            return Text(as_text(part.get("content", part.get("refusal", ""))))
        case _:
            return Media(str(part.get("modality") or part.get("mime_type") or kind or "part"), as_text(part))


def _is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
