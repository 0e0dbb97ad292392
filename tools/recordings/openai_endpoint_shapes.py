"""Shapes of OpenAI calls beside chats: embeddings, completions, responses; tests replay these same calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI, OpenAI

from tools.recordings.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai.types.responses import FunctionToolParam

__all__ = ["SHAPES"]

MODEL = "gpt-4o-mini"
EMBEDDER = "text-embedding-3-small"

WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of the next days in a city.",
    "strict": None,
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "enum": ["Paris", "Rome", "Oslo"]},
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
        },
        "required": ["city", "days"],
    },
}


def _client(base_url: str) -> OpenAI:
    # No retries: a request that a cassette lacks must fail at once, not after seconds of waiting.
    return OpenAI(base_url=base_url, api_key="recorded", max_retries=0)


def _embedding(base_url: str) -> None:
    with _client(base_url) as client:
        client.embeddings.create(model=EMBEDDER, input="A river in France.")


def _embeddings_float(base_url: str) -> None:
    with _client(base_url) as client:
        client.embeddings.create(model=EMBEDDER, input=["One.", "Two."], encoding_format="float")


def _embedding_async(base_url: str) -> None:
    async def call() -> None:
        async with AsyncOpenAI(base_url=base_url, api_key="recorded", max_retries=0) as client:
            await client.embeddings.create(model=EMBEDDER, input="A mountain in Italy.")

    asyncio.run(call())


def _completion(base_url: str) -> None:
    with _client(base_url) as client:
        client.completions.create(model=MODEL, prompt="The capital of France is", max_tokens=8, temperature=0.2, seed=7)


def _completion_stream(base_url: str) -> None:
    with _client(base_url) as client:
        stream = client.completions.create(model=MODEL, prompt="One, two, three,", max_tokens=8, stream=True)
        for _ in stream:
            pass


def _response(base_url: str) -> None:
    with _client(base_url) as client:
        client.responses.create(
            model=MODEL, instructions="You are brief.", input="Name the capital of Norway.", max_output_tokens=16
        )


def _response_stream(base_url: str) -> None:
    with _client(base_url) as client:
        stream = client.responses.create(
            model=MODEL, input="Count from one to four.", max_output_tokens=16, stream=True
        )
        for _ in stream:
            pass


def _response_tools(base_url: str) -> None:
    with _client(base_url) as client:
        client.responses.create(
            model=MODEL,
            input=[{"role": "user", "content": "How will the weather be in Rome for 3 days?"}],
            tools=[WEATHER],
            tool_choice="required",
            max_output_tokens=48,
        )


def _response_async(base_url: str) -> None:
    async def call() -> None:
        async with AsyncOpenAI(base_url=base_url, api_key="recorded", max_retries=0) as client:
            await client.responses.create(model=MODEL, input="Name a colour.", max_output_tokens=8)

    asyncio.run(call())


def _models(base_url: str) -> None:
    with _client(base_url) as client:
        list(client.models.list())


def _openai(name: str, call: Callable[[str], None], **rest: Any) -> Shape:
    return Shape(f"openai/{name}", call, **rest)


SHAPES = (
    _openai("embedding", _embedding),
    _openai("embeddings_float", _embeddings_float),
    _openai("embedding_async", _embedding_async),
    _openai("completion", _completion),
    _openai("completion_stream", _completion_stream),
    _openai("response", _response),
    _openai("response_stream", _response_stream),
    _openai("response_tools", _response_tools),
    _openai("response_async", _response_async),
    _openai("models", _models),
    _openai("response_401", _response, fails="AuthenticationError", refusal="unauthorized"),
    _openai("embedding_429", _embedding, fails="RateLimitError", refusal="rate limited"),
)
