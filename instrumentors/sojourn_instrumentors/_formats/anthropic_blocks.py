"""Blocks of Anthropic's messages as parts of the conventions: what was said, thought, shown, called and found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn_instrumentors._kit import as_fields, as_list, as_text, blob, reasoning, text, tool_call, tool_result, uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Part

__all__ = ["plain", "read_block", "read_blocks", "read_tool"]

_SEALED = frozenset({"encrypted_content", "encrypted_index", "encrypted_stdout", "signature"})
"""Long texts that only the provider can read."""
_DEEPEST = 40
"""Of what is nested deeper, or in itself, the inside is left to the content policy, which has a limit of its own."""


def read_blocks(content: Any) -> list[Part]:
    """The parts of a message's content: a text, or a list of blocks."""
    if isinstance(content, str):
        return [text(content)] if content else []
    return [read_block(as_fields(one)) for one in as_list(content)]


def read_block(block: Mapping[str, Any]) -> Part:
    """One block as a part; a kind that is not known keeps its own words."""
    kind = str(block.get("type"))
    match kind:
        case "text":
            part = text(as_text(block.get("text")) or "")
            if cited := as_list(block.get("citations")):
                part["citations"] = plain(cited)
            return part
        case "thinking":
            return reasoning(as_text(block.get("thinking")) or "")
        case "redacted_thinking":
            return {**reasoning(""), "redacted": True}
        case "image":
            return _medium("image", as_fields(block.get("source")))
        case "document":
            return _document(block)
        case "tool_result":
            return _result(block)
        case "container_upload":
            return {"type": "file", "modality": "document", "file_id": block.get("file_id")}
        case "compaction":
            return {"type": "compaction", "content": as_text(block.get("content")) or ""}
        case "server_tool_use" | "mcp_tool_use":
            return _server_call(kind, block)
        case _ if kind.endswith("tool_use"):
            return tool_call(_name(kind, block), plain(block.get("input")), as_text(block.get("id")))
        case _ if kind.endswith("tool_result"):
            return _server_result(kind, block)
        case _:
            return plain(block) or text("")


def read_tool(tool: Any) -> dict[str, Any]:
    """A tool on offer, by name only: descriptions and schemas are large and the same in every call."""
    told = as_fields(tool)
    kind = as_text(told.get("type")) or "custom"
    name = as_text(told.get("name")) or as_text(told.get("mcp_server_name"))
    return {"type": "function" if kind == "custom" else kind, "name": name}


def plain(value: Any, depth: int = 0) -> Any:
    """Values as JSON can say them, without what only the provider can read."""
    if value is None or isinstance(value, str | int | float) or depth > _DEEPEST:
        return value
    if isinstance(value, list | tuple):
        return [plain(inner, depth + 1) for inner in as_list(value)]
    if not (isinstance(value, dict) or hasattr(value, "__dict__")):
        return value  # a date, a number of its own kind: the content policy says what it is
    said = {str(name): inner for name, inner in as_fields(value).items() if inner is not None and name not in _SEALED}
    return {name: plain(inner, depth + 1) for name, inner in said.items()}


def _medium(modality: str, source: Mapping[str, Any]) -> Part:
    match source.get("type"):
        case "base64":
            data = source.get("data")
            # The client also takes a path or an open file, and reads it as it sends; we do not read it a second time.
            return blob(modality, data if isinstance(data, str) else "", as_text(source.get("media_type")))
        case "url":
            return uri(modality, str(source.get("url")))
        case "file":
            return {"type": "file", "modality": modality, "file_id": source.get("file_id")}
        case _:
            return {"type": modality, "source": plain(source)}


def _document(block: Mapping[str, Any]) -> Part:
    source = as_fields(block.get("source"))
    match source.get("type"):
        case "text":
            part = text(as_text(source.get("data")) or "")
        case "content":
            part = {"type": "document", "content": read_blocks(source.get("content"))}
        case _:
            part = _medium("document", source)
    for name in ("title", "context"):
        if told := as_text(block.get(name)):
            part[name] = told
    return part


def _result(block: Mapping[str, Any]) -> Part:
    content = block.get("content")
    said = content if isinstance(content, str) else read_blocks(content)
    part = tool_result(said, as_text(block.get("tool_use_id")))
    if block.get("is_error") is True:
        part["is_error"] = True
    return part


def _server_call(kind: str, block: Mapping[str, Any]) -> Part:
    name = _name(kind, block)
    told: dict[str, Any] = {"type": "mcp" if kind == "mcp_tool_use" else name, "arguments": plain(block.get("input"))}
    if server := as_text(block.get("server_name")):
        told["server_name"] = server
    return {"type": "server_tool_call", "name": name, "id": block.get("id"), "server_tool_call": told}


def _server_result(kind: str, block: Mapping[str, Any]) -> Part:
    told: dict[str, Any] = {"type": kind.removesuffix("_tool_result"), "content": plain(block.get("content"))}
    if block.get("is_error") is True:
        told["is_error"] = True
    return {"type": "server_tool_call_response", "id": block.get("tool_use_id"), "server_tool_call_response": told}


def _name(kind: str, block: Mapping[str, Any]) -> str:
    return as_text(block.get("name")) or kind.removesuffix("_tool_use")
