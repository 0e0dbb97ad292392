"""LangChain's messages, documents and results, read by what they have: nothing of LangChain is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn_instrumentors._kit import (
    Generation,
    as_dict,
    as_list,
    as_text,
    blob,
    message,
    reasoning,
    refusal,
    text,
    tool_call,
    tool_result,
    uri,
)

if TYPE_CHECKING:
    from sojourn_instrumentors._kit import Message, Part

__all__ = ["plain", "read_document", "read_message", "read_result", "read_sent", "read_tools"]

_ROLES = {"human": "user", "ai": "assistant"}


def read_message(said: object) -> Message:
    """A message in the words of the conventions; chunks of messages too."""
    # Fields straight from where pydantic keeps them: one that is absent costs three calls otherwise.
    told = vars(said)
    kind = str(told["type"]).removesuffix("MessageChunk").lower()
    role = told.get("role") or _ROLES.get(kind, kind)
    name, content = told.get("name"), told.get("content")
    if kind in ("tool", "function"):
        return message(role, [tool_result(plain(content), told.get("tool_call_id"))], name=name)
    parts: list[Part] = []
    if thought := as_text(told["additional_kwargs"].get("reasoning_content")):
        parts.append(reasoning(thought))
    if isinstance(content, str):
        if content:
            parts.append(text(content))
    else:
        parts.extend(part for block in as_list(content) if (part := _part(block)))
    for call in (*(told.get("tool_calls") or ()), *(told.get("invalid_tool_calls") or ())):
        parts.append(tool_call(call["name"], call["args"], call["id"]))  # noqa: PERF401  # cheaper without a frame
    return message(role, parts, name=name)


def read_sent(sent: Any, gen: Generation) -> None:
    """What a model is sent: messages, or the prompts of a completion."""
    gen.inputs = [message("user", [text(one)]) if isinstance(one, str) else read_message(one) for one in as_list(sent)]


def read_tools(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The tools on offer, by name only; providers write them differently."""
    tools = [as_dict(tool) for tool in as_list(asked.get("tools"))]
    return [
        {"type": "function", "name": (as_dict(tool.get("function")) or tool).get("name") or tool.get("type")}
        for tool in tools
    ]


def read_document(found: Any) -> dict[str, Any]:
    metadata = as_dict(found.metadata)
    told = {"id": found.id or metadata.get("id"), "score": metadata.get("score"), "content": found.page_content}
    return {**{name: value for name, value in told.items() if value is not None}, "metadata": plain(metadata)}


def plain(value: Any) -> Any:
    """Values of a program as JSON can say them, with messages and documents in the words of the conventions."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in as_dict(value).items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in as_list(value)]
    if value is None or isinstance(value, str | int | float):
        return value
    if hasattr(value, "additional_kwargs"):
        return read_message(value)
    if hasattr(value, "page_content"):
        return read_document(value)
    if callable(getattr(value, "to_messages", None)):
        return [read_message(one) for one in value.to_messages()]
    return value


def read_result(result: Any, gen: Generation) -> None:
    """What a model answered, whole, or in part when `result` came with an error."""
    answers = as_list(next(iter(as_list(getattr(result, "generations", None))), None))
    if not answers:
        return
    said = getattr(answers[0], "message", None)
    about = {
        **as_dict(result.llm_output),
        **as_dict(getattr(answers[0], "generation_info", None)),
        **as_dict(getattr(said, "response_metadata", None)),
    }
    gen.response_model = about.get("model_name") or about.get("model")
    response_id = about.get("id") or getattr(said, "id", None) or ""
    # LangChain makes these up for providers that give none.
    gen.response_id = None if response_id.startswith(("run-", "lc_run-")) else response_id or None
    reason = as_text(about.get("finish_reason") or about.get("stop_reason") or about.get("done_reason"))
    gen.finish_reasons = [reason] if reason else None
    _read_usage(as_dict(getattr(said, "usage_metadata", None)) or as_dict(about.get("token_usage")), gen)
    if gen.wants_content:
        gen.outputs = [_answer(answer, reason) for answer in answers]


def _read_usage(usage: dict[str, Any], gen: Generation) -> None:
    if usage.get("total_cost") == 0:
        return  # answered from LangChain's cache: the numbers are those of the call that filled it
    gen.input_tokens = usage.get("input_tokens", usage.get("prompt_tokens"))
    gen.output_tokens = usage.get("output_tokens", usage.get("completion_tokens"))
    taken, given = as_dict(usage.get("input_token_details")), as_dict(usage.get("output_token_details"))
    gen.cache_read_tokens, gen.cache_write_tokens = taken.get("cache_read"), taken.get("cache_creation")
    gen.audio_input_tokens, gen.audio_output_tokens = taken.get("audio"), given.get("audio")
    gen.reasoning_tokens = given.get("reasoning")


def _answer(answer: Any, reason: str | None) -> Message:
    said = getattr(answer, "message", None)
    told = message("assistant", [text(answer.text)]) if said is None else read_message(said)
    return {**told, "finish_reason": reason} if reason else told


def _part(block: Any) -> Part:
    """One block of a message's content; empty for what the message says again, and better, in its `tool_calls`."""
    match block:
        case str() if block:
            return text(block)
        case {"type": "text" | "text-plain", "text": str(words)}:
            return text(words)
        case {"type": "reasoning", "reasoning": str(words)} | {"type": "thinking", "thinking": str(words)}:
            return reasoning(words)
        case {"type": "refusal", "refusal": str(words)}:
            return refusal(words)
        case {"type": "image_url", "image_url": {"url": str(address)} | str(address)}:
            return uri("image", address)
        case {"type": "image" | "audio" | "video" | "file" as kind, "url": str(address)}:
            return uri(_modality(kind), address)
        case {"type": "image" | "audio" | "video" | "file" as kind, "base64": str(data)}:
            return blob(_modality(kind), data, as_text(as_dict(block).get("mime_type")))
        case {"type": "tool_use" | "tool_call" | "function_call" | "tool_call_chunk"}:
            return {}
        case _:
            return as_dict(plain(block))


def _modality(kind: str) -> str:
    return "document" if kind == "file" else kind
