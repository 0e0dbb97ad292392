"""The embeddings format of OpenAI. The vectors themselves are never recorded, only how long they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._kit import as_list, as_text, message, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation, Message

__all__ = ["read_embeddings", "read_parameters", "read_sent"]


def read_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    gen.model = body.get("model")
    if form := as_text(body.get("encoding_format")):
        gen.others[semconv.REQUEST_ENCODING_FORMATS] = [form]
    if (dimensions := body.get("dimensions")) is not None:
        gen.others[semconv.EMBEDDINGS_DIMENSIONS] = dimensions


def read_sent(body: Mapping[str, Any], gen: Generation) -> None:
    """A message for each text; tokens are only counted."""
    sent = body.get("input")
    if words := as_text(sent):
        gen.inputs = [message("user", [text(words)])]
        return
    found = as_list(sent)
    if found and not isinstance(found[0], str | list | tuple):
        found = [found]
    gen.inputs = [_text(one) for one in found]


def read_embeddings(reply: Any, gen: Generation) -> None:
    gen.response_model = getattr(reply, "model", None)
    usage = getattr(reply, "usage", None)
    gen.input_tokens = getattr(usage, "prompt_tokens", None)
    data = getattr(reply, "data", None)
    if data:
        length = _length(getattr(data[0], "embedding", None))
        if length:
            gen.others[semconv.EMBEDDINGS_DIMENSIONS] = length


def _text(one: Any) -> Message:
    words = as_text(one)
    return message("user", [text(words if words is not None else f"[{len(as_list(one))} tokens]")])


def _length(vector: Any) -> int | None:
    if isinstance(vector, str):
        # Base64 of numbers of four bytes each.
        return (len(vector) * 3 // 4 - vector.count("=", -2)) // 4
    return len(vector) if vector is not None else None
