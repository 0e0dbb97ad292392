"""Recorded calls of OpenAI's protocol, made again through the real client with the answers that they had."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import openai

from tools.recorded_traffic.arguments import split
from tools.recorded_traffic.openai_bodies import wants_stream
from tools.recorded_traffic.transport import Answers, http_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.recorded_traffic.exchange import Exchange

__all__ = ["OpenAICalls"]

_DEPLOYMENT: Final = re.compile(r"^(.*)/openai/deployments/([^/]+)/")
_METHODS: Final[dict[str, Callable[[openai.OpenAI], Any]]] = {
    "/chat/completions": lambda client: client.chat.completions.create,
    "/completions": lambda client: client.completions.create,
    "/responses": lambda client: client.responses.create,
    "/embeddings": lambda client: client.embeddings.create,
    "/images/generations": lambda client: client.images.generate,
}
"""The methods that make these requests, by the end of the path; longer ends first."""


@dataclass
class OpenAICalls:
    """A program that calls services of OpenAI's protocol."""

    answers: Answers = field(default_factory=Answers)
    _clients: dict[str, openai.OpenAI] = field(default_factory=dict[str, openai.OpenAI])

    def handles(self, exchange: Exchange) -> bool:
        """Whether this is a call that OpenAI's client makes."""
        return _end(exchange) is not None

    def make(self, exchange: Exchange) -> None:
        """Make the call and read its answer to the end. Raises what the client raises."""
        end = _end(exchange)
        assert end is not None, exchange.path
        self.answers.exchange = exchange
        method = _METHODS[end](self._client(exchange, end))
        reply = method(**split(method, _arguments(exchange)))
        if wants_stream(exchange):
            for _ in reply:
                pass

    def _client(self, exchange: Exchange, end: str) -> openai.OpenAI:
        base = exchange.url.partition("?")[0].removesuffix(end)
        if base not in self._clients:
            self._clients[base] = self._made(exchange, base)
        return self._clients[base]

    def _made(self, exchange: Exchange, base: str) -> openai.OpenAI:
        options: dict[str, Any] = {"api_key": "k", "max_retries": 0}
        options["http_client"] = openai.DefaultHttpxClient(transport=self.answers.transport(http_of(openai.OpenAI)))
        deployment = _DEPLOYMENT.match(exchange.url)
        if deployment is None:
            return openai.OpenAI(base_url=base, **options)
        return openai.AzureOpenAI(
            azure_endpoint=deployment.group(1).rstrip("/"),
            azure_deployment=deployment.group(2),
            api_version=exchange.parameter("api-version") or "2024-10-21",
            **options,
        )


def _end(exchange: Exchange) -> str | None:
    if exchange.method != "POST":
        return None
    return next((end for end in _METHODS if exchange.path.endswith(end)), None)


def _arguments(exchange: Exchange) -> dict[str, Any]:
    named = _DEPLOYMENT.match(exchange.url)
    # Azure has the model in the path; the client wants it as an argument all the same.
    model = exchange.asked.get("model") or (named.group(2) if named else None)
    return {**exchange.asked, "model": model} | ({"stream": True} if wants_stream(exchange) else {})
