"""The story by AgentMark's client. It prints the session's id."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any
from uuid import uuid4

# Not by name: only the environment of the judge has it.
agentmark: Any = import_module("agentmark_sdk")

SESSION = str(uuid4())
sdk = agentmark.AgentMarkSDK(api_key="none", app_id="app", base_url=sys.argv[1])
provider = sdk.init_tracing(disable_batch=True)


def _find(order: int) -> dict[str, Any]:
    """A tool that works."""
    return {"order": order, "status": "shipped"}


def _carrier() -> None:
    """A tool that fails."""
    raise TimeoutError("no answer")


find: Any = agentmark.observe(kind=agentmark.SpanKind.TOOL)(_find)
carrier: Any = agentmark.observe(kind=agentmark.SpanKind.TOOL)(_carrier)


async def call(context: Any, tokens: tuple[int, int], **more: float) -> None:
    """A call of a model."""
    async with context.span("chat") as inner:
        for key, value in {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": tokens[0],
            "gen_ai.usage.output_tokens": tokens[1],
            **more,
        }.items():
            inner.set_attribute(key, value)


async def main() -> None:
    """Both turns."""
    told = {"session_id": SESSION, "session_name": "Order 4812", "user_id": "ada"}
    async with agentmark.span_context(agentmark.SpanOptions(name="first turn", **told)) as first:
        first.set_attribute("agentmark.tags", ["refund", "vip"])
        await call(first, (1200, 80), **{"agentmark.usage.cost_usd": 0.001234})
        find(4812)
        with suppress(TimeoutError):
            carrier()
    async with agentmark.span_context(agentmark.SpanOptions(name="second turn", **told)) as second:
        await call(second, (1000, 100))
    provider.force_flush()


asyncio.run(main())
print(json.dumps({"session": SESSION}))
