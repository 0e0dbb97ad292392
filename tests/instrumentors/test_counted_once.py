"""LangChain over OpenAI: the framework's span bears the tokens, and the provider's facts are in it."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import openai
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

from tests.instrumentors.chat_models import chat_openai, fake_chat, said, step
from tests.instrumentors.provider import chunk, completion, pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.callbacks import CallbackManagerForLLMRun
    from langchain_core.messages import BaseMessage

    from tests.instrumentors.observed import Observed
    from tests.instrumentors.provider import Provider

ONE = (11, 7)


def ask(client: openai.OpenAI) -> str:
    return client.chat.completions.create(model="direct", messages=[]).choices[0].message.content or ""


# LangChain's own, about details of tokens that are null in what a provider sent.
@pytest.mark.filterwarnings("ignore:Unexpected type for token usage")
@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream", "batch", "abatch", "generate", "agenerate"])
async def test_every_way_of_asking_counts_once(how: str, observed: Observed, provider: Provider) -> None:
    provider.answers = [pieces("Ni", "ce") if "stream" in how else completion("Nice")]
    model = chat_openai(provider)
    match how:
        case "invoke":
            model.invoke("x")
        case "ainvoke":
            await model.ainvoke("x")
        case "stream":
            list(model.stream("x"))
        case "astream":
            assert [part async for part in model.astream("x")]
        case "batch":
            model.batch(["x", "y"])
        case "abatch":
            await model.abatch(["x", "y"])
        case "generate":
            model.generate([[HumanMessage("x")], [HumanMessage("y")]])
        case _:
            await model.agenerate([[HumanMessage("x")], [HumanMessage("y")]])

    count = 2 if how in ("batch", "abatch", "generate", "agenerate") else 1
    spans = observed.all()
    assert [seen.name for seen in spans] == ["chat m-1"] * count
    assert observed.usage() == (11 * count, 7 * count)
    for seen in spans:
        assert seen["server.address"] == "api.openai.com"
        assert seen["gen_ai.response.id"] == "chatcmpl-1"
        assert seen["gen_ai.usage.cache_read.input_tokens"] == 4
        assert seen["gen_ai.usage.reasoning.output_tokens"] == 3
        assert seen["openai.response.system_fingerprint"] == "fp"
        assert seen["gen_ai.output.messages"] == [
            {"role": "assistant", "parts": [{"type": "text", "content": "Nice"}], "finish_reason": "stop"}
        ]
        assert ("gen_ai.response.time_to_first_chunk" in seen.attributes) == ("stream" in how)


async def test_models_asked_at_once_do_not_take_each_others_facts(observed: Observed, provider: Provider) -> None:
    provider.answers = [completion(f"answer {number}") for number in range(4)]
    model = chat_openai(provider)
    replies = await asyncio.gather(*(model.ainvoke(f"question {number}") for number in range(4)))

    assert len({reply.text for reply in replies}) == 4
    assert len(observed.roots()) == 4
    assert observed.usage() == (44, 28)


def test_calls_of_the_client_inside_a_step_belong_to_that_step(observed: Observed, provider: Provider) -> None:
    client = provider.client()

    @tool
    def look(word: str) -> str:
        """Look."""
        return ask(client) + word

    chain = step(lambda _: ask(client)) | chat_openai(provider) | step(lambda x: look.invoke(x.text))
    chain.invoke("x", {"run_name": "all"})

    assert observed.one().outline() == [
        "all",
        ["RunnableLambda", "chat direct"],
        "chat m-1",
        ["RunnableLambda", ["execute_tool look", "chat direct"]],
    ]
    assert observed.usage() == (33, 21)


async def test_the_same_in_tasks_and_on_threads(observed: Observed, provider: Provider) -> None:
    client, async_client = provider.client(), provider.async_client()

    async def work(_: Any) -> None:
        await asyncio.gather(
            async_client.chat.completions.create(model="direct", messages=[]),
            asyncio.to_thread(ask, client),
        )

    await step(work).ainvoke("x")

    assert observed.one().outline() == ["work", "chat direct", "chat direct"]


def test_a_span_of_the_program_inside_a_step_stays_the_parent(observed: Observed, provider: Provider) -> None:
    client, tracer = provider.client(), observed.provider.get_tracer("host")

    def work(_: Any) -> str:
        with tracer.start_as_current_span("mine"):
            return ask(client)

    step(work).invoke("x")

    assert observed.named("mine").outline() == ["mine", "chat direct"]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_calls_made_while_a_stream_is_read_are_not_its_children(
    asynchronous: bool,
    observed: Observed,
    provider: Provider,
) -> None:
    """A generator shares the context of the code that consumes it."""
    provider.answers = [pieces("Ni", "ce"), completion("direct")]
    model = chat_openai(provider)
    if asynchronous:
        async for _ in model.astream("x"):
            await provider.async_client().chat.completions.create(model="direct", messages=[])
    else:
        for _ in model.stream("x"):
            ask(provider.client())

    roots = observed.roots()
    assert [root.outline() for root in roots] == ["chat m-1", *["chat direct"] * (len(roots) - 1)]
    assert len(roots) > 2
    assert observed.usage() == (11 * len(roots), 7 * len(roots))


def test_calls_after_a_model_are_not_its_children(observed: Observed, provider: Provider) -> None:
    chat_openai(provider).invoke("x")
    ask(provider.client())

    assert [root.outline() for root in observed.roots()] == ["chat m-1", "chat direct"]


def test_a_stream_that_is_left_keeps_the_providers_facts(observed: Observed, provider: Provider) -> None:
    provider.answers = [pieces("Ni", "ce")]
    stream: Any = chat_openai(provider).stream("x")
    for part in stream:
        if part.text:
            break
    stream.close()
    gc.collect()

    seen = observed.one()
    assert (seen.status, seen["sojourn.stream.abandoned"]) == ("unset", True)
    assert seen["gen_ai.response.model"] == "m-1-2026"
    assert seen["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Ni"}]


def test_an_error_of_the_provider_is_one_error(observed: Observed, provider: Provider) -> None:
    provider.answers = [(401, {"error": {"message": "who are you?"}})]
    with pytest.raises(openai.AuthenticationError):
        chat_openai(provider).invoke("x")

    seen = observed.one()
    assert (seen.name, seen.status, seen.events) == ("chat m-1", "error", ("exception",))
    assert seen["server.address"] == "api.openai.com"


def test_tools_of_a_model_are_told_with_its_calls(observed: Observed, provider: Provider) -> None:
    called = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
    provider.answers = [completion("", content=None, tool_calls=[called])]

    @tool
    def add(a: int) -> int:
        """Add."""
        return a

    chat_openai(provider).bind_tools([add]).invoke("x")

    seen = observed.named("chat m-1")
    assert seen["gen_ai.tool.definitions"] == [{"type": "function", "name": "add"}]
    assert seen["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "name": "add", "arguments": {"a": 1}, "id": "c1"}],
            "finish_reason": "tool_call",
        }
    ]


def test_an_answer_from_the_cache_used_no_tokens(observed: Observed, provider: Provider) -> None:
    model = chat_openai(provider, cache=InMemoryCache())
    model.invoke("x")
    model.invoke("x")

    assert len(provider.requests) == 1
    assert [seen.name for seen in observed.all()] == ["chat m-1"] * 2
    assert observed.usage() == ONE


class Router(BaseChatModel):
    """A model made of another model, or of calls of a client, as programs write them."""

    inner: Any

    @property
    def _llm_type(self) -> str:
        return "router"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = self.inner(messages)
        return ChatResult(generations=[ChatGeneration(message=reply)])


def router(inner: Callable[[Any], Any]) -> Any:
    return Router(inner=inner)


def test_a_model_made_of_a_model_leaves_the_tokens_to_the_inner_one(observed: Observed, provider: Provider) -> None:
    inner = chat_openai(provider)
    router(lambda messages: said(inner.invoke(messages).text)).invoke("x")

    assert observed.one().outline() == ["chat", "chat m-1"]
    assert observed.usage() == ONE


def test_a_model_over_a_model_without_tokens_keeps_its_own(observed: Observed) -> None:
    inner = fake_chat(said("Ni").model_copy(update={"usage_metadata": None}))
    router(lambda messages: said(inner.invoke(messages).text)).invoke("x")

    assert observed.one().outline() == ["chat", "chat"]
    assert observed.usage() == ONE


def test_a_second_call_of_the_client_under_one_model_is_a_child(observed: Observed, provider: Provider) -> None:
    client = provider.client()
    router(lambda _: said(ask(client) + ask(client))).invoke("x")

    assert observed.one().outline() == ["chat direct", "chat direct"]
    assert observed.usage() == (22, 14)


def test_a_stream_without_usage_has_none(observed: Observed, provider: Provider) -> None:
    provider.answers = [[chunk({"content": "Ni"}), chunk({}, reason="stop")]]
    list(chat_openai(provider, stream_usage=False).stream("x"))

    assert "gen_ai.usage.input_tokens" not in observed.one().attributes


def test_a_second_call_after_one_that_failed_bears_the_tokens_alone(observed: Observed, provider: Provider) -> None:
    """The framework tells the same tokens once more, as its own."""
    provider.answers = [(500, {"error": {"message": "no"}}), completion()]
    client = provider.client()

    def twice(_: Any) -> Any:
        with pytest.raises(openai.APIError):
            ask(client)
        return said(ask(client))

    router(twice).invoke("x")

    assert observed.one().outline() == ["chat direct", "chat direct"]
    assert observed.usage() == ONE


@pytest.mark.parametrize("first", [True, False])
def test_a_model_over_a_model_that_also_asks_by_itself_counts_both(
    first: bool,
    observed: Observed,
    provider: Provider,
) -> None:
    client, inner = provider.client(), chat_openai(provider)

    def both(messages: Any) -> Any:
        before = ask(client) if first else ""
        return said(before + inner.invoke(messages).text + ("" if first else ask(client)))

    router(both).invoke("x")

    assert observed.one().outline() == ["chat direct", "chat m-1"]
    assert observed.usage() == (22, 14)
