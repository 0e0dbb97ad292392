"""The messages format of Anthropic: what is asked for and what comes back, whole and streamed.

Requests are dicts, in which programs put the client's own models as well, such as the content of the last answer.
Answers are read by attribute: they are the client's models, or `Fields` of a raw body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._formats.anthropic_blocks import plain, read_block, read_blocks, read_tool
from sojourn_instrumentors._formats.finish import finish
from sojourn_instrumentors._kit import Piece, as_fields, as_list, as_text, message, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Draft, Generation, Message

__all__ = ["read_chunk", "read_counted", "read_headers", "read_messages", "read_parameters", "read_reply"]

_WORDS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
    "compaction_delta": "content",
}
"""Where the pieces of a streamed block keep their words."""

_NUMBERS = ("max_tokens", "temperature", "top_p", "top_k")
_WISHES = ("output_config", "output_format", "service_tier", "stop_sequences", "thinking", "thread")
_COUNTS = (
    ("cache_read_input_tokens", "cache_read_tokens"),
    ("cache_creation_input_tokens", "cache_write_tokens"),
    ("output_tokens", "output_tokens"),
)
_BESIDE = (
    ("cache_creation", "ephemeral_5m_input_tokens", semconv.ANTHROPIC_CACHE_WRITE_5M),
    ("cache_creation", "ephemeral_1h_input_tokens", semconv.ANTHROPIC_CACHE_WRITE_1H),
    ("server_tool_use", "web_search_requests", semconv.ANTHROPIC_WEB_SEARCHES),
    ("server_tool_use", "web_fetch_requests", semconv.ANTHROPIC_WEB_FETCHES),
)


def read_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    """The request's parameters, only as the caller set them; what it omits may stand there as a marker."""
    model = body.get("model")
    gen.model = model if isinstance(model, str) else None
    for name in _NUMBERS:
        value = body.get(name)
        if isinstance(value, int | float):
            setattr(gen, name, value)
    for name in _WISHES:
        value = body.get(name)
        if isinstance(value, dict | list | str):
            _read_wish(name, value, gen)


def _read_wish(name: str, value: Any, gen: Generation) -> None:
    """What few calls ask for."""
    told = as_fields(value)
    match name:
        case "stop_sequences":
            gen.stop_sequences = list(as_list(value)) or None
        case "thread":
            # The provider keeps the conversation, and the request holds what is new in it.
            gen.others[semconv.REQUEST_PREVIOUS_RESPONSE] = as_text(told.get("previous_message_id"))
        case "service_tier":
            gen.others[semconv.ANTHROPIC_REQUEST_SERVICE_TIER] = as_text(value)
        case "thinking":
            gen.others[semconv.ANTHROPIC_THINKING_TYPE] = as_text(told.get("type"))
            gen.others[semconv.ANTHROPIC_THINKING_BUDGET] = _count(told.get("budget_tokens"))
        case _:
            gen.reasoning_level = as_text(told.get("effort")) or gen.reasoning_level
            if "json_schema" in (told.get("type"), _type(told.get("format"))):
                gen.output_type = "json"


def read_messages(body: Mapping[str, Any], gen: Generation) -> None:
    """The conversation that is sent, what stands apart from it, and the names of the tools on offer."""
    gen.inputs = [_sent(one) for one in as_list(body.get("messages"))]
    gen.system_instructions = read_blocks(body.get("system"))
    tools = [read_tool(one) for one in as_list(body.get("tools"))]
    if "mcp_servers" in body:
        tools += [{"type": "mcp", "name": as_fields(one).get("name")} for one in as_list(body["mcp_servers"])]
    gen.tools = tools


def read_reply(reply: Any, gen: Generation) -> None:
    """A whole answer."""
    # Absent fields of the client's models are dear, and there are many.
    told = as_fields(reply)
    _read_head(told, gen)
    if found := as_text(getattr(reply, "_request_id", None)):
        gen.others[semconv.ANTHROPIC_REQUEST_ID] = found
    finish = _read_stop(told, gen)
    gen.finish_reasons = None if finish is None else [finish]
    if gen.wants_content and (content := told.get("content")) is not None:
        parts = [read_block(as_fields(block)) for block in as_list(content)]
        if said := _inner(told, "stop_details", "explanation"):
            parts.append(refusal(said))
        gen.outputs = [message(as_text(told.get("role")) or "assistant", parts, finish_reason=finish)]


def read_chunk(part: Any, gen: Generation) -> None:
    """One event of a streamed answer."""
    kind = part.type
    if kind == "content_block_delta":
        if gen.wants_content:
            _read_delta(part, gen)
    elif kind == "content_block_start":
        if gen.wants_content:
            gen.draft(0).pieces[part.index] = _piece(as_fields(part.content_block))
    elif kind == "message_start":
        _read_head(as_fields(part.message), gen)
    elif kind == "message_delta":
        _read_end(part, gen)


def read_counted(reply: Any, gen: Generation) -> None:
    """How long a prompt is; it is not sent to a model, and costs nothing."""
    gen.others[semconv.COUNTED_TOKENS] = _count(getattr(reply, "input_tokens", None))


