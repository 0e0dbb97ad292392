"""The floor: spans written by hand around the same calls, with the attributes that ours have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind, set_span_in_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from uuid import UUID

    from opentelemetry.trace import Span, Tracer

__all__ = ["ByHand"]


class ByHand:
    """What a careful person writes who knows the program, needs no generality and makes no mistake."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def chat(self, create: Callable[..., Any]) -> Callable[..., Any]:
        def call(**asked: Any) -> Any:
            with self._tracer.start_as_current_span(
                f"chat {asked['model']}", kind=SpanKind.CLIENT, attributes=_asked(asked)
            ) as span:
                span.set_attribute("gen_ai.input.messages", _sent(asked["messages"]))
                reply = create(**asked)
                span.set_attributes(_answered(reply))
                return reply

        return call

    def awaited(self, create: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(**asked: Any) -> Any:
            with self._tracer.start_as_current_span(
                f"chat {asked['model']}", kind=SpanKind.CLIENT, attributes=_asked(asked)
            ) as span:
                span.set_attribute("gen_ai.input.messages", _sent(asked["messages"]))
                reply = await create(**asked)
                span.set_attributes(_answered(reply))
                return reply

        return call

    def streamed(self, create: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        def call(**asked: Any) -> Iterator[Any]:
            words: list[str] = []
            reason = usage = chunk = None
            with self._tracer.start_as_current_span(
                f"chat {asked['model']}",
                kind=SpanKind.CLIENT,
                attributes={**_asked(asked), "gen_ai.request.stream": True},
            ) as span:
                span.set_attribute("gen_ai.input.messages", _sent(asked["messages"]))
                for chunk in create(**asked):
                    for choice in chunk.choices:
                        if choice.delta.content:
                            words.append(choice.delta.content)
                        reason = choice.finish_reason or reason
                    usage = chunk.usage or usage
                    yield chunk
                assert chunk is not None
                span.set_attributes(
                    {
                        **_head(chunk),
                        "gen_ai.response.time_to_first_chunk": 0.1,
                        "gen_ai.response.finish_reasons": [str(reason)],
                        **_used(usage),
                        "gen_ai.output.messages": _said("".join(words), str(reason)),
                    }
                )

        return call

    def embeddings(self, create: Callable[..., Any]) -> Callable[..., Any]:
        def call(**asked: Any) -> Any:
            attributes = {
                "gen_ai.operation.name": "embeddings",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": asked["model"],
                "gen_ai.request.encoding_formats": [asked["encoding_format"]],
                "server.address": "api.openai.com",
                "server.port": 443,
            }
            with self._tracer.start_as_current_span(
                f"embeddings {asked['model']}", kind=SpanKind.CLIENT, attributes=attributes
            ) as span:
                span.set_attribute("gen_ai.input.messages", _sent([{"role": "user", "content": asked["input"]}]))
                reply = create(**asked)
                span.set_attributes(
                    {
                        "gen_ai.response.model": reply.model,
                        "gen_ai.usage.input_tokens": reply.usage.prompt_tokens,
                        "gen_ai.embeddings.dimension.count": len(reply.data[0].embedding),
                    }
                )
                return reply

        return call

    def callbacks(self) -> list[Any]:
        from langchain_core.callbacks import BaseCallbackHandler

        return [type("ByHandCallbacks", (_Callbacks, BaseCallbackHandler), {})(self._tracer)]


class _Callbacks:
    """The same for LangChain, as its documentation tells one to."""

    run_inline = True

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._open: dict[UUID, Span] = {}

    def on_chain_start(
        self, _: Any, inputs: Any, *, run_id: UUID, parent_run_id: UUID | None = None, name: str = "chain", **__: Any
    ) -> None:
        span = self._start(name, SpanKind.INTERNAL, {"sojourn.kind": "chain"}, run_id, parent_run_id)
        span.set_attribute("sojourn.input", _json(_plain(inputs)))

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        span = self._open.pop(run_id)
        span.set_attribute("sojourn.output", _json(_plain(outputs)))
        span.end()

    def on_chat_model_start(
        self,
        _: Any,
        messages: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        invocation_params: Any,
        **__: Any,
    ) -> None:
        model = invocation_params["model"]
        span = self._start(f"chat {model}", SpanKind.CLIENT, _asked({"model": model}), run_id, parent_run_id)
        span.set_attribute("gen_ai.input.messages", _json([_plain(one) for one in messages[0]]))

    def on_llm_end(self, result: Any, *, run_id: UUID, **_: Any) -> None:
        span = self._open.pop(run_id)
        said = result.generations[0][0].message
        about, used = said.response_metadata, said.usage_metadata
        span.set_attributes(
            {
                "gen_ai.response.model": about["model_name"],
                "gen_ai.response.id": about["id"],
                "gen_ai.response.finish_reasons": [about["finish_reason"]],
                "openai.response.service_tier": about["service_tier"],
                "openai.response.system_fingerprint": about["system_fingerprint"],
                "gen_ai.usage.input_tokens": used["input_tokens"],
                "gen_ai.usage.output_tokens": used["output_tokens"],
                "gen_ai.usage.cache_read.input_tokens": used["input_token_details"]["cache_read"],
                "gen_ai.usage.audio.input_tokens": used["input_token_details"]["audio"],
                "gen_ai.usage.audio.output_tokens": used["output_token_details"]["audio"],
                "gen_ai.usage.reasoning.output_tokens": used["output_token_details"]["reasoning"],
                "gen_ai.output.messages": _said(said.content, about["finish_reason"]),
            }
        )
        span.end()

    def _start(
        self, name: str, kind: SpanKind, attributes: dict[str, Any], run_id: UUID, parent_run_id: UUID | None
    ) -> Span:
        parent = None if parent_run_id is None else set_span_in_context(self._open[parent_run_id])
        span = self._open[run_id] = self._tracer.start_span(name, parent, kind, attributes)
        return span


def _asked(asked: dict[str, Any]) -> dict[str, Any]:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": asked["model"],
        "openai.api.type": "chat_completions",
        "server.address": "api.openai.com",
        "server.port": 443,
    }
    if "temperature" in asked:
        attributes["gen_ai.request.temperature"] = asked["temperature"]
    return attributes


def _answered(reply: Any) -> dict[str, Any]:
    choice = reply.choices[0]
    return {
        **_head(reply),
        "gen_ai.response.finish_reasons": [choice.finish_reason],
        **_used(reply.usage),
        "gen_ai.output.messages": _said(choice.message.content, choice.finish_reason),
    }


def _head(reply: Any) -> dict[str, Any]:
    return {
        "gen_ai.response.model": reply.model,
        "gen_ai.response.id": reply.id,
        "openai.response.service_tier": reply.service_tier,
        "openai.response.system_fingerprint": reply.system_fingerprint,
    }


def _used(usage: Any) -> dict[str, Any]:
    taken, given = usage.prompt_tokens_details, usage.completion_tokens_details
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": taken.cached_tokens,
        "gen_ai.usage.audio.input_tokens": taken.audio_tokens,
        "gen_ai.usage.reasoning.output_tokens": given.reasoning_tokens,
        "gen_ai.usage.audio.output_tokens": given.audio_tokens,
    }


def _sent(messages: list[dict[str, Any]]) -> str:
    return _json([{"role": one["role"], "parts": [{"type": "text", "content": one["content"]}]} for one in messages])


def _said(words: str, reason: str) -> str:
    return _json([{"role": "assistant", "parts": [{"type": "text", "content": words}], "finish_reason": reason}])


def _plain(value: Any) -> Any:
    if hasattr(value, "to_messages"):
        return [_plain(one) for one in value.to_messages()]
    if hasattr(value, "response_metadata"):
        role = {"human": "user", "ai": "assistant"}[value.type]
        return {"role": role, "parts": [{"type": "text", "content": value.content}]}
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
