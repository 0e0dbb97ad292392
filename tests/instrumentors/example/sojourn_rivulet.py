"""Rivulet: chat, whole and streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn_instrumentors._kit import Instrumentor, Operation, Patch, message, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation


def _request(call: Mapping[str, Any], gen: Generation) -> None:
    gen.provider = "rivulet"
    gen.model = call.get("model")
    gen.stream = True if call.get("stream") else None


def _content(call: Mapping[str, Any], gen: Generation) -> None:
    gen.inputs = [message("user", [text(str(call.get("prompt", "")))])]


def _response(reply: Any, gen: Generation) -> None:
    _usage(reply, gen)
    if gen.wants_content:
        gen.outputs = [message("assistant", [text(reply.text)])]


def _chunk(part: Any, gen: Generation) -> None:
    _usage(part, gen)
    if gen.wants_content:
        gen.draft(0).texts.append(part.text)


def _usage(reply: Any, gen: Generation) -> None:
    gen.response_model = reply.model
    if reply.given is not None:
        gen.input_tokens, gen.output_tokens = reply.taken, reply.given


_CHAT = Operation("chat", request=_request, content=_content, response=_response, chunk=_chunk)

INSTRUMENTOR = Instrumentor(
    library="rivulet",
    requires="rivulet >= 1.0",
    hooks=(Patch("rivulet:Rivulet.chat", lambda _: _CHAT, iterator="_parts", transports=("response",)),),
    surfaces="chat",
)
