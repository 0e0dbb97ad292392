"""The responses format of OpenAI: items in, items out. Requests are plain dicts, answers are read by attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._kit import (
    Once,
    as_dict,
    as_fields,
    as_list,
    as_plain,
    as_text,
    blob,
    message,
    parse_arguments,
    reasoning,
    refusal,
    text,
    tool_call,
    tool_result,
    uri,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation, Message, Part

__all__ = [
    "read_chunk",
    "read_compacted",
    "read_decision",
    "read_item",
    "read_items",
    "read_parameters",
    "read_response",
    "read_sent",
    "read_stored",
    "read_stored_chunk",
    "read_usage",
]

_OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}
_RESULTS = frozenset({"results", "output", "outputs", "error", "result", "tools"})
"""What an item of a tool that the provider ran holds of its outcome; the rest is what was asked of it."""
_SECRET = frozenset({"encrypted_content", "id", "status", "type"})
_COUNTED = Once()


def read_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    """The request's parameters, only as the caller set them."""
    get = body.get
    gen.model = get("model")
    gen.temperature = get("temperature")
    gen.top_p = get("top_p")
    gen.max_tokens = get("max_output_tokens")
    gen.service_tier = get("service_tier")
    if thinking := get("reasoning"):
        gen.reasoning_level = as_dict(thinking).get("effort")
    if form := get("text"):
        gen.output_type = _OUTPUT_TYPES.get(as_dict(as_dict(form).get("format")).get("type", ""))
    others = gen.others
    if before := get("previous_response_id"):
        others[semconv.REQUEST_PREVIOUS_RESPONSE] = before
    if talk := get("conversation"):
        others[semconv.CONVERSATION_ID] = as_text(talk) or as_dict(talk).get("id")
    if prompt := as_dict(get("prompt")):
        others[semconv.GEN_AI_PROMPT_NAME] = prompt.get("id")
        others[semconv.GEN_AI_PROMPT_VERSION] = prompt.get("version")


def read_sent(body: Mapping[str, Any], gen: Generation) -> None:
    """What is sent: instructions, items, and the names of the tools on offer."""
    instructions = body.get("instructions")
    if words := as_text(instructions):
        gen.system_instructions = [text(words)]
    else:
        gen.system_instructions = [part for item in as_list(instructions) for part in read_item(item)["parts"]]
    sent = body.get("input")
    gen.inputs = [message("user", [text(words)])] if (words := as_text(sent)) else read_items(sent)
    gen.tools = [_tool(as_dict(tool)) for tool in as_list(body.get("tools"))]


def read_items(items: Any) -> list[Message]:
    """A message for each item."""
    return [read_item(item) for item in as_list(items)]


def read_response(reply: Any, gen: Generation) -> None:
    """A whole answer."""
    _read_whole(reply, gen)
    if gen.has_usage:
        _is_first(reply)


def read_stored(reply: Any, gen: Generation) -> None:
    """An answer that was made before. Its tokens count once, if they were made behind the program's back."""
    _read_whole(reply, gen)
    if not getattr(reply, "background", None):
        gen.failure = None
    elif gen.has_usage and _is_first(reply):
        work = gen.apart()
        work.model = work.response_model = gen.response_model
        work.response_id = gen.response_id
        gen.work = work
    gen.drop_usage()


def read_stored_chunk(part: Any, gen: Generation) -> None:
    """One event of the stream of an answer that was begun before."""
    reply = getattr(part, "response", None)
    if reply is None:
        read_chunk(part, gen)
    else:
        read_stored(reply, gen)


def read_compacted(reply: Any, gen: Generation) -> None:
    """A conversation made shorter by the model."""
    read_response(reply, gen)
    gen.others[semconv.CONVERSATION_COMPACTED] = True


def read_decision(reply: Any, gen: Generation) -> None:
    """Short answers to questions about what was sent."""
    gen.response_model = getattr(reply, "model", None)
    gen.output_type = "json"
    read_usage(getattr(reply, "usage", None), gen)
    answers = as_list(getattr(reply, "answers", None))
    if gen.wants_content and answers:
        gen.outputs = [message("assistant", [as_dict(as_plain(one)) for one in answers])]


