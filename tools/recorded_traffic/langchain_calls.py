"""Recorded calls, made again through LangChain's chat models over the real clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anthropic
import openai
from anthropic.resources import Messages
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import BaseMessage, SystemMessage, convert_to_messages
from langchain_openai import ChatOpenAI
from openai.resources.chat import Completions
from openai.resources.responses import Responses

from tools.recorded_traffic.arguments import split
from tools.recorded_traffic.transport import Answers, http_of

if TYPE_CHECKING:
    from tools.recorded_traffic.exchange import Exchange

__all__ = ["LangChainCalls", "messages_of"]

_OPENAI: Final = ("/v1/chat/completions", "/v1/responses")
# What is said to the models otherwise; `response_format` would make them read the answer as an object of the program's.
_OWN: Final = frozenset(
    {"messages", "input", "system", "instructions", "model", "stream", "stream_options", "response_format"}
)
# Anthropic's client has no arguments for them any more; LangChain has.
_SAMPLING: Final = ("temperature", "top_p", "top_k")


@dataclass
class LangChainCalls:
    """A program whose calls of models go through LangChain."""

    answers: Answers = field(default_factory=Answers)
    _models: dict[tuple[str, str], Any] = field(default_factory=dict[tuple[str, str], Any])

    def handles(self, exchange: Exchange) -> bool:
        """Whether LangChain's models for OpenAI and Anthropic can be asked for this."""
        if exchange.method != "POST" or not exchange.asked.get("model"):
            return False
        known = exchange.path.endswith(_OPENAI) or (exchange.host, exchange.path) == (
            "api.anthropic.com",
            "/v1/messages",
        )
        return known and messages_of(exchange) is not None

    def make(self, exchange: Exchange) -> None:
        """Make the call and read its answer to the end. Raises what LangChain raises."""
        self.answers.exchange = exchange
        messages = messages_of(exchange)
        assert messages is not None
        model = self._model(exchange)
        # Its models hand on to the client what they do not know.
        asked = {name: told for name, told in exchange.asked.items() if name not in _OWN}
        others = {name: asked.pop(name) for name in _SAMPLING if name in asked} | split(_method_under(model), asked)
        if exchange.asked.get("stream"):
            for _ in model.stream(messages, **others):
                pass
        else:
            model.invoke(messages, **others)

    def _model(self, exchange: Exchange) -> Any:
        base = exchange.url.partition("?")[0]
        name = str(exchange.asked["model"])
        if (base, name) not in self._models:
            self._models[base, name] = self._made(base, name)
        return self._models[base, name]

    def _made(self, base: str, name: str) -> Any:
        if base.endswith("/messages"):
            asked: dict[str, Any] = {"model": name, "api_key": "k", "max_retries": 0}
            made: Any = ChatAnthropic(**asked)
            transport = self.answers.transport(http_of(anthropic.Anthropic))
            http = anthropic.DefaultHttpxClient(transport=transport)
            # Where the model keeps the client that it makes; there is no argument for it.
            made.__dict__["_client"] = anthropic.Anthropic(api_key="k", max_retries=0, http_client=http)
            return made
        end = "/responses" if base.endswith("/responses") else "/chat/completions"
        options: dict[str, Any] = {
            "model": name,
            "api_key": "k",
            "max_retries": 0,
            "base_url": base.removesuffix(end),
            "use_responses_api": end == "/responses",
            "http_client": openai.DefaultHttpxClient(transport=self.answers.transport(http_of(openai.OpenAI))),
        }
        return ChatOpenAI(**options)


def _method_under(model: Any) -> Any:
    """The client's method under a model, as a program without LangChain would call it."""
    if isinstance(model, ChatAnthropic):
        return Messages.create
    return Responses.create if model.use_responses_api else Completions.create


def messages_of(exchange: Exchange) -> list[BaseMessage] | None:
    """The conversation in LangChain's messages; None when they cannot say it."""
    asked = exchange.asked
    sent = asked.get("messages") or asked.get("input")
    if isinstance(sent, str):
        sent = [{"role": "user", "content": sent}]
    told: list[dict[str, Any]] = list(sent or [])
    if not told or not all(_is_message(one) for one in told):
        return None
    try:
        messages = convert_to_messages(told)
    except (ValueError, NotImplementedError, KeyError):
        return None
    system = asked.get("system") or asked.get("instructions")
    return [SystemMessage(system), *messages] if system else list(messages)


def _is_message(told: dict[str, Any]) -> bool:
    return bool(told.get("role")) and (told.get("content") is not None or bool(told.get("tool_calls")))
