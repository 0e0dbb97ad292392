"""OpenAI's service as a transport: each request is answered with the next answer that the test gave."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import openai

from tests.instrumentors.provider import OPTIONS, http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@dataclass(frozen=True)
class Raw:
    """An answer that is no JSON."""

    content: bytes
    kind: str


@dataclass
class Service:
    """A dict is answered as JSON, a list as a stream of events, a tuple of status and dict as a refusal."""

    answers: list[Any] = field(default_factory=list[Any])
    requests: list[Any] = field(default_factory=list[Any])
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    def client(self, kind: Any = openai.OpenAI, **options: Any) -> Any:
        def answer(request: Any) -> Any:
            request.read()
            return self._answer(request, _events)

        transport = openai.DefaultHttpxClient(transport=http.MockTransport(answer))
        return kind(**{**OPTIONS, "http_client": transport, **options})

    def async_client(self, **options: Any) -> Any:
        async def answer(request: Any) -> Any:
            await request.aread()
            return self._answer(request, _async_events)

        transport = openai.DefaultAsyncHttpxClient(transport=http.MockTransport(answer))
        made: Any = openai.AsyncOpenAI
        return made(**{**OPTIONS, "http_client": transport, **options})

    def _answer(self, request: Any, events: Any) -> Any:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        match answer:
            case Raw(content, kind):
                return http.Response(200, headers={"content-type": kind}, content=content)
            case (int(status), told):
                return http.Response(status, json=told)
            case list():
                return http.Response(200, headers={"content-type": "text/event-stream"}, content=events(answer))
            case _:
                return http.Response(200, json=answer)


def event(told: dict[str, Any]) -> bytes:
    """A server-sent event: named by its `type`, or, of the assistants, by its `event`."""
    if told.keys() == {"event", "data"}:
        return f"event: {told['event']}\ndata: {json.dumps(told['data'])}\n\n".encode()
    name = f"event: {told['type']}\n" if "type" in told else ""
    return f"{name}data: {json.dumps(told)}\n\n".encode()


def _events(answer: list[dict[str, Any]]) -> Iterator[bytes]:
    yield from map(event, answer)
    yield b"data: [DONE]\n\n"


async def _async_events(answer: list[dict[str, Any]]) -> AsyncIterator[bytes]:
    for told in answer:
        yield event(told)
    yield b"data: [DONE]\n\n"
