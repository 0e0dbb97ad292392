"""The completions format of OpenAI, from before chats: a text in, texts out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._formats.chat_completions import read_head, read_parameters
from sojourn_instrumentors._kit import as_list, as_text, message, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation, Message

__all__ = ["read_chunk", "read_completion", "read_parameters", "read_sent"]


def read_sent(body: Mapping[str, Any], gen: Generation) -> None:
    """A message for each prompt; tokens are only counted."""
    prompt = body.get("prompt")
    if words := as_text(prompt):
        gen.inputs = [message("user", [text(words)])]
    else:
        found = as_list(prompt)
        if found and isinstance(found[0], int):
            found = [found]
        gen.inputs = [_prompt(one) for one in found]


def read_completion(reply: Any, gen: Generation) -> None:
    """A whole answer."""
    choices = as_list(getattr(reply, "choices", None))
    read_head(reply, gen)
    gen.finish_reasons = [choice.finish_reason for choice in choices if choice.finish_reason] or None
    if any(getattr(choice, "logprobs", None) for choice in choices):
        gen.others[semconv.LOGPROBS] = True
    if gen.wants_content and choices:
        gen.outputs = [
            message("assistant", [text(choice.text or "")], finish_reason=choice.finish_reason) for choice in choices
        ]


def read_chunk(part: Any, gen: Generation) -> None:
    """One piece of a streamed answer."""
    if gen.response_id is None or getattr(part, "usage", None) is not None:
        read_head(part, gen)
    for choice in part.choices or ():
        draft = gen.draft(choice.index or 0)
        if choice.finish_reason:
            draft.finish_reason = choice.finish_reason
        if gen.wants_content and choice.text:
            draft.texts.append(choice.text)


def _prompt(one: Any) -> Message:
    words = as_text(one)
    return message("user", [text(words if words is not None else f"[{len(as_list(one))} tokens]")])
