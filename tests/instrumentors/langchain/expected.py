"""Spans as a test writes them down, to be compared with the whole of what was recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.instrumentors.observed import Seen

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["chain", "chat", "decided", "fixed", "messages", "text"]

_TIMES = "gen_ai.response.time_to_first_chunk"


def text(value: Any) -> str:
    """A value as content is rendered."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def messages(*said: tuple[str, str]) -> list[dict[str, Any]]:
    """Messages of text, each of a role and its words."""
    return [{"role": role, "parts": [{"type": "text", "content": words}]} for role, words in said]


def chain(name: str, taken: Any, given: Any, *children: Seen, **others: Any) -> Seen:
    """A run without a word of its own in the conventions, that ended well."""
    attributes = {"sojourn.kind": "chain", **others}
    for key, value in (("sojourn.input", taken), ("sojourn.output", given)):
        if value is not None:
            attributes[key] = value if isinstance(value, str) else text(value)
    return Seen(name, "internal", "unset", attributes, children=children)


def decided(kind: str, made: str, **others: Any) -> Seen:
    """Something that was decided; `others` are named as the attributes end."""
    told = {f"sojourn.decision.{name}": value for name, value in {"kind": kind, "made": made, **others}.items()}
    return Seen(f"decision {kind}", "internal", "unset", {"sojourn.kind": "decision", **told})


def chat(
    asked: str, answered: str, others: dict[str, Any] | None = None, *, usage: bool = True, streamed: bool = False
) -> Seen:
    """A call of LangChain's fake model."""
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "fake",
        "gen_ai.input.messages": text(messages(("user", asked))),
        "gen_ai.output.messages": text(messages(("assistant", answered))),
        **(others or {}),
    }
    if usage:
        attributes |= {"gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 7}
    if streamed:
        attributes |= {"gen_ai.request.stream": True, _TIMES: "some time"}
    return Seen("chat", "client", "unset", attributes)


def fixed(spans: Sequence[Seen]) -> list[Seen]:
    """The spans with what is different each time, the time to the first chunk, replaced by words."""
    return [
        replace(
            span,
            attributes={key: "some time" if key == _TIMES else value for key, value in span.attributes.items()},
            children=tuple(fixed(span.children)),
        )
        for span in spans
    ]
