"""Clients of Anthropic's without a network: what they are answered is given by the test."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

import anthropic

if TYPE_CHECKING:
    from collections.abc import Callable

# Releases from 1.0 on send through httpx2, older ones through httpx.
http: Any = importlib.import_module("httpx2" if int(anthropic.__version__.split(".")[0]) >= 1 else "httpx")

__all__ = ["body", "client", "events", "http", "message", "streamed"]

HEADERS = {"request-id": "req_1"}
USAGE: dict[str, Any] = {"input_tokens": 11, "output_tokens": 7}


def client(answer: Callable[[Any], Any], kind: Any = None, **options: Any) -> Any:
    """A synchronous client whose every request is answered by `answer`; `kind` is its class, else Anthropic's own."""
    transport = http.MockTransport(answer)
    asked: dict[str, Any] = {"max_retries": 0, "http_client": http.Client(transport=transport), **options}
    if kind is None:
        asked.setdefault("api_key", "k")
    made: Any = (kind or anthropic.Anthropic)(**asked)
    return made


def message(*blocks: dict[str, Any], stop: str = "end_turn", usage: dict[str, Any] | None = None, **others: Any) -> Any:
    """An answer as the provider writes it."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1-2026",
        "content": list(blocks),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage or USAGE,
        **others,
    }


def body(told: Any, status: int = 200) -> Callable[[Any], Any]:
    """Answers every request with this JSON."""
    return lambda _: http.Response(status, headers=HEADERS, json=told)


def streamed(*told: dict[str, Any]) -> Callable[[Any], Any]:
    """Answers every request with these events."""
    content = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in told).encode()
    headers = {**HEADERS, "content-type": "text/event-stream"}
    return lambda _: http.Response(200, headers=headers, content=content)


def events(
    *blocks: tuple[dict[str, Any], list[dict[str, Any]]],
    stop: str = "end_turn",
    first: dict[str, Any] | None = None,
    last: dict[str, Any] | None = None,
    **delta: Any,
) -> list[dict[str, Any]]:
    """A streamed answer: each block is how it begins, and its pieces."""
    begun = message(usage=first or {"input_tokens": 11, "output_tokens": 1})
    told: list[dict[str, Any]] = [{"type": "message_start", "message": {**begun, "stop_reason": None}}]
    for index, (start, pieces) in enumerate(blocks):
        told.append({"type": "content_block_start", "index": index, "content_block": start})
        told.append({"type": "ping"})
        told.extend({"type": "content_block_delta", "index": index, "delta": piece} for piece in pieces)
        told.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": stop, "stop_sequence": None, **delta}
    told.append({"type": "message_delta", "delta": ended, "usage": last or {"output_tokens": 7}})
    told.append({"type": "message_stop"})
    return told
