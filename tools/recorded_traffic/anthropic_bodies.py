"""What bodies of Anthropic's protocol hold, read from the JSON alone: nothing here is shared with the instrumentor."""

from __future__ import annotations

import json
import re
import struct
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from tools.recorded_traffic.facts import Facts
from tools.recorded_traffic.openai_bodies import ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tools.recorded_traffic.exchange import Exchange

__all__ = ["held_by"]

_MODEL: Final = re.compile(r"/model/([^/]+)/")
_TOOLS: Final = ("tool_use", "server_tool_use", "mcp_tool_use")
# The conventions have words of their own for why an answer ended, and none for `pause_turn` and the like.
_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_call",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
_OVERLOADED: Final = {529: "OverloadedError", 503: "ServiceUnavailableError", 413: "RequestTooLargeError"}


def held_by(exchange: Exchange) -> Facts:
    """What an exchange of `/v1/messages` (or of the same format in Bedrock) says of its call."""
    asked = exchange.asked
    in_path = _MODEL.search(exchange.path)
    found: dict[str, Any] = {
        "operation": "chat",
        "provider": "aws.bedrock" if "bedrock" in exchange.host else "anthropic",
        "model": unquote(in_path.group(1)) if in_path else asked.get("model"),
        "streamed": True if asked.get("stream") or exchange.path.endswith("-response-stream") else None,
        "temperature": asked.get("temperature"),
        "top_p": asked.get("top_p"),
        "max_tokens": asked.get("max_tokens"),
        "messages": len(asked["messages"]),
    }
    if exchange.status >= 400:
        found["error"] = (ERRORS | _OVERLOADED).get(exchange.status, "InternalServerError")
        return Facts(**found)
    framed = "amazon.eventstream" in exchange.content_type or exchange.path.endswith("-response-stream")
    events = list(_frames(exchange.body)) if framed else exchange.events if exchange.streamed else None
    reply = exchange.answer if events is None else _assembled(events)
    return Facts(**found, **_whole(reply))


def _whole(reply: dict[str, Any]) -> dict[str, Any]:
    usage: dict[str, Any] = reply.get("usage") or {}
    fresh, read, wrote = (
        usage.get(name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    blocks: list[dict[str, Any]] = reply.get("content") or []
    details: dict[str, Any] = usage.get("output_tokens_details") or {}
    return {
        "response_model": reply.get("model"),
        "response_id": reply.get("id"),
        "finish_reasons": (_REASONS.get(reason, reason),) if (reason := reply.get("stop_reason")) else None,
        # The conventions count what was cached as input; Anthropic counts it apart.
        "input_tokens": None if fresh is None else fresh + (read or 0) + (wrote or 0),
        "output_tokens": usage.get("output_tokens"),
        "cache_read_tokens": read,
        "cache_write_tokens": wrote,
        "reasoning_tokens": details.get("thinking_tokens"),
        "tools": tuple(block["name"] for block in blocks if block["type"] in _TOOLS) or None,
        "text": "".join(block["text"] for block in blocks if block["type"] == "text") or None,
        "reasoning": "".join(block["thinking"] for block in blocks if block["type"] == "thinking") or None,
    }


def _frames(body: bytes) -> Iterator[dict[str, Any]]:
    """The events of a stream of Bedrock: frames of a length, headers, and JSON with the event in base64."""
    while body:
        length, headers = struct.unpack(">II", body[:8])
        told: dict[str, Any] = json.loads(body[12 + headers : length - 4])
        yield json.loads(b64decode(told["bytes"]))
        body = body[length:]


def _assembled(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The message that the events of a stream make."""
    reply: dict[str, Any] = {}
    for event in events:
        match event:
            case {"type": "message_start", "message": message}:
                reply = {**message, "content": []}
            case {"type": "content_block_start", "content_block": block}:
                reply["content"].append({**block})
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                block = reply["content"][index]
                for name in ("text", "thinking"):
                    if name in delta:
                        block[name] = block.get(name, "") + delta[name]
            case {"type": "message_delta", "delta": delta, **rest}:
                reply |= delta
                told: dict[str, Any] = rest.get("usage") or {}
                reply["usage"] = {**reply["usage"], **{key: value for key, value in told.items() if value is not None}}
            case _:
                pass
    return reply
