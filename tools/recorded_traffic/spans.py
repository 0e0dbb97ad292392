"""What a span says, as the cells of the table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tools.recorded_traffic.facts import Facts

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["one_line", "told_by"]

_TOOL_PARTS = ("tool_call", "server_tool_call")


def told_by(span: ReadableSpan) -> Facts:
    """Read a span the way a reader of OpenTelemetry's conventions does."""
    said: dict[str, Any] = dict(span.attributes or {})
    sent: list[dict[str, Any]] | None = _json(said.get("gen_ai.input.messages"))
    parts = [part for message in _json(said.get("gen_ai.output.messages")) or () for part in message["parts"]]
    error = said.get("error.type")
    reasons = said.get("gen_ai.response.finish_reasons")
    usage = "gen_ai.usage."
    return Facts(
        operation=said.get("gen_ai.operation.name"),
        provider=said.get("gen_ai.provider.name"),
        model=said.get("gen_ai.request.model"),
        streamed=said.get("gen_ai.request.stream"),
        temperature=said.get("gen_ai.request.temperature"),
        top_p=said.get("gen_ai.request.top_p"),
        max_tokens=said.get("gen_ai.request.max_tokens"),
        messages=None if sent is None else len(sent),
        response_model=said.get("gen_ai.response.model"),
        response_id=said.get("gen_ai.response.id"),
        finish_reasons=None if reasons is None else tuple(reasons),
        input_tokens=said.get(usage + "input_tokens"),
        output_tokens=said.get(usage + "output_tokens"),
        cache_read_tokens=said.get(usage + "cache_read.input_tokens"),
        cache_write_tokens=said.get(usage + "cache_write.input_tokens"),
        reasoning_tokens=said.get(usage + "reasoning.output_tokens"),
        audio_input_tokens=said.get(usage + "audio.input_tokens"),
        audio_output_tokens=said.get(usage + "audio.output_tokens"),
        tools=tuple(part["name"] for part in parts if part["type"] in _TOOL_PARTS) or None,
        text=_words(parts, "text"),
        reasoning=one_line(_words(parts, "reasoning")),
        refusal=_words(parts, "refusal"),
        dimensions=said.get("gen_ai.embeddings.dimension.count"),
        error=None if error is None else str(error).rpartition(".")[2],
    )


def one_line(words: str | None) -> str | None:
    """Thoughts that come in pieces are told one below the other by some and in one by others."""
    return None if words is None else words.replace("\n", "")


def _words(parts: list[dict[str, Any]], kind: str) -> str | None:
    # What is no text stands in the table as what it is.
    return "".join(str(part.get("content") or "") for part in parts if part["type"] == kind) or None


def _json(text: Any) -> Any:
    return None if text is None else json.loads(text)
