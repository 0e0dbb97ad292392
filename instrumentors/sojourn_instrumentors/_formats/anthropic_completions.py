"""Anthropic's text completions, from before messages: a prompt in, a text out, and no word of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._formats.anthropic_messages import read_parameters as read_message_parameters
from sojourn_instrumentors._formats.finish import finish
from sojourn_instrumentors._kit import as_text, message, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation

__all__ = ["read_chunk", "read_completion", "read_parameters", "read_sent"]


def read_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    read_message_parameters(body, gen)
    limit = body.get("max_tokens_to_sample")
    gen.max_tokens = limit if isinstance(limit, int) else None


def read_sent(body: Mapping[str, Any], gen: Generation) -> None:
    words = as_text(body.get("prompt"))
    gen.inputs = [message("user", [text(words)])] if words else None


def read_completion(reply: Any, gen: Generation) -> None:
    """A whole answer."""
    finish = _read_head(reply, gen)
    gen.finish_reasons = [finish] if finish else None
    if gen.wants_content:
        said = as_text(getattr(reply, "completion", None)) or ""
        gen.outputs = [message("assistant", [text(said)], finish_reason=finish)]


def read_chunk(part: Any, gen: Generation) -> None:
    """One event of a streamed answer."""
    if getattr(part, "type", None) != "completion":
        return
    draft = gen.draft(0)
    draft.finish_reason = _read_head(part, gen) or draft.finish_reason
    if gen.wants_content and part.completion:
        draft.texts.append(part.completion)


def _read_head(reply: Any, gen: Generation) -> str | None:
    gen.response_id = as_text(getattr(reply, "id", None)) or gen.response_id
    gen.response_model = as_text(getattr(reply, "model", None)) or gen.response_model
    reason = as_text(getattr(reply, "stop_reason", None))
    if reason is None:
        return None
    gen.others[semconv.ANTHROPIC_STOP_REASON] = reason
    return finish(reason)
