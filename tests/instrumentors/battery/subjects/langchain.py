"""LangChain: a chat model of it, over a provider's client that nobody observes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

import openai
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI

from sojourn_instrumentors.langchain import INSTRUMENTOR
from tests.instrumentors.battery.subject import PROMPT, Arguments, Oddity, Subject, Way
from tests.instrumentors.battery.subjects import openai as provider

if TYPE_CHECKING:
    from collections.abc import Sequence

# Any: the list is private, and named so in docs/private-hooks.md.
context: Any = importlib.import_module("langchain_core.tracers.context")


def asked(prompt: str) -> Arguments:
    return {"input": [SystemMessage(prompt), HumanMessage(prompt)], "tools": provider.asked(prompt)["tools"]}


def _said(*content: Any) -> Arguments:
    return {"input": [HumanMessage(content=one) for one in content]}


class _Broken:
    """An object that cannot even be described."""

    def __repr__(self) -> str:
        raise ValueError("no words")


ODDITIES: dict[str, Oddity] = {
    "a text": lambda: {"input": PROMPT},
    "pairs": lambda: {"input": [("system", "Be brief."), ("human", PROMPT)]},
    "dicts": lambda: {"input": [{"role": "user", "content": PROMPT}]},
    "a generator": lambda: {"input": (one for one in [HumanMessage(PROMPT)])},
    "nothing": lambda: {"input": []},
    "None": lambda: {"input": None},
    "a subclass of str": lambda: _said(provider.Text(PROMPT)),
    "a lone surrogate": lambda: _said("\ud83d"),
    "parts": lambda: _said([{"type": "text", "text": PROMPT}, {"type": "image_url", "image_url": {"url": "data:,x"}}]),
    "parts that are no parts": lambda: _said(["words", {}]),
    "bytes in a part": lambda: _said([{"type": "text", "text": b"\x00"}]),
    "config of the program's own": lambda: {
        "input": PROMPT,
        "config": {"metadata": {"odd": _Broken()}, "tags": ["mine"], "run_name": "mine"},
    },
    "not given": lambda: {"input": PROMPT, "temperature": openai.NOT_GIVEN},
    "an argument that does not exist": lambda: {"input": PROMPT, "no_such_argument": 1},
}


class _Chat:
    """A model, and the clients that it sends through, which are ours to close."""

    def __init__(self, url: str) -> None:
        self.sync, self.asynchronous = provider.SUBJECT.client(url, False), provider.SUBJECT.client(url, True)
        options: dict[str, Any] = {"model": "m-1", "api_key": "k", "max_retries": 0, "stream_usage": True}
        self.model: Any = ChatOpenAI(
            **options,
            base_url=f"{url}/v1",
            http_client=self.sync._client,
            http_async_client=self.asynchronous._client,
        )


def _client(url: str, asynchronous: bool) -> Any:
    """One model is both."""
    return _Chat(url)


async def _close(client: Any) -> None:
    client.sync.close()
    await client.asynchronous.close()


def _given(arguments: Arguments) -> tuple[Any, dict[str, Any]]:
    rest = dict(arguments)
    return rest.pop("input"), rest


async def _invoke(client: Any, arguments: Arguments) -> Any:
    taken, rest = _given(arguments)
    return client.model.invoke(taken, **rest)


async def _ainvoke(client: Any, arguments: Arguments) -> Any:
    taken, rest = _given(arguments)
    return await client.model.ainvoke(taken, **rest)


async def _stream(client: Any, arguments: Arguments) -> Any:
    taken, rest = _given(arguments)
    return client.model.stream(taken, **rest)


async def _astream(client: Any, arguments: Arguments) -> Any:
    taken, rest = _given(arguments)
    return client.model.astream(taken, **rest)


async def _batch(client: Any, arguments: Arguments) -> Any:
    taken, rest = _given(arguments)
    return client.model.batch([taken], **rest)[0]


async def _abatch(client: Any, arguments: Arguments) -> Any:
    taken, rest = _given(arguments)
    return (await client.model.abatch([taken], **rest))[0]


def _positional(client: Any, arguments: Arguments) -> Any:
    taken, rest = _given(arguments)
    return client.model.invoke(taken, None, **rest)


def _plain(part: Any) -> Any:
    if not isinstance(part, BaseMessage):
        return part
    told: dict[str, Any] = part.model_dump()
    # LangChain names a message after its run when the provider gives no name.
    told["id"] = None
    return told


def _looks() -> Sequence[object]:
    return tuple(hook[0] for hook in context._configure_hooks)


_CALLBACKS = "callbacks see what a model answers, not the response that its provider's client got"

SUBJECT = Subject(
    name="langchain",
    instrumentor=INSTRUMENTOR,
    client=_client,
    close=_close,
    ways=(
        Way("invoke", _invoke),
        Way("ainvoke", _ainvoke, asynchronous=True),
        Way("stream", _stream, shape="stream"),
        Way("astream", _astream, shape="stream", asynchronous=True),
        Way("batch", _batch),
        Way("abatch", _abatch, asynchronous=True),
    ),
    asked=asked,
    answer=provider.completion,
    pieces=provider.chunks,
    refusal=provider.SUBJECT.refusal,
    refused=cast("type[BaseException]", openai.BadRequestError),
    span="chat m-1",
    oddities=ODDITIES,
    positional=_positional,
    plain=_plain,
    looks=_looks,
    lacks={
        "manager": "a stream of LangChain is a generator, which nobody enters",
        "raw": _CALLBACKS,
        "streaming raw": _CALLBACKS,
        "parse": "`with_structured_output` is a sequence of runs; tests/instrumentors/test_langchain.py has those",
        "never started": "a generator that nobody asks has not called anybody",
    },
)