def read_chunk(part: Any, gen: Generation) -> None:
    """One event of a streamed answer. The last one holds the whole; the others matter when it never comes."""
    kind = part.type
    if kind == "response.output_text.delta":
        if gen.wants_content:
            gen.draft(getattr(part, "output_index", None) or 0).texts.append(part.delta)
    elif kind == "error":
        gen.failure, gen.failure_type = str(part.message), str(part.code or "error")
    elif kind == "response.output_item.done":
        _keep(part, gen)
    elif (reply := getattr(part, "response", None)) is not None:
        read_response(reply, gen)


def read_usage(usage: Any, gen: Generation) -> None:
    """The tokens, as this format and those of pictures and sounds count them."""
    if usage is None:
        return
    told = as_fields(usage)
    gen.input_tokens, gen.output_tokens = told.get("input_tokens"), told.get("output_tokens")
    others = gen.others
    taken = told.get("input_tokens_details") or told.get("input_token_details")
    if taken is not None:
        of_input = as_fields(taken)
        gen.cache_read_tokens = of_input.get("cached_tokens")
        gen.cache_write_tokens = of_input.get("cache_write_tokens")
        gen.audio_input_tokens = of_input.get("audio_tokens")
        if (pictures := of_input.get("image_tokens")) is not None:
            others[semconv.USAGE_IMAGE_INPUT_TOKENS] = pictures
        if (words := of_input.get("text_tokens")) is not None:
            others[semconv.USAGE_TEXT_INPUT_TOKENS] = words
        if (cached := of_input.get("cached_tokens_details")) is not None:
            others[semconv.USAGE_AUDIO_CACHE_READ_TOKENS] = as_fields(cached).get("audio_tokens")
    given = told.get("output_tokens_details") or told.get("output_token_details")
    if given is not None:
        of_output = as_fields(given)
        gen.reasoning_tokens = of_output.get("reasoning_tokens")
        gen.audio_output_tokens = of_output.get("audio_tokens")
        if (pictures := of_output.get("image_tokens")) is not None:
            others[semconv.USAGE_IMAGE_OUTPUT_TOKENS] = pictures
        if (words := of_output.get("text_tokens")) is not None:
            others[semconv.USAGE_TEXT_OUTPUT_TOKENS] = words


def read_item(item: Any) -> Message:
    """One item of a conversation as a message of its own."""
    told = as_fields(item)
    kind = told.get("type") or "message"
    role = told.get("role")
    if kind == "message":
        content = told.get("content")
        if content.__class__ is str:  # nearly all messages that are sent
            return {"role": role or "user", "parts": [{"type": "text", "content": content}]}
        return {"role": role or "user", "parts": [_part(one) for one in as_list(content)]}
    told = as_dict(as_plain(item))
    if kind.endswith("_output"):
        given = told.get("output", told.get("tools"))
        parts = as_list(given)
        response = [_part(one) for one in parts] if kind == "function_call_output" and parts else given
        return message("tool", [tool_result(response, as_text(told.get("call_id")))])
    return message(role or "assistant", _parts_of(told))


def _read_head(reply: Any, gen: Generation) -> None:
    told = as_fields(reply)
    get = told.get
    gen.response_id = get("id") or gen.response_id
    gen.response_model = get("model") or gen.response_model
    gen.response_service_tier = get("service_tier") or gen.response_service_tier
    status = get("status")
    if status and status != "completed":
        gen.others[semconv.RESOURCE_STATUS] = status
        reason = as_fields(get("incomplete_details")).get("reason")
        gen.finish_reasons = [reason] if reason else None
        if status == "failed":
            error = as_fields(get("error"))
            gen.failure = str(error.get("message") or "failed")
            gen.failure_type = str(error.get("code") or "failed")
    elif semconv.RESOURCE_STATUS in gen.others:
        gen.others[semconv.RESOURCE_STATUS] = status
    read_usage(get("usage"), gen)
    if (talk := get("conversation")) is not None:
        gen.others[semconv.CONVERSATION_ID] = as_fields(talk).get("id")


def _read_whole(reply: Any, gen: Generation) -> None:
    """The response as it is by now; the last event holds all, but some services leave out what they said before."""
    _read_head(reply, gen)
    if not gen.wants_content:
        return
    output = getattr(reply, "output", None) or gen.scratch.get("items")
    if output:
        gen.drafts.clear()
        gen.outputs = [_answer(as_list(output))]


