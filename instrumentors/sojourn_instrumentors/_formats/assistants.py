"""The formats of OpenAI's assistants, threads, runs and conversations: agents that live with the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._formats.chat_completions import read_tokens
from sojourn_instrumentors._formats.resources import read_resource
from sojourn_instrumentors._formats.responses import read_items
from sojourn_instrumentors._kit import (
    Once,
    as_dict,
    as_list,
    as_plain,
    as_text,
    message,
    parse_arguments,
    text,
    tool_call,
    tool_result,
    uri,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_instrumentors._kit import Generation, Message, Part

__all__ = [
    "read_agent",
    "read_agent_parameters",
    "read_agent_sent",
    "read_conversation",
    "read_conversation_sent",
    "read_run",
    "read_run_event",
    "read_run_parameters",
    "read_run_sent",
    "read_thread",
    "read_thread_sent",
]

_ENDED = frozenset({"completed", "failed", "cancelled", "expired", "incomplete"})
_COUNTED = Once()


def read_agent_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    gen.model = as_text(body.get("model"))
    gen.name = as_text(body.get("name"))
    gen.others[semconv.AGENT_NAME] = gen.name
    gen.temperature, gen.top_p = body.get("temperature"), body.get("top_p")


def read_agent_sent(body: Mapping[str, Any], gen: Generation) -> None:
    if words := as_text(body.get("instructions")):
        gen.system_instructions = [text(words)]
    if words := as_text(body.get("description")):
        gen.asides[semconv.AGENT_DESCRIPTION] = words
    gen.tools = [_tool(as_dict(tool)) for tool in as_list(body.get("tools"))]


def read_agent(reply: Any, gen: Generation) -> None:
    gen.others[semconv.AGENT_ID] = getattr(reply, "id", None)
    gen.response_model = as_text(getattr(reply, "model", None))


def read_thread_sent(body: Mapping[str, Any], gen: Generation) -> None:
    """The messages that a thread begins with, or the one that is added."""
    given = as_list(body.get("messages"))
    gen.inputs = [_message(one) for one in given] if given or "content" not in body else [_message(body)]


def read_thread(reply: Any, gen: Generation) -> None:
    """A thread, a message of it, or a page of its messages."""
    read_resource(reply, gen)
    kind = getattr(reply, "object", None)
    if kind == "thread":
        gen.others[semconv.CONVERSATION_ID] = reply.id
    elif gen.wants_content:
        pages = as_list(getattr(reply, "data", None)) if kind == "list" or kind is None else [reply]
        gen.outputs = [_message(one) for one in pages if getattr(one, "content", None) is not None] or None


def read_conversation_sent(body: Mapping[str, Any], gen: Generation) -> None:
    gen.inputs = read_items(body.get("items"))


def read_conversation(reply: Any, gen: Generation) -> None:
    read_resource(reply, gen)
    if getattr(reply, "object", None) == "conversation":
        gen.others[semconv.CONVERSATION_ID] = reply.id
    elif gen.wants_content:
        gen.outputs = read_items(as_list(getattr(reply, "data", None))) or None


def read_run_parameters(body: Mapping[str, Any], gen: Generation) -> None:
    get = body.get
    gen.model = as_text(get("model"))
    gen.name = as_text(get("assistant_id"))
    gen.others[semconv.AGENT_ID] = gen.name
    gen.temperature, gen.top_p = get("temperature"), get("top_p")
    gen.max_tokens = get("max_completion_tokens")
    gen.reasoning_level = get("reasoning_effort")


def read_run_sent(body: Mapping[str, Any], gen: Generation) -> None:
    """What a run is given beside its thread: instructions, messages, what tools said."""
    words = [one for name in ("instructions", "additional_instructions") if (one := as_text(body.get(name)))]
    gen.system_instructions = [text(one) for one in words]
    given = as_list(body.get("additional_messages")) or as_list(as_dict(body.get("thread")).get("messages"))
    gen.inputs = [_message(one) for one in given]
    for one in as_list(body.get("tool_outputs")):
        told = as_dict(one)
        gen.inputs.append(message("tool", [tool_result(told.get("output"), as_text(told.get("tool_call_id")))]))
    gen.tools = [_tool(as_dict(tool)) for tool in as_list(body.get("tools"))]


def read_run(run: Any, gen: Generation) -> None:
    """A run as it is by now. When it has ended its tokens are known, and count the first time that they are seen."""
    read_resource(run, gen)
    others = gen.others
    others[semconv.AGENT_ID] = getattr(run, "assistant_id", None) or others.get(semconv.AGENT_ID)
    others[semconv.CONVERSATION_ID] = getattr(run, "thread_id", None) or others.get(semconv.CONVERSATION_ID)
    state = getattr(run, "status", None)
    if state == "requires_action" and gen.wants_content:
        asked = getattr(getattr(run, "required_action", None), "submit_tool_outputs", None)
        gen.outputs = [message("assistant", [_call(one) for one in as_list(getattr(asked, "tool_calls", None))])]
    if state in ("failed", "expired"):
        error = getattr(run, "last_error", None)
        gen.failure = str(getattr(error, "message", None) or state)
        gen.failure_type = str(getattr(error, "code", None) or state)
    reason = getattr(getattr(run, "incomplete_details", None), "reason", None)
    gen.finish_reasons = [reason] if reason else None
    if state in _ENDED and getattr(run, "usage", None) is not None and _COUNTED.first(str(run.id)):
        read_tokens(run.usage, gen)
        work = gen.apart()
        gen.drop_usage()
        work.model = work.response_model = gen.response_model
        work.response_id, work.finish_reasons = run.id, gen.finish_reasons
        gen.work = work


def read_run_event(event: Any, gen: Generation) -> None:
    """One event of a streamed run."""
    kind = str(getattr(event, "event", ""))
    told = getattr(event, "data", None)
    if kind == "thread.message.delta":
        if gen.wants_content:
            for part in as_list(getattr(getattr(told, "delta", None), "content", None)):
                if words := getattr(getattr(part, "text", None), "value", None):
                    gen.draft(0).texts.append(words)
    elif kind in ("thread.message.completed", "thread.message.incomplete"):
        gen.drafts.clear()
        if gen.wants_content:
            gen.outputs = [*(gen.outputs or []), _message(told)]
    elif kind == "thread.created":
        gen.others[semconv.CONVERSATION_ID] = getattr(told, "id", None)
    elif kind.startswith("thread.run.") and not kind.startswith("thread.run.step."):
        said = gen.outputs
        read_run(told, gen)
        gen.outputs = [*(said or []), *(gen.outputs or [])] if gen.outputs is not said else said
    elif kind == "thread.run.step.completed":
        _read_step(told, gen)


def _read_step(step: Any, gen: Generation) -> None:
    """Tools that the provider ran on the way."""
    calls = as_list(getattr(getattr(step, "step_details", None), "tool_calls", None))
    if gen.wants_content and calls:
        parts = [_call(one) for one in calls]
        gen.outputs = [*(gen.outputs or []), message("assistant", parts)]


def _call(call: Any) -> Part:
    function = getattr(call, "function", None)
    if function is not None:
        return tool_call(function.name, parse_arguments(function.arguments), call.id)
    told = as_dict(as_plain(call))
    kind = str(told.get("type", "tool"))
    held = {"type": kind, **as_dict(told.get(kind))}
    return {"type": "server_tool_call", "name": kind, "server_tool_call": held, "id": told.get("id")}


def _message(sent: Any) -> Message:
    told = as_dict(as_plain(sent))
    content = told.get("content")
    words = as_text(content)
    return message(told.get("role") or "user", [text(words)] if words else [_part(one) for one in as_list(content)])


def _part(part: Any) -> Part:
    match part:
        case {"type": "text", "text": {"value": str(words)}}:
            return text(words)
        case {"type": "text", "text": str(words)}:
            return text(words)
        case {"type": "image_url", "image_url": {"url": str(address)}}:
            return uri("image", address)
        case {"type": "image_file", "image_file": {"file_id": str(id)}}:
            return {"type": "file", "modality": "image", "file_id": id}
        case _:
            return as_dict(part) or text(str(part))


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """By name only: descriptions and schemas are large and the same in every call."""
    kind = str(tool.get("type", "function"))
    return {"type": kind, "name": as_dict(tool.get(kind)).get("name") or kind}
