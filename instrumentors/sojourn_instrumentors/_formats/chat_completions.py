"""The chat completions format of OpenAI, spoken by many services and read here for all of their clients.

Requests are plain dicts. Answers are read by attribute: they are the client's own models, or `Fields` of a raw body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._formats.finish import finish
from sojourn_instrumentors._kit import (
    Call,
    Fields,
    as_dict,
    as_list,
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

    from sojourn_instrumentors._kit import Draft, Generation, Message, Part

__all__ = [
    "read_chunk",
    "read_completion",
    "read_head",
    "read_messages",
    "read_parameters",
    "read_stored",
    "read_tokens",
]

_OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}


def read_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    """The request's parameters, only as the caller set them."""
    get = body.get
    gen.model = get("model")
    gen.temperature = get("temperature")
    gen.top_p = get("top_p")
    gen.frequency_penalty = get("frequency_penalty")
    gen.presence_penalty = get("presence_penalty")
    tokens = get("max_completion_tokens")
    gen.max_tokens = get("max_tokens") if tokens is None else tokens
    gen.seed = get("seed")
    choices = get("n")
    gen.choice_count = None if choices == 1 else choices
    stop = get("stop")
    gen.stop_sequences = [stop] if isinstance(stop, str) else stop
    gen.reasoning_level = get("reasoning_effort")
    gen.service_tier = get("service_tier")
    gen.output_type = _OUTPUT_TYPES.get(as_dict(get("response_format")).get("type", ""))
    if "audio" in as_list(get("modalities")):
        gen.output_type = "speech"


def read_messages(body: Mapping[str, Any], gen: Generation) -> None:
    """The conversation that is sent, and the names of the tools on offer."""
    inputs: list[Message] = []
    for one in as_list(body.get("messages")):
        # Nearly all messages, and the longest histories: for them a call each is saved.
        if one.__class__ is dict and len(one) == 2 and (words := one.get("content")).__class__ is str and words:
            inputs.append({"role": one.get("role") or "user", "parts": [{"type": "text", "content": words}]})
        else:
            inputs.append(_sent(one))
    gen.inputs = inputs
    gen.tools = [_tool(as_dict(tool)) for tool in as_list(body.get("tools"))]


def read_completion(reply: Any, gen: Generation) -> None:
    """A whole answer."""
    choices = getattr(reply, "choices", None) or ()
    read_head(reply, gen)
    reasons = [finish(choice.finish_reason) for choice in choices]
    gen.finish_reasons = [reason for reason in reasons if reason] or None
    if choices and getattr(choices[0], "logprobs", None) is not None:
        gen.others[semconv.LOGPROBS] = True
    if gen.wants_content and choices:
        gen.outputs = [_said(choice.message, reason) for choice, reason in zip(choices, reasons, strict=True)]


def read_stored(reply: Any, gen: Generation) -> None:
    """An answer that was made before, and counted then."""
    read_completion(reply, gen)
    gen.drop_usage()


def read_chunk(part: Any, gen: Generation) -> None:
    """One piece of a streamed answer."""
    # Fields straight from where they are kept: to ask a model of pydantic's for each is slow, and this runs for every
    # piece.
    piece: dict[str, Any] = part.__dict__
    if gen.response_id is None or piece.get("usage") is not None:
        read_head(part, gen)
    for choice in piece.get("choices") or ():
        chosen: dict[str, Any] = choice.__dict__
        index = chosen.get("index") or 0
        draft = gen.drafts.get(index) or gen.draft(index)
        if reason := chosen.get("finish_reason"):
            draft.finish_reason = finish(reason)
        if not gen.wants_content:
            continue
        delta = chosen.get("delta")
        if delta is None:
            continue
        told: dict[str, Any] = delta.__dict__
        words = told.get("content")
        if words:
            if words.__class__ is str:
                draft.texts.append(words)
            else:
                _add_parts(draft, words)
        if calls := told.get("tool_calls"):
            for call in calls:
                _add_call(draft.calls, call.index or 0, call.function, call.id)
        if refused := told.get("refusal"):
            draft.refusals.append(refused)
        if legacy := told.get("function_call"):
            _add_call(draft.calls, 0, legacy, None)
        if words and not draft.reasonings:
            continue  # nearly all chunks; where a model stops thinking some services send both in one
        extra = _extra(delta)
        if thought := _thought(extra):
            draft.reasonings.append(thought)
        audio = told.get("audio") or extra.get("audio")
        if transcript := as_text(as_dict(audio).get("transcript") or getattr(audio, "transcript", None)):
            draft.transcripts.append(transcript)


def read_head(reply: Any, gen: Generation) -> None:
    """What an answer says beside its choices; of a piece, as far as it says it."""
    gen.response_id = getattr(reply, "id", None) or gen.response_id
    gen.response_model = getattr(reply, "model", None) or gen.response_model
    gen.response_service_tier = getattr(reply, "service_tier", None) or gen.response_service_tier
    gen.fingerprint = getattr(reply, "system_fingerprint", None) or gen.fingerprint
    usage = getattr(reply, "usage", None)
    if usage is not None:
        read_tokens(usage, gen)


