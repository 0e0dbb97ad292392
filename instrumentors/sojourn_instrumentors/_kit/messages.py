"""Messages as the GenAI conventions write them: a role and a list of parts, in plain values."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

__all__ = [
    "Message",
    "Part",
    "blob",
    "message",
    "parse_arguments",
    "reasoning",
    "refusal",
    "text",
    "tool_call",
    "tool_result",
    "uri",
]

Part: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]

MAX_BLOB = 32_768
"""Base64 characters of a picture or a sound that are recorded; of a longer one only its length is."""


def message(role: str, parts: list[Part], *, name: str | None = None, finish_reason: str | None = None) -> Message:
    """A message. The conventions deprecate `finish_reason` here, but readers have not moved yet."""
    said: Message = {"role": role, "parts": parts}
    if name:
        said["name"] = name
    if finish_reason:
        said["finish_reason"] = finish_reason
    return said


def text(content: str) -> Part:
    return {"type": "text", "content": content}


def reasoning(content: str) -> Part:
    return {"type": "reasoning", "content": content}


def refusal(content: str) -> Part:
    """No part of the conventions says it; they leave types open for extension."""
    return {"type": "refusal", "content": content}


def tool_call(name: str, arguments: Any, id: str | None) -> Part:
    part: Part = {"type": "tool_call", "name": name, "arguments": arguments}
    if id:
        part["id"] = id
    return part


def tool_result(response: Any, id: str | None) -> Part:
    part: Part = {"type": "tool_call_response", "response": response}
    if id:
        part["id"] = id
    return part


def uri(modality: str, address: str) -> Part:
    """A medium by its address; a `data:` address becomes the blob that it is."""
    if address.startswith("data:"):
        head, _, content = address.partition(",")
        return blob(modality, content, head[5:].partition(";")[0] or None)
    return {"type": "uri", "modality": modality, "uri": address}


def blob(modality: str, content: str, mime_type: str | None = None, *, transcript: str | None = None) -> Part:
    kept = content if len(content) <= MAX_BLOB else f"[{len(content)} base64 characters]"
    part: Part = {"type": "blob", "modality": modality, "content": kept}
    if mime_type:
        part["mime_type"] = mime_type
    if transcript:
        part["transcript"] = transcript
    return part


def parse_arguments(arguments: Any) -> Any:
    """Arguments of a tool call as an object where the model wrote valid JSON, else as it wrote them."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
