"""The images format of OpenAI: made from words, changed, varied; whole or as it takes shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn_instrumentors._formats.responses import read_usage
from sojourn_instrumentors._kit import as_list, as_text, blob, message, text, uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation, Part

__all__ = ["read_chunk", "read_images", "read_parameters", "read_sent"]


def read_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    gen.model = body.get("model")
    gen.output_type = "image"
    choices = body.get("n")
    gen.choice_count = None if choices == 1 else choices


def read_sent(body: Mapping[str, Any], gen: Generation) -> None:
    words = as_text(body.get("prompt"))
    gen.inputs = [message("user", [text(words)] if words else [])]


def read_images(reply: Any, gen: Generation) -> None:
    """All pictures of an answer."""
    read_usage(getattr(reply, "usage", None), gen)
    if gen.wants_content:
        kind = getattr(reply, "output_format", None)
        parts = [part for one in as_list(getattr(reply, "data", None)) for part in _parts(one, kind)]
        gen.outputs = [message("assistant", parts)] if parts else None


def read_chunk(part: Any, gen: Generation) -> None:
    """One event; those on the way there bring pictures that are not finished."""
    if part.type.endswith(".completed"):
        read_usage(getattr(part, "usage", None), gen)
        if gen.wants_content:
            done = gen.outputs or [message("assistant", [])]
            done[0]["parts"].extend(_parts(part, getattr(part, "output_format", None)))
            gen.outputs = done


def _parts(picture: Any, kind: str | None) -> list[Part]:
    parts: list[Part] = []
    if words := as_text(getattr(picture, "revised_prompt", None)):
        parts.append(text(words))
    if data := as_text(getattr(picture, "b64_json", None)):
        parts.append(blob("image", data, f"image/{kind or 'png'}"))
    if address := as_text(getattr(picture, "url", None)):
        parts.append(uri("image", address))
    return parts
