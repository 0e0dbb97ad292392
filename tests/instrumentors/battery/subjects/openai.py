"""OpenAI's client: chat completions in every way that it offers."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import openai
from pydantic import BaseModel

from sojourn_instrumentors.openai import INSTRUMENTOR
from tests.instrumentors.battery.subject import PROMPT, Arguments, Oddity, Subject, both_ways
from tests.instrumentors.battery.wire import Answer, events, refusal, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD: dict[str, Any] = {"id": "chatcmpl-1", "created": 1, "model": "m-1-2026"}
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class River(BaseModel):
    """What the parse helpers are asked for."""

    name: str


class Text(str):
    """A text of the program's own making."""

    __slots__ = ()


def completion(text: str) -> Answer:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return whole({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE})


def chunks(pieces: Sequence[Any]) -> Answer:
    return events(*[one if one in ("cut", "hold") else _chunk({"content": one}) for one in pieces], *_last())


def _chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice], "usage": None}


def _last() -> tuple[Any, ...]:
    return _chunk({}, "stop"), {**_chunk({}), "choices": [], "usage": USAGE}, "[DONE]"


def asked(prompt: str) -> Arguments:
    function = {"name": "look_up", "description": prompt, "parameters": {"type": "object", "description": prompt}}
    messages: list[Any] = [{"role": "system", "content": prompt}, {"role": "user", "content": prompt}]
    return {"model": "m-1", "messages": messages, "tools": [{"type": "function", "function": function}], "seed": 3}


def _messages(**last: Any) -> Arguments:
    return {"model": "m-1", "messages": [{"role": "user", "content": PROMPT, **last}]}


def _cycle() -> Arguments:
    message: dict[str, Any] = {"role": "user", "content": PROMPT}
    message["again"] = message
    return {"model": "m-1", "messages": [message]}


ODDITIES: dict[str, Oddity] = {
    "a generator of messages": lambda: {"model": "m-1", "messages": (one for one in _messages()["messages"])},
    "a tuple of messages": lambda: {"model": "m-1", "messages": tuple(_messages()["messages"])},
    "no messages": lambda: {"model": "m-1", "messages": []},
    "None for messages": lambda: {"model": "m-1", "messages": None},
    "messages missing": lambda: {"model": "m-1"},
    "a message that is None": lambda: {"model": "m-1", "messages": [None]},
    "a message that is a text": lambda: {"model": "m-1", "messages": [PROMPT]},
    "another mapping": lambda: {"model": "m-1", "messages": [OrderedDict(role="user", content=PROMPT)]},
    "a model as a message": lambda: {"model": "m-1", "messages": [River(name="Loire")]},
    "a subclass of str": lambda: _messages(content=Text(PROMPT)),
    "a lone surrogate": lambda: _messages(content="\ud83d"),
    "a number as content": lambda: _messages(content=7),
    "bytes as content": lambda: _messages(content=b"\x00\xff"),
    "a generator as content": lambda: _messages(content=(part for part in ({"type": "text", "text": PROMPT},))),
    "parts that are no parts": lambda: _messages(content=[None, 1, {"type": "text"}, {"type": "image_url"}, {}]),
    "an object that nobody can send": lambda: _messages(content=object()),
    "a cycle": _cycle,
    "not given": lambda: {**_messages(), "temperature": openai.NOT_GIVEN, "stop": openai.NOT_GIVEN},
    "omitted": lambda: {**_messages(), "temperature": getattr(openai, "omit", openai.NOT_GIVEN)},
    "a decimal": lambda: {**_messages(), "temperature": Decimal("0.5")},
    "not a number": lambda: {**_messages(), "temperature": float("nan")},
    "a number beyond all columns": lambda: {**_messages(), "seed": 2**80},
    "a model name that is none": lambda: {**_messages(), "model": 7},
    "extra body and headers": lambda: {
        **_messages(),
        "extra_body": {"mine": [1], "seed": 5},
        "extra_headers": {"x-mine": "1"},
        "extra_query": {"q": "1"},
    },
    "tools that are no tools": lambda: {**_messages(), "tools": [None, {}, {"type": "function", "function": None}]},
    "a response format that is none": lambda: {**_messages(), "response_format": []},
    "an argument that does not exist": lambda: {**_messages(), "no_such_argument": 1},
}


def _client(url: str, asynchronous: bool) -> Any:
    # Certificates, which nobody needs here, take longer to load than a test takes.
    http: Any = (openai.DefaultAsyncHttpxClient if asynchronous else openai.DefaultHttpxClient)(verify=False)
    options: dict[str, Any] = {"api_key": "k", "max_retries": 0, "base_url": f"{url}/v1", "timeout": 20}
    return (openai.AsyncOpenAI if asynchronous else openai.OpenAI)(**options, http_client=http)


async def _close(client: Any) -> None:
    closed = client.close()
    if closed is not None:
        await closed


def _helpers(client: Any) -> Any:
    """Where `parse` and `stream` are: older releases have them under `beta` only."""
    return client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions


def _sent(client: Any, arguments: Arguments) -> Any:
    return client.chat.completions.create(**arguments)


def _streamed(client: Any, arguments: Arguments) -> Any:
    return client.chat.completions.create(**arguments, stream=True)


def _managed(client: Any, arguments: Arguments) -> Any:
    # The helper reads the tools itself, and wants them to be strict.
    return _helpers(client).stream(**{name: one for name, one in arguments.items() if name != "tools"})


def _raw(client: Any, arguments: Arguments) -> Any:
    return client.chat.completions.with_raw_response.create(**arguments)


def _raw_streamed(client: Any, arguments: Arguments) -> Any:
    return client.chat.completions.with_raw_response.create(**arguments, stream=True)


def _streaming(client: Any, arguments: Arguments) -> Any:
    return client.chat.completions.with_streaming_response.create(**arguments)


def _parsed(client: Any, arguments: Arguments) -> Any:
    asked = {name: one for name, one in arguments.items() if name != "tools"}
    return _helpers(client).parse(**asked, response_format=River)


SUBJECT = Subject(
    name="openai",
    instrumentor=INSTRUMENTOR,
    client=_client,
    close=_close,
    ways=(
        *both_ways("whole", _sent),
        *both_ways("stream", _streamed, shape="stream"),
        *both_ways("stream manager", _managed, shape="manager"),
        *both_ways("raw", _raw, shape="raw"),
        *both_ways("raw stream", _raw_streamed, shape="raw stream"),
        *both_ways("streaming raw", _streaming, shape="streaming raw"),
        *both_ways("parse", _parsed, parses=True),
    ),
    asked=asked,
    answer=completion,
    pieces=chunks,
    refusal=lambda said: refusal(400, {"error": {"message": said, "type": "invalid_request_error", "param": said}}),
    refused=cast("type[BaseException]", openai.BadRequestError),
    span="chat m-1",
    oddities=ODDITIES,
    lacks={"positional": "every argument of `create` is keyword-only"},
)