def _keep(part: Any, gen: Generation) -> None:
    if gen.wants_content:
        kept: list[Any] = gen.scratch.setdefault("items", [])
        kept.append(part.item)
        gen.drafts.clear()
        gen.outputs = [_answer(kept)]


def _is_first(reply: Any) -> bool:
    """Whether the tokens of an answer made in the background were not seen before."""
    return bool(getattr(reply, "background", None)) and _COUNTED.first(str(getattr(reply, "id", "")))


def _answer(items: list[Any] | tuple[Any, ...]) -> Message:
    parts = [part for item in items for part in read_item(item)["parts"]]
    return message("assistant", parts)


def _parts_of(told: dict[str, Any]) -> list[Part]:
    """The parts of an item that is no message and no result."""
    kind, call_id = str(told["type"]), as_text(told.get("call_id")) or as_text(told.get("id"))
    match kind:
        case "reasoning":
            found = as_list(told.get("content")) or as_list(told.get("summary"))
            return [reasoning(words) for one in found if (words := as_text(as_dict(one).get("text")))]
        case "function_call" | "custom_tool_call":
            given = told.get("arguments", told.get("input"))
            return [tool_call(told.get("name", ""), parse_arguments(given), call_id)]
        case "compaction" | "compaction_summary":
            return [{"type": "compaction", "id": call_id, "content": as_text(told.get("summary")) or ""}]
        case "item_reference":
            return [{"type": "item_reference", "id": call_id}]
        case "image_generation_call":
            asked = _server_call(told, "image_generation", call_id)
            picture = as_text(told.get("result"))
            form = f"image/{told.get('output_format') or 'png'}"
            return [asked, blob("image", picture, form)] if picture else [asked]
        case _ if kind.endswith("_call"):
            asked = _server_call(told, str(told.get("name") or kind.removesuffix("_call")), call_id)
            outcome = {name: told[name] for name in sorted(_RESULTS & told.keys())}
            if not outcome:
                return [asked]
            return [asked, _part_of("server_tool_call_response", {"type": kind, **outcome}, call_id)]
        case _:
            return [{name: value for name, value in told.items() if name != "encrypted_content"}]


def _server_call(told: dict[str, Any], name: str, id: str | None) -> Part:
    asked = {key: parse_arguments(value) if key == "arguments" else value for key, value in told.items()}
    kept = {key: value for key, value in asked.items() if key not in _RESULTS and key not in _SECRET}
    return {"name": name, **_part_of("server_tool_call", {"type": str(told["type"]), **kept}, id)}


def _part_of(kind: str, held: dict[str, Any], id: str | None) -> Part:
    part: Part = {"type": kind, kind: held}
    if id:
        part["id"] = id
    return part


def _part(part: Any) -> Part:
    held = as_fields(part)
    kind, words = held.get("type"), held.get("text")
    if kind == "output_text" and words.__class__ is str:  # nearly all parts that are received
        return {"type": "text", "content": words}
    match as_plain(part):
        case {"type": "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text", "text": str(words)}:
            return text(words)
        case {"type": "refusal", "refusal": str(words)}:
            return refusal(words)
        case {"type": "input_image", "image_url": str(address)}:
            return uri("image", address)
        case {"type": "input_image", "file_id": str(id)}:
            return {"type": "file", "modality": "image", "file_id": id}
        case {"type": "input_file", "file_data": str(data)}:
            return uri("document", data) if data.startswith("data:") else blob("document", data)
        case {"type": "input_file", "file_id": str(id)}:
            return {"type": "file", "modality": "document", "file_id": id}
        case {"type": "input_file", "file_url": str(address)}:
            return uri("document", address)
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(form)}}:
            return blob("audio", data, f"audio/{form}")
        case {"type": "input_audio" | "output_audio" | "audio"}:
            return blob("audio", str(held.get("audio") or held.get("data") or ""), transcript=held.get("transcript"))
        case _:
            return as_dict(as_plain(part)) or text(str(part))


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """By name only: descriptions and schemas are large and the same in every call."""
    kind = str(tool.get("type", "function"))
    return {"type": kind, "name": tool.get("name") or tool.get("server_label") or kind}
