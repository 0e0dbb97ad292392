"""Chat models for the tests of LangChain: one over a recorded provider, one that needs none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI

from tests.instrumentors.provider import transport_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrumentors.provider import Provider


class FakeChat(GenericFakeChatModel):
    """LangChain's own fake, which also says that it can use tools."""

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        return self


def fake_chat(*answers: AIMessage | str) -> FakeChat:
    return FakeChat(messages=iter([answer if isinstance(answer, AIMessage) else said(answer) for answer in answers]))


def said(text: str, **fields: Any) -> AIMessage:
    """An answer that tells its tokens, as providers' integrations do."""
    used = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
    return AIMessage(text, usage_metadata=used, **fields)


def chat_openai(provider: Provider, **options: Any) -> Any:
    client, async_client = provider.client(), provider.async_client()
    asked: dict[str, Any] = {
        "model": "m-1",
        "api_key": "k",
        "max_retries": 0,
        "http_client": transport_of(client),
        "http_async_client": transport_of(async_client),
        "stream_usage": True,
        **options,
    }
    return ChatOpenAI(**asked)


def step(work: Callable[[Any], Any]) -> Any:
    """A runnable of unknown types, as programs without annotations have it."""
    return cast("Any", RunnableLambda(work))
