"""Rivulet under the battery: how a test calls it, and what its service answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rivulet import Rivulet, RivuletError
from sojourn_rivulet import INSTRUMENTOR

from tests.instrumentors.battery.subject import PROMPT, Arguments, Subject, Way
from tests.instrumentors.battery.wire import Answer, events, refusal, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

USED = {"taken": 11, "given": 7}


def _said(text: str, **used: int) -> dict[str, Any]:
    return {"text": text, "model": "m-1-2026", **used}


def _pieces(words: Sequence[Any]) -> Answer:
    parts = [one if one in ("cut", "hold") else _said(one) for one in words]
    return events(*parts, _said("", **USED))


def _asked(prompt: str) -> Arguments:
    return {"model": "m-1", "prompt": prompt, "tools": [prompt]}


async def _close(_: Any) -> None:
    """It keeps no connection."""


async def _chat(client: Any, arguments: Arguments) -> Any:
    return client.chat(**arguments)


async def _stream(client: Any, arguments: Arguments) -> Any:
    return client.chat(**arguments, stream=True)


_NOT_THERE = "the client has no such thing"

SUBJECT = Subject(
    name="rivulet",
    instrumentor=INSTRUMENTOR,
    client=lambda url, _: Rivulet(url),
    close=_close,
    ways=(Way("whole", _chat), Way("stream", _stream, shape="stream")),
    asked=_asked,
    answer=lambda text: whole(_said(text, **USED)),
    pieces=_pieces,
    refusal=lambda said: refusal(400, {"said": said}),
    refused=RivuletError,
    span="chat m-1",
    oddities={
        "a number for a prompt": lambda: {"model": "m-1", "prompt": 7},
        "no prompt": lambda: {"model": "m-1"},
        "nothing that can be sent": lambda: {"model": "m-1", "prompt": object()},
    },
    positional=lambda client, arguments: client.chat(arguments["model"], PROMPT),
    lacks=dict.fromkeys(("async", "manager", "raw", "streaming raw", "parse"), _NOT_THERE),
)