def read_tokens(usage: Any, gen: Generation) -> None:
    """The tokens, as this format counts them."""
    gen.input_tokens = getattr(usage, "prompt_tokens", None)
    gen.output_tokens = getattr(usage, "completion_tokens", None)
    taken = getattr(usage, "prompt_tokens_details", None)
    if taken is not None:
        gen.cache_read_tokens = getattr(taken, "cached_tokens", None)
        # Not by `getattr`: clients that do not know it yet raise inside, twice, for each answer.
        held: dict[str, Any] = getattr(taken, "__dict__", {})
        told = held if "cache_write_tokens" in held else _extra(taken)
        gen.cache_write_tokens = told.get("cache_write_tokens")
        gen.audio_input_tokens = getattr(taken, "audio_tokens", None)
    given = getattr(usage, "completion_tokens_details", None)
    if given is not None:
        gen.reasoning_tokens = getattr(given, "reasoning_tokens", None)
        gen.audio_output_tokens = getattr(given, "audio_tokens", None)


def _add_call(calls: dict[int, Call], index: int, function: Any, id: str | None) -> None:
    call = calls.get(index)
    if call is None:
        call = calls[index] = Call()
    if id:
        call.id = id
    if function is not None:
        if function.name:
            call.name = function.name
        if function.arguments:
            call.arguments.append(function.arguments)


def _add_parts(draft: Draft, content: Any) -> None:
    """Content in parts, as Mistral streams its reasoning."""
    for part in as_list(content):
        told = _part(part)
        if words := as_text(told.get("content")):
            (draft.reasonings if told["type"] == "reasoning" else draft.texts).append(words)


def _sent(sent: Any) -> Message:
    told = as_dict(sent)
    role, content = told.get("role") or "user", told.get("content")
    name = as_text(told.get("name"))
    if role == "tool":
        return message(role, [tool_result(content, as_text(told.get("tool_call_id")))])
    if role == "function":
        return message(role, [tool_result(content, None)], name=name)
    parts = [text(words)] if (words := as_text(content)) else [_part(one) for one in as_list(content)]
    if words := as_text(told.get("refusal")):
        parts.append(refusal(words))
    parts.extend(_sent_call(as_dict(call)) for call in as_list(told.get("tool_calls")))
    if legacy := as_dict(told.get("function_call")):
        parts.append(tool_call(legacy.get("name", ""), parse_arguments(legacy.get("arguments")), None))
    return message(str(role), parts, name=name)


def _sent_call(call: dict[str, Any]) -> Part:
    function = as_dict(call.get("function")) or as_dict(call.get("custom"))
    given = function.get("arguments", function.get("input"))
    return tool_call(function.get("name", ""), parse_arguments(given), as_text(call.get("id")))


def _part(part: Any) -> Part:
    match vars(part) if isinstance(part, Fields) else part:
        case {"type": "text", "text": str(words)}:
            return text(words)
        case {"type": "thinking", "thinking": thoughts}:
            found = as_text(thoughts) or [as_dict(one).get("text", "") for one in as_list(thoughts)]
            return reasoning("".join(found))
        case {"type": "refusal", "refusal": str(words)}:
            return refusal(words)
        case {"type": "image_url", "image_url": {"url": str(address)}}:
            return uri("image", address)
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(form)}}:
            return blob("audio", data, f"audio/{form}")
        case {"type": "file", "file": {"file_id": str(id)}}:
            return {"type": "file", "modality": "document", "file_id": id}
        case {"type": "file", "file": {"file_data": str(data)}}:
            return uri("document", data) if data.startswith("data:") else blob("document", data)
        case _:
            return as_dict(part) or text(str(part))


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """By name only: descriptions and schemas are large and the same in every call."""
    kind = str(tool.get("type", "function"))
    return {"type": kind, "name": (as_dict(tool.get(kind)) or tool).get("name")}


def _said(said: Any, finish_reason: str | None) -> Message:
    parts: list[Part] = []
    if thought := _thought(_extra(said)):
        parts.append(reasoning(thought))
    content = getattr(said, "content", None)
    if words := as_text(content):
        parts.append(text(words))
    else:
        parts.extend(_part(one) for one in as_list(content))
    if words := getattr(said, "refusal", None):
        parts.append(refusal(words))
    audio = getattr(said, "audio", None)
    if audio is not None:
        parts.append(blob("audio", getattr(audio, "data", None) or "", transcript=getattr(audio, "transcript", None)))
    for call in getattr(said, "tool_calls", None) or ():
        function = getattr(call, "function", None)
        if function is None:
            custom = call.custom
            parts.append(tool_call(custom.name, custom.input, call.id))
        else:
            parts.append(tool_call(function.name, parse_arguments(function.arguments), call.id))
    # Some services send an empty one along with every answer.
    if (legacy := getattr(said, "function_call", None)) and legacy.name:
        parts.append(tool_call(legacy.name, parse_arguments(legacy.arguments), None))
    return message(getattr(said, "role", None) or "assistant", parts, finish_reason=finish_reason)


def _extra(model: Any) -> Mapping[str, Any]:
    """Fields that OpenAI itself does not have: those that the client's model keeps apart, or all of a raw one's."""
    return vars(model) if isinstance(model, Fields) else as_dict(getattr(model, "model_extra", None))


def _thought(extra: Mapping[str, Any]) -> str | None:
    """Reasoning in words, as DeepSeek and vLLM or as Groq and OpenRouter name it."""
    return as_text(extra.get("reasoning_content")) or as_text(extra.get("reasoning"))