def read_headers(headers: Mapping[str, str], gen: Generation) -> None:
    """What the provider says beside the answer: the id by which it finds a request again."""
    if found := headers.get("request-id") or headers.get("x-amzn-requestid"):
        gen.others[semconv.ANTHROPIC_REQUEST_ID] = found


def _read_delta(part: Any, gen: Generation) -> None:
    delta = part.delta
    piece = gen.draft(0).pieces.get(part.index)
    if piece is None:
        return
    where = _WORDS.get(delta.type)
    if where is not None:
        words = getattr(delta, where)
        if words:
            piece.words.append(words)
    elif delta.type == "citations_delta":
        piece.part.setdefault("citations", []).append(plain(delta.citation))


def _piece(block: Mapping[str, Any]) -> Piece:
    """A block that begins; its start may hold words already."""
    part = read_block(block)
    match part["type"]:
        case "tool_call":
            return Piece(part, part, "arguments")
        case "server_tool_call":
            return Piece(part, part["server_tool_call"], "arguments")
        case _:
            said = as_text(part.get("content"))
            return Piece(part, part, "content", [said] if said else [])


def _read_end(part: Any, gen: Generation) -> None:
    """The event that tells why the answer ended, and the final counts."""
    told = as_fields(part.delta)
    draft: Draft = gen.draft(0)
    draft.finish_reason = _read_stop(told, gen) or draft.finish_reason
    if gen.wants_content and (said := _inner(told, "stop_details", "explanation")):
        draft.refusals.append(said)
    _read_usage(getattr(part, "usage", None), gen)


def _read_head(told: Mapping[str, Any], gen: Generation) -> None:
    gen.response_id = as_text(told.get("id")) or gen.response_id
    gen.response_model = as_text(told.get("model")) or gen.response_model
    _read_usage(told.get("usage"), gen)


def _read_stop(told: Mapping[str, Any], gen: Generation) -> str | None:
    reason = as_text(told.get("stop_reason"))
    if reason is not None:
        gen.others[semconv.ANTHROPIC_STOP_REASON] = reason
    if container := _inner(told, "container", "id"):
        gen.others[semconv.ANTHROPIC_CONTAINER_ID] = container
    return finish(reason)


def _read_usage(usage: Any, gen: Generation) -> None:
    """Anthropic counts cached tokens apart, the conventions within the input.

    The last event of a stream counts anew what it names (all of it since tools run within a call); the rest stands.
    """
    if usage is None:
        return
    found = as_fields(usage)
    apart = gen.input_tokens
    if apart is not None:
        apart -= (gen.cache_read_tokens or 0) + (gen.cache_write_tokens or 0)
    told = found.get("input_tokens")
    if told.__class__ is int:
        apart = told
    for name, field in _COUNTS:
        told = found.get(name)
        if told.__class__ is int:
            setattr(gen, field, told)
    if apart is not None:
        gen.input_tokens = apart + (gen.cache_read_tokens or 0) + (gen.cache_write_tokens or 0)
    _read_beside(found, gen)


def _read_beside(usage: Mapping[str, Any], gen: Generation) -> None:
    """What is billed or decided beside the tokens."""
    others = gen.others
    details = usage.get("output_tokens_details")
    if details is not None:
        thought = _count(as_fields(details).get("thinking_tokens"))
        gen.reasoning_tokens = gen.reasoning_tokens if thought is None else thought
    if tier := as_text(usage.get("service_tier")):
        others[semconv.ANTHROPIC_RESPONSE_SERVICE_TIER] = tier
    for inner, where, name in _BESIDE:
        apart = usage.get(inner)
        if apart is not None and (count := as_fields(apart).get(where)):
            others[name] = _count(count)
    iterations = usage.get("iterations")
    compactions = (
        () if iterations is None else [one for one in map(as_fields, iterations) if one.get("type") == "compaction"]
    )
    if compactions:
        others[semconv.ANTHROPIC_COMPACTION_INPUT_TOKENS] = sum(
            _count(one.get(name)) or 0
            for one in compactions
            for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        )
        given = sum(_count(one.get("output_tokens")) or 0 for one in compactions)
        others[semconv.ANTHROPIC_COMPACTION_OUTPUT_TOKENS] = given


def _sent(sent: Any) -> Message:
    told: dict[str, Any] = sent if sent.__class__ is dict else as_fields(sent)
    role, content = told.get("role"), told.get("content")
    if content.__class__ is str and role.__class__ is str:  # nearly all messages, and the longest histories
        return {"role": role, "parts": [{"type": "text", "content": content}] if content else []}
    return message(as_text(role) or "user", read_blocks(content))


def _inner(told: Mapping[str, Any], outer: str, name: str) -> str | None:
    found = told.get(outer)
    return None if found is None else as_text(as_fields(found).get(name))


def _count(value: Any) -> int | None:
    return value if value.__class__ is int else None


def _type(value: Any) -> Any:
    return as_fields(value).get("type")
