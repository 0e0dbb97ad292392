"""LangChain's messages, documents and states, read by what they have: nothing of LangChain is imported."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from sojourn_instrumentors._formats.langchain_blocks import read_block
from sojourn_instrumentors._kit import (
    Generation,
    as_dict,
    as_list,
    as_text,
    message,
    parse_arguments,
    reasoning,
    text,
    tool_call,
    tool_result,
)

if TYPE_CHECKING:
    from sojourn_instrumentors._kit import Message, Part

__all__ = ["plain", "read_document", "read_message", "read_sent", "read_tools"]

_ROLES = {"human": "user", "ai": "assistant"}
_SCORES = ("score", "relevance_score", "similarity_score", "_score")
_DEEPEST = 40
"""Of what is nested deeper, or in itself, the inside is left to the content policy, which has a limit of its own."""


def read_message(said: object) -> Message:
    """A message in the words of the conventions; chunks of messages too."""
    # Fields straight from where pydantic keeps them: one that is absent costs three calls otherwise.
    told = vars(said)
    kind = str(told["type"]).removesuffix("MessageChunk").lower()
    role = told.get("role") or _ROLES.get(kind, kind)
    name, content = told.get("name"), told.get("content")
    if kind in ("tool", "function"):
        return message(role, [tool_result(plain(content), told.get("tool_call_id"))], name=name)
    parts: list[Part] = []
    if thought := as_text(told["additional_kwargs"].get("reasoning_content")):
        parts.append(reasoning(thought))
    if isinstance(content, str):
        if content:
            parts.append(text(content))
    else:
        parts.extend(part for block in as_list(content) if (part := read_block(block)))
    for call in (*(told.get("tool_calls") or ()), *(told.get("invalid_tool_calls") or ())):
        parts.append(tool_call(call["name"], call["args"], call["id"]))  # noqa: PERF401  # cheaper without a frame
    # The form before tools, of which LangChain makes no tool call; some services send an empty one along.
    if (legacy := told["additional_kwargs"].get("function_call")) and legacy.get("name"):
        parts.append(tool_call(legacy["name"], parse_arguments(legacy.get("arguments")), None))
    return message(role, parts, name=name)


def read_sent(sent: Any, gen: Generation) -> None:
    """What a model is sent: messages, or the prompts of a completion."""
    gen.inputs = [message("user", [text(one)]) if isinstance(one, str) else read_message(one) for one in as_list(sent)]


def read_tools(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The tools on offer, by name only; providers write them differently."""
    tools = [as_dict(tool) for tool in as_list(asked.get("tools") or asked.get("functions"))]
    return [
        {"type": "function", "name": (as_dict(tool.get("function")) or tool).get("name") or tool.get("type")}
        for tool in tools
    ]


def read_document(found: Any) -> dict[str, Any]:
    metadata = as_dict(found.metadata)
    score = next((metadata[name] for name in _SCORES if metadata.get(name) is not None), None)
    told = {"id": found.id or metadata.get("id"), "score": score, "content": found.page_content}
    return {**{name: value for name, value in told.items() if value is not None}, "metadata": plain(metadata)}


def plain(value: Any, depth: int = 0) -> Any:
    """Values of a program as JSON can say them, with messages and documents in the words of the conventions."""
    if value is None or isinstance(value, str | int | float) or depth > _DEEPEST:
        return value
    if isinstance(value, dict):
        return {str(key): plain(inner, depth + 1) for key, inner in as_dict(value).items()}
    if isinstance(value, list | tuple):
        return [plain(inner, depth + 1) for inner in as_list(value)]
    if isinstance(value, type):
        return value
    if hasattr(value, "additional_kwargs"):
        return read_message(value)
    if hasattr(value, "page_content"):
        return read_document(value)
    if callable(getattr(value, "to_messages", None)):
        return [read_message(one) for one in value.to_messages()]
    if is_dataclass(value):
        told = {one.name: getattr(value, one.name, None) for one in fields(value)}
        # Nothing is compared: an array is equal to each thing in part, and then neither true nor false.
        said = {name: one for name, one in told.items() if one is not None and (one.__class__ is not tuple or one)}
        return {name: plain(inner, depth + 1) for name, inner in said.items()}
    if hasattr(value, "model_fields_set"):
        return {name: plain(inner, depth + 1) for name, inner in as_dict(vars(value)).items()}
    if hasattr(value, "node") and hasattr(value, "arg"):  # a `Send` of LangGraph
        return {"node": value.node, "arg": plain(value.arg, depth + 1)}
    return value
