"""Anthropic's client: messages in every way that it offers."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import anthropic
from anthropic.resources.messages import Messages
from anthropic.types import TextBlock
from pydantic import BaseModel

from sojourn_instrumentors.anthropic import INSTRUMENTOR
from tests.instrumentors.battery.subject import PROMPT, Arguments, Duty, Oddity, Subject, both_ways
from tests.instrumentors.battery.wire import Answer, events, refusal, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1-2026"}
USAGE = {"input_tokens": 11, "output_tokens": 7}
MODEL = "m-1"
PARSES = hasattr(Messages, "parse")
NO_PARSE: dict[Duty, str] = {} if PARSES else {"parse": "this release of the client has no such helper"}


class River(BaseModel):
    """What the parse helper is asked for."""

    name: str


class Text(str):
    """A text of the program's own making."""

    __slots__ = ()


def reply(text: str) -> Answer:
    content = [{"type": "text", "text": text}]
    return whole({**HEAD, "content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": USAGE})


def pieces(words: Sequence[Any]) -> Answer:
    begun: dict[str, Any] = {
        **HEAD,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**USAGE, "output_tokens": 1},
    }
    return events(
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *(one if one in ("cut", "hold") else _delta(one) for one in words),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
        names=True,
    )


def _delta(words: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": words}}


def asked(prompt: str) -> Arguments:
    return {
        "model": MODEL,
        "max_tokens": 64,
        "system": prompt,
        "messages": [{"role": "user", "content": prompt}],
        "tools": [{"name": "look_up", "description": prompt, "input_schema": {"type": "object"}}],
    }


def _messages(**last: Any) -> Arguments:
    return {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": PROMPT, **last}]}


def _with(messages: Any, **others: Any) -> Arguments:
    return {**_messages(), "messages": messages, **others}


def _cycle() -> Arguments:
    message: dict[str, Any] = {"role": "user", "content": PROMPT}
    message["again"] = message
    return _with([message])


ODDITIES: dict[str, Oddity] = {
    "a generator of messages": lambda: _with(one for one in _messages()["messages"]),
    "a tuple of messages": lambda: _with(tuple(_messages()["messages"])),
    "no messages": lambda: _with([]),
    "None for messages": lambda: _with(None),
    "messages missing": lambda: {"model": MODEL, "max_tokens": 64},
    "a message that is None": lambda: _with([None]),
    "a message that is a text": lambda: _with([PROMPT]),
    "another mapping": lambda: _with([OrderedDict(role="user", content=PROMPT)]),
    "a model as a message": lambda: _with([River(name="Loire")]),
    "blocks of an answer as content": lambda: _messages(content=[TextBlock(type="text", text=PROMPT)]),
    "a subclass of str": lambda: _messages(content=Text(PROMPT)),
    "a lone surrogate": lambda: _messages(content="\ud83d"),
    "a number as content": lambda: _messages(content=7),
    "bytes as content": lambda: _messages(content=b"\x00\xff"),
    "a generator as content": lambda: _messages(content=(part for part in ({"type": "text", "text": PROMPT},))),
    "blocks that are no blocks": lambda: _messages(content=[None, 1, {"type": "text"}, {"type": "image"}, {}]),
    "an object that nobody can send": lambda: _messages(content=object()),
    "a cycle": _cycle,
    "not given": lambda: {**_messages(), "temperature": anthropic.NOT_GIVEN, "system": anthropic.NOT_GIVEN},
    "omitted": lambda: {**_messages(), "tools": getattr(anthropic, "omit", anthropic.NOT_GIVEN)},
    "a decimal": lambda: {**_messages(), "max_tokens": Decimal(64)},
    "not a number": lambda: {**_messages(), "extra_body": {"temperature": float("nan")}},
    "a number beyond all columns": lambda: {**_messages(), "max_tokens": 2**80, "timeout": 20},
    "a model name that is none": lambda: {**_messages(), "model": 7},
    "extra body and headers": lambda: {
        **_messages(),
        "extra_body": {"mine": [1], "max_tokens": 5},
        "extra_headers": {"x-mine": "1"},
        "extra_query": {"q": "1"},
    },
    "tools that are no tools": lambda: {**_messages(), "tools": [None, {}, {"type": "custom"}]},
    "a system of blocks": lambda: {**_messages(), "system": [{"type": "text", "text": PROMPT}, None]},
    "an argument that does not exist": lambda: {**_messages(), "no_such_argument": 1},
}


def _client(url: str, asynchronous: bool) -> Any:
    options: dict[str, Any] = {"api_key": "k", "max_retries": 0, "base_url": url, "timeout": 20}
    return anthropic.AsyncAnthropic(**options) if asynchronous else anthropic.Anthropic(**options)


async def _close(client: Any) -> None:
    closed = client.close()
    if closed is not None:
        await closed


def _sent(client: Any, arguments: Arguments) -> Any:
    return client.messages.create(**arguments)


def _streamed(client: Any, arguments: Arguments) -> Any:
    return client.messages.create(**arguments, stream=True)


def _managed(client: Any, arguments: Arguments) -> Any:
    return client.messages.stream(**arguments)


def _beta(client: Any, arguments: Arguments) -> Any:
    return client.beta.messages.create(**arguments)


def _raw(client: Any, arguments: Arguments) -> Any:
    return client.messages.with_raw_response.create(**arguments)


def _raw_streamed(client: Any, arguments: Arguments) -> Any:
    return client.messages.with_raw_response.create(**arguments, stream=True)


def _streaming(client: Any, arguments: Arguments) -> Any:
    return client.messages.with_streaming_response.create(**arguments)


def _parsed(client: Any, arguments: Arguments) -> Any:
    return client.messages.parse(**arguments, output_format=River)


SUBJECT = Subject(
    name="anthropic",
    instrumentor=INSTRUMENTOR,
    client=_client,
    close=_close,
    ways=(
        *both_ways("whole", _sent),
        *both_ways("beta", _beta),
        *both_ways("stream", _streamed, shape="stream"),
        *both_ways("stream manager", _managed, shape="manager"),
        *both_ways("raw", _raw, shape="raw"),
        *both_ways("raw stream", _raw_streamed, shape="raw stream"),
        *both_ways("streaming raw", _streaming, shape="streaming raw"),
        *(both_ways("parse", _parsed, parses=True) if PARSES else ()),
    ),
    asked=asked,
    answer=reply,
    pieces=pieces,
    refusal=lambda said: refusal(
        400, {"type": "error", "error": {"type": "invalid_request_error", "message": said}, "request_id": "req_1"}
    ),
    refused=cast("type[BaseException]", anthropic.BadRequestError),
    span=f"chat {MODEL}",
    oddities=ODDITIES,
    lacks={"positional": "every argument of `create` is keyword-only", **NO_PARSE},
)
