"""Every shape of OpenAI call that is recorded; tests replay these same calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field

from tools.recordings.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam, ChatCompletionUserMessageParam

__all__ = ["MODEL", "SHAPES", "WEATHER"]

MODEL = "gpt-4o-mini"
"""What is asked for; the model that answers names itself otherwise, so that tests can tell the two apart."""

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of the next days in a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "enum": ["Paris", "Rome", "Oslo"]},
                # Bounded: a small model may otherwise write digits without end.
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
            },
            "required": ["city", "days"],
        },
    },
}


class City(BaseModel):
    """What the parsed answer is held to."""

    name: str = Field(max_length=20)
    people: int = Field(ge=1, le=99)


def _client(base_url: str) -> OpenAI:
    # No retries: a request that a cassette lacks must fail at once, not after seconds of waiting.
    return OpenAI(base_url=base_url, api_key="recorded", max_retries=0)


def _async_client(base_url: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=base_url, api_key="recorded", max_retries=0)


def _ask(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "system", "content": "You are brief."}, {"role": "user", "content": text}]


def _drain(parts: Iterable[Any]) -> None:
    for _ in parts:
        pass


def _plain(base_url: str) -> None:
    with _client(base_url) as client:
        client.chat.completions.create(
            model=MODEL, messages=_ask("Name the capital of France."), max_tokens=24, temperature=0.2, seed=7
        )


def _stream(base_url: str) -> None:
    with _client(base_url) as client:
        _drain(
            client.chat.completions.create(
                model=MODEL, messages=_ask("Count from one to five."), max_tokens=24, stream=True
            )
        )


def _stream_usage(base_url: str) -> None:
    with _client(base_url) as client:
        _drain(
            client.chat.completions.create(
                model=MODEL,
                messages=_ask("Count from one to five."),
                max_tokens=24,
                stream=True,
                stream_options={"include_usage": True},
            )
        )


def _stream_helper(base_url: str) -> None:
    with (
        _client(base_url) as client,
        client.chat.completions.stream(
            model=MODEL,
            messages=_ask("Say hello to the sea."),
            max_tokens=16,
            stream_options={"include_usage": True},
        ) as stream,
    ):
        _drain(stream)


def _async_plain(base_url: str) -> None:
    async def call() -> None:
        async with _async_client(base_url) as client:
            await client.chat.completions.create(model=MODEL, messages=_ask("Name a river."), max_tokens=12)

    asyncio.run(call())


def _async_stream(base_url: str) -> None:
    async def call() -> None:
        async with _async_client(base_url) as client:
            parts = await client.chat.completions.create(
                model=MODEL,
                messages=_ask("Name three fruits."),
                max_tokens=20,
                stream=True,
                stream_options={"include_usage": True},
            )
            async for _ in parts:
                pass

    asyncio.run(call())


def _async_gather(base_url: str) -> None:
    async def call() -> None:
        async with _async_client(base_url) as client:
            await asyncio.gather(
                *(
                    client.chat.completions.create(
                        model=MODEL, messages=_ask(f"Say the colour {colour}."), max_tokens=8
                    )
                    for colour in ("red", "green", "blue")
                )
            )

    asyncio.run(call())


def _tools(base_url: str) -> None:
    with _client(base_url) as client:
        client.chat.completions.create(
            model=MODEL,
            messages=_ask("How will the weather be in Paris for 3 days?"),
            tools=[WEATHER],
            tool_choice="required",
            parallel_tool_calls=False,
            max_tokens=48,
        )


def _tools_stream(base_url: str) -> None:
    with _client(base_url) as client:
        _drain(
            client.chat.completions.create(
                model=MODEL,
                messages=_ask("How will the weather be in Oslo for 2 days?"),
                tools=[WEATHER],
                tool_choice="required",
                max_tokens=48,
                stream=True,
                stream_options={"include_usage": True},
            )
        )


def _tool_result(base_url: str) -> None:
    messages = _ask("How will the weather be in Rome for 2 days?")
    with _client(base_url) as client:
        asked = client.chat.completions.create(
            model=MODEL, messages=messages, tools=[WEATHER], tool_choice="required", max_tokens=48
        )
        said = asked.choices[0].message
        messages.append(
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.function.name, "arguments": call.function.arguments},
                    }
                    for call in said.tool_calls or ()
                    if call.type == "function"
                ],
            }
        )
        messages.extend(
            {"role": "tool", "tool_call_id": call.id, "content": "sunny, 24 degrees"} for call in said.tool_calls or ()
        )
        client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER], max_tokens=32)


def _parse(base_url: str) -> None:
    with _client(base_url) as client:
        client.chat.completions.parse(
            model=MODEL,
            messages=_ask("Describe Lyon: its name and its size on a scale to 99."),
            response_format=City,
            max_tokens=60,
        )


def _logprobs(base_url: str) -> None:
    with _client(base_url) as client:
        client.chat.completions.create(
            model=MODEL, messages=_ask("Say yes."), max_tokens=4, logprobs=True, top_logprobs=2
        )


def _choices(base_url: str) -> None:
    with _client(base_url) as client:
        client.chat.completions.create(
            model=MODEL, messages=_ask("Invent a name for a cat."), max_tokens=10, n=2, temperature=0.9, seed=3
        )


def _stop(base_url: str) -> None:
    with _client(base_url) as client:
        client.chat.completions.create(
            model=MODEL,
            messages=_ask("Count from one to five, with commas."),
            max_tokens=24,
            stop=[","],
            top_p=0.9,
            frequency_penalty=0.1,
            presence_penalty=0.1,
            user="recorded-user",
        )


def _length(base_url: str) -> None:
    with _client(base_url) as client:
        client.chat.completions.create(model=MODEL, messages=_ask("Tell a long story."), max_tokens=5)


def _raw(base_url: str) -> None:
    with _client(base_url) as client:
        client.chat.completions.with_raw_response.create(
            model=MODEL, messages=_ask("Name a mountain."), max_tokens=12
        ).parse()


def _bad_request(base_url: str) -> None:
    with _client(base_url) as client:
        client.chat.completions.create(
            model=MODEL,
            messages=_ask("Describe Lyon."),
            max_tokens=8,
            response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": {"type": "nonsense"}}},
        )


def _image(base_url: str) -> None:
    picture: ChatCompletionUserMessageParam = {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        ],
    }
    with _client(base_url) as client:
        client.chat.completions.create(model=MODEL, messages=[picture], max_tokens=8)


def _ordinary(base_url: str) -> None:
    with _client(base_url) as client:
        client.chat.completions.create(model=MODEL, messages=_ask("Are you there?"), max_tokens=8)


def _openai(name: str, call: Callable[[str], None], **rest: Any) -> Shape:
    return Shape(f"openai/{name}", call, **rest)


SHAPES = (
    _openai("chat_plain", _plain),
    _openai("chat_stream", _stream),
    _openai("chat_stream_usage", _stream_usage),
    _openai("chat_stream_helper", _stream_helper),
    _openai("chat_async", _async_plain),
    _openai("chat_async_stream", _async_stream),
    _openai("chat_async_gather", _async_gather),
    _openai("chat_tools", _tools),
    _openai("chat_tools_stream", _tools_stream),
    _openai("chat_tool_result", _tool_result),
    _openai("chat_parse", _parse),
    _openai("chat_logprobs", _logprobs),
    _openai("chat_choices", _choices),
    _openai("chat_stop", _stop),
    _openai("chat_length", _length),
    _openai("chat_raw_response", _raw),
    _openai("chat_400", _bad_request, fails="BadRequestError"),
    _openai("chat_500", _image, fails="InternalServerError"),
    _openai("chat_404", _ordinary, fails="NotFoundError", below="/nowhere"),
    _openai("chat_401", _ordinary, fails="AuthenticationError", refusal="unauthorized"),
    _openai("chat_429", _ordinary, fails="RateLimitError", refusal="rate limited"),
)
