"""Blocks of a LangChain message's content: LangChain's own, of every age, and those of providers passed through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn_instrumentors._kit import as_dict, as_list, as_text, blob, reasoning, refusal, text, tool_result, uri

if TYPE_CHECKING:
    from sojourn_instrumentors._kit import Part

__all__ = ["read_block"]

_MEDIA = ("image", "audio", "video", "file", "document")
_SAID_AGAIN = (
    "custom_tool_call",
    "function_call",
    "input_json_delta",
    "invalid_tool_call",
    "tool_call",
    "tool_call_chunk",
    "tool_use",
)


def read_block(block: Any) -> Part:
    """One block as a part; empty for what the message says again, and better, in its `tool_calls`."""
    match block:
        case str() if block:
            return text(block)
        case {"type": "text" | "text-plain" | "output_text" | "input_text", "text": str(words)}:
            return text(words)
        case {"type": "thinking", "thinking": str(words)} | {"type": "reasoning", "reasoning": str(words)}:
            return reasoning(words)
        case {"type": "reasoning", "summary": [*pieces]}:
            return reasoning("\n".join(as_text(as_dict(piece).get("text")) or "" for piece in pieces))
        case {"type": "refusal", "refusal": str(words)}:
            return refusal(words)
        case {"type": "image_url", "image_url": {"url": str(address)} | str(address)}:
            return uri("image", address)
        case {"type": "input_audio", "input_audio": {"data": str(data)}}:
            form = as_text(as_dict(as_dict(block).get("input_audio")).get("format"))
            return blob("audio", data, f"audio/{form}" if form else None)
        case {"type": str(kind)} if kind in _MEDIA:
            return _medium(kind, as_dict(block))
        case {"type": "tool_result", "tool_use_id": str(id)}:
            return tool_result(as_dict(block).get("content"), id)
        case {"type": "server_tool_call" | "server_tool_use" | "mcp_tool_use", "name": str(name)}:
            return _server_call(name, as_dict(block))
        case {"type": "server_tool_result"}:
            found = as_dict(block)
            return {
                "type": "server_tool_call_response",
                "id": found.get("tool_call_id"),
                "server_tool_call_response": {"type": "server_tool_result", "output": found.get("output")},
            }
        case {"type": str(kind)} if kind in _SAID_AGAIN:
            return {}
        case {"type": str(kind)} if kind.endswith("_call"):
            # What OpenAI's own tools did; most have no name but their kind.
            return _server_call(as_text(as_dict(block).get("name")) or kind.removesuffix("_call"), as_dict(block))
        case _:
            return as_dict(block)


def _server_call(name: str, block: dict[str, Any]) -> Part:
    asked = {key: value for key, value in block.items() if key not in ("id", "name")}
    return {"type": "server_tool_call", "name": name, "id": block.get("id"), "server_tool_call": asked}


def _medium(kind: str, block: dict[str, Any]) -> Part:
    modality = "document" if kind == "file" else kind
    source = as_dict(block.get("source"))
    mime_type = as_text(block.get("mime_type") or source.get("media_type"))
    file = as_dict(block.get("file"))
    data = block.get("base64") or block.get("data") or source.get("data") or file.get("file_data")
    address = block.get("url") or source.get("url")
    file_id = block.get("file_id") or source.get("file_id") or block.get("id") or file.get("file_id")
    if isinstance(address, str):
        return uri(modality, address)
    if source.get("type") == "text" or block.get("source_type") == "text":
        return text(as_text(data or block.get("text")) or "")
    if isinstance(data, str):
        return uri(modality, data) if data.startswith("data:") else blob(modality, data, mime_type)
    if isinstance(file_id, str):
        part: Part = {"type": "file", "modality": modality, "file_id": file_id}
        return {**part, "mime_type": mime_type} if mime_type else part
    if as_list(source.get("content")):
        return {"type": kind, "content": source["content"]}
    return block
