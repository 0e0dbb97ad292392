"""Recorded calls of Anthropic's protocol, made again through the real client with the answers that they had."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import anthropic
from anthropic.lib.bedrock import AnthropicBedrock

from tools.recorded_traffic.arguments import split
from tools.recorded_traffic.transport import Answers, http_of

if TYPE_CHECKING:
    from tools.recorded_traffic.exchange import Exchange

__all__ = ["AnthropicCalls"]

_BEDROCK: Final = re.compile(r"/model/([^/]+)/invoke(-with-response-stream)?$")
# A whole answer of many tokens might take long: without a limit of its own the client refuses to ask for one.
_PATIENCE: Final = 600.0


@dataclass
class AnthropicCalls:
    """A program that calls Claude, at Anthropic's or in Bedrock."""

    answers: Answers = field(default_factory=Answers)
    _clients: dict[str, Any] = field(default_factory=dict[str, Any])

    def handles(self, exchange: Exchange) -> bool:
        """Whether this is a call that Anthropic's client makes."""
        if exchange.method != "POST":
            return False
        if _BEDROCK.search(exchange.path):
            return "anthropic_version" in exchange.asked
        return exchange.host == "api.anthropic.com" and exchange.path == "/v1/messages"

    def make(self, exchange: Exchange) -> None:
        """Make the call and read its answer to the end. Raises what the client raises."""
        self.answers.exchange = exchange
        body = {name: value for name, value in exchange.asked.items() if name != "anthropic_version"}
        bedrock = _BEDROCK.search(exchange.path)
        if bedrock:
            body |= {"model": unquote(bedrock.group(1))} | ({"stream": True} if bedrock.group(2) else {})
        client = self._client(exchange)
        create = client.beta.messages.create if exchange.parameter("beta") else client.messages.create
        reply = create(**split(create, body), timeout=_PATIENCE)
        if body.get("stream"):
            for _ in reply:
                pass

    def _client(self, exchange: Exchange) -> Any:
        if exchange.host not in self._clients:
            self._clients[exchange.host] = self._made(exchange)
        return self._clients[exchange.host]

    def _made(self, exchange: Exchange) -> Any:
        transport = self.answers.transport(http_of(anthropic.Anthropic))
        options: dict[str, Any] = {"max_retries": 0, "http_client": anthropic.DefaultHttpxClient(transport=transport)}
        if "bedrock" in exchange.host:
            return AnthropicBedrock(api_key="k", aws_region=exchange.host.split(".")[1], **options)
        return anthropic.Anthropic(api_key="k", **options)
