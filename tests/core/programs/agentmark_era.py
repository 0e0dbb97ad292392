"""A program as AgentMark documents it, with the import line changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sojourn import (
    AgentMarkGroupingProcessor,
    AgentMarkSDK,
    SpanKind,
    SpanOptions,
    create_pii_masker,
    observe,
    span,
    span_context,
    span_context_sync,
    with_agentmark,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

sdk = AgentMarkSDK(api_key="sk_agentmark_x", app_id="app", mask=create_pii_masker(email=True, phone=True))
provider = sdk.init_tracing(disable_batch=True)
provider.get_tracer("own").start_span("by the provider").end()


@observe(name="find", kind=SpanKind.TOOL)
def find(query: str) -> list[str]:
    """A tool."""
    return [query]


@observe(kind=SpanKind.LLM, capture_input=False, process_outputs=lambda output: f"<{output}>")
async def ask(question: str) -> str:
    """A model call, its input left out."""
    return question.upper()


@observe
async def stream(text: str) -> AsyncIterator[str]:
    """A generator's span lasts until it is read to its end."""
    for letter in text:
        yield letter


async def handle(name: str) -> str:
    """What a span is put around."""
    find(name)
    return await ask(f"write to {name}")


async def main() -> None:
    """Every form of a span."""
    options = SpanOptions(
        name="turn",
        metadata={"step": 1},
        session_id="chat-1",
        session_name="A chat",
        user_id="ada",
        prompt_name="greet",
        dataset_run_id="run-1",
        dataset_item_name="0",
        dataset_expected_output="HI",
    )
    result = await span(options, handle, "ada@example.org")
    assert result.result == "WRITE TO ADA@EXAMPLE.ORG"
    assert len(result.trace_id) == 32
    assert (await span("plain", handle, name="x")).result == "WRITE TO X"
    async with span_context(SpanOptions(name="block", session_id="chat-1")) as context:
        context.set_attribute("n", 1)
        context.set_input({"question": "mail ada@example.org"})
        context.set_output({"answer": "done"})
        context.add_event("happened", {"n": 1})
        async with context.span("inner", {"k": "v"}) as inner:
            assert inner.trace_id == context.trace_id
            assert inner.span_id != context.span_id
    with with_agentmark(session_id="chat-2", user_id="bob", tags=["a"], metadata={"plan": {"pro": True}, "none": None}):
        with with_agentmark(user_id="eve", trace_name="named"), span_context_sync("grouped"):
            pass
        assert [letter async for letter in stream("abc")] == ["a", "b", "c"]


asyncio.run(main())
own: Any = provider
own.add_span_processor(AgentMarkGroupingProcessor())
provider.force_flush()
