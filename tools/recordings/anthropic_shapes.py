"""Every shape of Anthropic call that is recorded; tests replay these same calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from anthropic import Anthropic, AsyncAnthropic

from tools.recordings.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from anthropic.types import MessageParam, ToolParam

__all__ = ["MODEL", "SHAPES"]

MODEL = "claude-haiku-4-5"

WEATHER: ToolParam = {
    "name": "get_weather",
    "description": "The weather of the next days in a city.",
    "input_schema": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "enum": ["Paris", "Rome", "Oslo"]},
            # Bounded: a small model may otherwise write digits without end.
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
        },
        "required": ["city", "days"],
    },
}


def _options(base_url: str) -> dict[str, Any]:
    # This client puts the version into the path by itself.
    # No retries: a request that a cassette lacks must fail at once, not after seconds of waiting.
    return {"base_url": base_url.replace("/v1", ""), "api_key": "recorded", "max_retries": 0}


def _client(base_url: str) -> Anthropic:
    return Anthropic(**_options(base_url))


def _ask(text: str) -> list[MessageParam]:
    return [{"role": "user", "content": text}]


def _plain(base_url: str) -> None:
    with _client(base_url) as client:
        client.messages.create(
            model=MODEL, system="You are brief.", messages=_ask("Name the capital of France."), max_tokens=24
        )


def _stream(base_url: str) -> None:
    with _client(base_url) as client:
        parts = client.messages.create(
            model=MODEL, messages=_ask("Count from one to five."), max_tokens=24, stream=True
        )
        for _ in parts:
            pass


def _manager(base_url: str) -> None:
    with (
        _client(base_url) as client,
        client.messages.stream(model=MODEL, messages=_ask("Say hello to the sea."), max_tokens=16) as stream,
    ):
        for _ in stream.text_stream:
            pass
        stream.get_final_message()


def _async_plain(base_url: str) -> None:
    async def call() -> None:
        async with AsyncAnthropic(**_options(base_url)) as client:
            await client.messages.create(model=MODEL, messages=_ask("Name a river."), max_tokens=12)

    asyncio.run(call())


def _async_stream(base_url: str) -> None:
    async def call() -> None:
        async with (
            AsyncAnthropic(**_options(base_url)) as client,
            client.messages.stream(model=MODEL, messages=_ask("Name three fruits."), max_tokens=20) as stream,
        ):
            async for _ in stream:
                pass

    asyncio.run(call())


def _tools(base_url: str) -> None:
    with _client(base_url) as client:
        client.messages.create(
            model=MODEL,
            messages=_ask("How will the weather be in Paris for 3 days?"),
            tools=[WEATHER],
            tool_choice={"type": "any"},
            max_tokens=48,
        )


def _tools_stream(base_url: str) -> None:
    with _client(base_url) as client:
        parts = client.messages.create(
            model=MODEL,
            messages=_ask("How will the weather be in Oslo for 2 days?"),
            tools=[WEATHER],
            tool_choice={"type": "any"},
            max_tokens=48,
            stream=True,
        )
        for _ in parts:
            pass


def _tool_result(base_url: str) -> None:
    messages: list[MessageParam] = [
        *_ask("How is the weather in Rome?"),
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome", "days": 1}}
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Sunny, 24 degrees."}],
        },
    ]
    with _client(base_url) as client:
        client.messages.create(model=MODEL, messages=messages, tools=[WEATHER], max_tokens=16)


def _count_tokens(base_url: str) -> None:
    with _client(base_url) as client:
        client.messages.count_tokens(model=MODEL, messages=_ask("How long is this?"))


def _length(base_url: str) -> None:
    with _client(base_url) as client:
        client.messages.create(model=MODEL, messages=_ask("Tell a long story."), max_tokens=5)


def _raw(base_url: str) -> None:
    with _client(base_url) as client:
        client.messages.with_raw_response.create(model=MODEL, messages=_ask("Name a mountain."), max_tokens=12).parse()


def _anthropic(name: str, call: Callable[[str], None], **rest: Any) -> Shape:
    return Shape(f"anthropic/{name}", call, **rest)


SHAPES = (
    _anthropic("messages_plain", _plain),
    _anthropic("messages_stream", _stream),
    _anthropic("messages_manager", _manager),
    _anthropic("messages_async", _async_plain),
    _anthropic("messages_async_manager", _async_stream),
    _anthropic("messages_tools", _tools),
    _anthropic("messages_tools_stream", _tools_stream),
    _anthropic("messages_tool_result", _tool_result),
    _anthropic("messages_length", _length),
    _anthropic("messages_raw_response", _raw),
    _anthropic("messages_404", _plain, fails="NotFoundError", below="/nowhere"),
    _anthropic("count_tokens", _count_tokens),
)
