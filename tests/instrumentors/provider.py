"""A provider of chat completions as a transport: what it was asked is kept, what it answers is given by the test."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import openai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

# openai 3 sends through httpx2, older ones through httpx.
http: Any = importlib.import_module("httpx2" if int(openai.__version__.split(".")[0]) >= 3 else "httpx")

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 2},
}
HEAD = {"id": "chatcmpl-1", "created": 1, "model": "m-1-2026", "system_fingerprint": "fp", "service_tier": "default"}

OPTIONS: dict[str, Any] = {"api_key": "k", "max_retries": 0, "base_url": "https://api.openai.com/v1"}


def completion(said: str = "Nice to meet you", **message: Any) -> dict[str, Any]:
    told = {"role": "assistant", "content": said, **message}
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    choices = [{"index": 0, "message": told, "finish_reason": reason}]
    return {**HEAD, "object": "chat.completion", "choices": choices, "usage": USAGE}


def chunk(delta: dict[str, Any] | None = None, *, reason: str | None = None, usage: Any = None) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    return {**HEAD, "object": "chat.completion.chunk", "choices": choices, "usage": usage}


def pieces(*words: str) -> list[dict[str, Any]]:
    first = chunk({"role": "assistant", "content": ""})
    return [first, *(chunk({"content": word}) for word in words), chunk({}, reason="stop"), chunk(usage=USAGE)]


@dataclass(frozen=True)
class Pause:
    """In a streamed answer of the asynchronous client: nothing comes before `until` returns."""

    until: Callable[[], Awaitable[None]]


@dataclass
class Provider:
    """Answers each request with the next of `answers` (the last one again and again): a dict whole, a list streamed.

    An exception in a streamed answer is raised in the middle of the body; a tuple is a status and an error body.
    """

    answers: list[Any] = field(default_factory=lambda: [completion()])
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def client(self, **options: Any) -> openai.OpenAI:
        def answer(request: Any) -> Any:
            return self._answer(request, _body)

        transport = http.MockTransport(answer)
        asked: dict[str, Any] = {**OPTIONS, "http_client": openai.DefaultHttpxClient(transport=transport), **options}
        return openai.OpenAI(**asked)

    def async_client(self, **options: Any) -> openai.AsyncOpenAI:
        def answer(request: Any) -> Any:
            return self._answer(request, _async_body)

        transport = http.MockTransport(answer)
        asked: dict[str, Any] = {
            **OPTIONS,
            "http_client": openai.DefaultAsyncHttpxClient(transport=transport),
            **options,
        }
        return openai.AsyncOpenAI(**asked)

    def _answer(self, request: Any, body: Callable[[list[Any]], Any]) -> Any:
        self.requests.append(json.loads(request.content))
        self.headers.append(dict(request.headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, tuple):
            return _refusal(*cast("tuple[int, dict[str, Any]]", answer))
        if isinstance(answer, dict):
            return http.Response(200, json=answer)
        return http.Response(200, headers={"content-type": "text/event-stream"}, content=body(answer))


def _refusal(status: int, told: dict[str, Any]) -> Any:
    return http.Response(status, json=told)


def _body(answer: list[Any]) -> Iterator[bytes]:
    yield from map(_event, answer)
    yield b"data: [DONE]\n\n"


async def _async_body(answer: list[Any]) -> AsyncIterator[bytes]:
    for piece in answer:
        if isinstance(piece, Pause):
            await piece.until()
        else:
            yield _event(piece)
    yield b"data: [DONE]\n\n"


def transport_of(client: openai.OpenAI | openai.AsyncOpenAI) -> Any:
    """The HTTP client of a client, to give it to another one."""
    return client._client  # pyright: ignore[reportPrivateUsage]  # there is no other way to it


def _event(piece: Any) -> bytes:
    if isinstance(piece, BaseException):
        raise piece
    return b"data: " + json.dumps(piece).encode() + b"\n\n"
