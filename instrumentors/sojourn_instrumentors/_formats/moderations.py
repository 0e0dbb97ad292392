"""The moderations format of OpenAI: whether a text or picture breaks a rule, and which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._formats.responses import read_items
from sojourn_instrumentors._kit import as_dict, as_list, as_plain, as_text, message, text, uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation, Message

__all__ = ["read_parameters", "read_sent", "read_verdict"]


def read_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    gen.model = body.get("model")
    gen.name = f"moderation {gen.model}" if gen.model else "moderation"
    gen.kind = "guardrail"
    gen.others[semconv.GUARDRAIL_NAME] = "moderation"


def read_sent(body: Mapping[str, Any], gen: Generation) -> None:
    sent = body.get("input")
    words = as_text(sent)
    gen.inputs = [message("user", [text(words)])] if words else [_message(one) for one in as_list(sent)]


def read_verdict(reply: Any, gen: Generation) -> None:
    gen.response_id = getattr(reply, "id", None)
    gen.response_model = getattr(reply, "model", None)
    verdicts = [as_dict(as_plain(one)) for one in as_list(getattr(reply, "results", None))]
    flagged = {_plain_name(name) for one in verdicts for name, is_so in as_dict(one.get("categories")).items() if is_so}
    is_flagged = any(one.get("flagged") for one in verdicts)
    gen.others[semconv.MODERATION_FLAGGED] = is_flagged
    if verdicts:
        gen.others[semconv.GUARDRAIL_PASSED] = not is_flagged
        gen.others[semconv.GUARDRAIL_SCORE] = _highest(verdicts)
        gen.others[semconv.GUARDRAIL_REASON] = ", ".join(sorted(flagged)) or None
    gen.others[semconv.MODERATION_CATEGORIES] = sorted(flagged) or None
    if gen.wants_content:
        gen.asides[semconv.OUTPUT] = verdicts


def _highest(verdicts: list[dict[str, Any]]) -> float | None:
    """How sure the provider is of the category that it is surest of."""
    scores = [score for one in verdicts for score in as_dict(one.get("category_scores")).values()]
    return max((score for score in scores if isinstance(score, float)), default=None)


def _message(one: Any) -> Message:
    if words := as_text(one):
        return message("user", [text(words)])
    match one:
        case {"type": "image_url", "image_url": {"url": str(address)}}:
            return message("user", [uri("image", address)])
        case _:
            return read_items([{"role": "user", "content": [one]}])[0]


def _plain_name(name: str) -> str:
    """As the client writes it: a raw answer has `self-harm/intent`."""
    return name.replace("/", "_").replace("-", "_")
