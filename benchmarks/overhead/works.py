"""Works: the calls whose cost is measured, against a provider inside the process, the same under every watcher."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import httpx2
import openai

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

__all__ = ["ANSWER", "MESSAGES", "MODEL", "Hand", "works"]

MODEL: Final = "m-1"
ANSWER: Final = "word " * 300
"""1.5 KB."""
CHUNKS: Final = 40
DIMENSIONS: Final = 1536
MESSAGES: Final[list[dict[str, Any]]] = [
    {"role": "system", "content": "You are brief."},
    *({"role": role, "content": "some words " * 8} for role in ("user", "assistant", "user", "assistant", "user")),
]

_USAGE: Final = {
    "prompt_tokens": 110,
    "completion_tokens": 300,
    "total_tokens": 410,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
_HEAD: Final = {
    "id": "chatcmpl-1",
    "created": 1,
    "model": "m-1-2026",
    "system_fingerprint": "fp",
    "service_tier": "default",
}


class Hand(Protocol):
    """The spans that a careful person writes by hand; nothing does so in most cases."""

    def chat(self, create: Callable[..., Any]) -> Callable[..., Any]: ...
    def streamed(self, create: Callable[..., Any]) -> Callable[..., Iterator[Any]]: ...
    def awaited(self, create: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]: ...
    def embeddings(self, create: Callable[..., Any]) -> Callable[..., Any]: ...
    def callbacks(self) -> list[Any]: ...


@dataclass
class _Provider:
    """Answers by what is asked; bodies are made once."""

    chat: bytes = field(default_factory=lambda: json.dumps(_completion()).encode())
    stream: bytes = field(default_factory=lambda: b"".join(_events()))
    embedding: bytes = field(default_factory=lambda: json.dumps(_embedding()).encode())

    def answer(self, request: Any) -> Any:
        if request.url.path.endswith("/embeddings"):
            return httpx2.Response(200, headers={"content-type": "application/json"}, content=self.embedding)
        if b'"stream":true' in request.content or b'"stream": true' in request.content:
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=self.stream)
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=self.chat)


def works(hand: Hand | None = None) -> dict[str, Callable[[int], None]]:
    """Everything that is measured, by name."""
    transport = httpx2.MockTransport(_Provider().answer)
    options: dict[str, Any] = {"api_key": "k", "max_retries": 0, "base_url": "https://api.openai.com/v1"}
    http = openai.DefaultHttpxClient(transport=transport)
    client = openai.OpenAI(http_client=http, **options)
    async_client = openai.AsyncOpenAI(http_client=openai.DefaultAsyncHttpxClient(transport=transport), **options)
    create: Any = client.chat.completions.create
    streamed: Any = client.chat.completions.create
    awaited: Any = async_client.chat.completions.create
    embed: Any = client.embeddings.create
    if hand is not None:
        create, streamed = hand.chat(create), hand.streamed(streamed)
        awaited, embed = hand.awaited(awaited), hand.embeddings(embed)
    callbacks = hand.callbacks() if hand is not None else []
    loop = asyncio.new_event_loop()

    def chat(count: int) -> None:
        for _ in range(count):
            create(model=MODEL, messages=MESSAGES, temperature=0.5)

    def stream(count: int) -> None:
        for _ in range(count):
            for _ in streamed(model=MODEL, messages=MESSAGES, temperature=0.5, stream=True):
                pass

    async def await_all(count: int) -> None:
        for _ in range(count):
            await awaited(model=MODEL, messages=MESSAGES, temperature=0.5)

    def embeddings(count: int) -> None:
        for _ in range(count):
            embed(model=MODEL, input="some words", encoding_format="float")

    return {
        "chat": chat,
        "stream of 40 chunks": stream,
        "chat, async": lambda count: loop.run_until_complete(await_all(count)),
        "embeddings, 1536 numbers": embeddings,
        "LangChain, seven runs": _sequence(http, callbacks),
    }


def _sequence(http: Any, callbacks: list[Any]) -> Callable[[int], None]:
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnableLambda
    from langchain_openai import ChatOpenAI

    asked: dict[str, Any] = {"model": MODEL, "api_key": "k", "max_retries": 0, "http_client": http}
    same = cast("Any", RunnableLambda(_same))
    prompt: Any = ChatPromptTemplate.from_messages([("user", "{x}")])
    chain = prompt | ChatOpenAI(base_url="https://api.openai.com/v1", **asked) | same | same | same | same
    config: Any = {"callbacks": callbacks} if callbacks else None

    def sequence(count: int) -> None:
        for _ in range(count):
            chain.invoke({"x": "some words"}, config)

    return sequence


def _same(given: Any) -> Any:
    return given


def _completion() -> dict[str, Any]:
    choices = [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}]
    return {**_HEAD, "object": "chat.completion", "choices": choices, "usage": _USAGE}


def _events() -> Iterator[bytes]:
    said = [{"role": "assistant", "content": ""}, *({"content": "some words "} for _ in range(CHUNKS - 3)), {}]
    for place, delta in enumerate(said):
        choice = {"index": 0, "delta": delta, "finish_reason": "stop" if place == len(said) - 1 else None}
        yield _event({**_HEAD, "object": "chat.completion.chunk", "choices": [choice], "usage": None})
    yield _event({**_HEAD, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE})
    yield b"data: [DONE]\n\n"


def _event(told: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(told).encode() + b"\n\n"


def _embedding() -> dict[str, Any]:
    numbers = [(place % 100) / 1000 for place in range(DIMENSIONS)]
    data = [{"object": "embedding", "index": 0, "embedding": numbers}]
    return {"object": "list", "data": data, "model": "m-1-2026", "usage": {"prompt_tokens": 2, "total_tokens": 2}}
