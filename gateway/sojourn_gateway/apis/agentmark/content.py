"""Inputs and outputs in AgentMark's notation: messages as `{role, content}`, tool calls as `tool-call` parts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sojourn_gateway.model.messages import Media, Reasoning, Text, ToolCall, ToolResult, parse_messages, plain_text

if TYPE_CHECKING:
    from sojourn_gateway.model.messages import Message, Part
    from sojourn_gateway.model.span import Span

__all__ = ["present_input", "present_output", "present_output_object", "present_tool_calls"]


def present_input(span: Span) -> str | None:
    """JSON text of `[{role, content}]`; what is no list of messages becomes one user message."""
    if span.input is None and span.system is None:
        return None
    messages = parse_messages(span.system, role="system") + parse_messages(span.input, role="user")
    return _json([_message(message) for message in messages])


def present_output(span: Span) -> str | None:
    """The words of the answer; of other steps, what they gave back as it is."""
    if span.output is None or span.step != "model":
        return span.output
    return plain_text(parse_messages(span.output, role="assistant"))


def present_output_object(span: Span) -> str | None:
    """The answer again when it is a JSON object or list, else None."""
    said = present_output(span)
    if said is None or not said.lstrip().startswith(("{", "[")):
        return None
    try:
        json.loads(said)
    except (ValueError, RecursionError):
        return None
    return said


def present_tool_calls(span: Span) -> str | None:
    """The tools that the answer asks for, or the call that a tool's span is; None when there is none."""
    if span.step == "tool":
        call: dict[str, Any] = {
            "type": "tool-call",
            "toolCallId": span.tool_call_id,
            "toolName": span.tool_name or span.name,
            "args": _parsed(span.input),
            "result": span.output,
        }
        return _json([call])
    messages = parse_messages(span.output, role="assistant") if span.step == "model" else ()
    calls = [_part(part) for message in messages for part in message.parts if isinstance(part, ToolCall)]
    return _json(calls) if calls else None


def _message(message: Message) -> dict[str, Any]:
    if len(message.parts) == 1 and isinstance(message.parts[0], Text):
        return {"role": message.role, "content": message.parts[0].text}
    return {"role": message.role, "content": [_part(part) for part in message.parts]}


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Reasoning(text):
            return {"type": "reasoning", "text": text}
        case ToolCall(identity, name, arguments):
            return {"type": "tool-call", "toolCallId": identity, "toolName": name, "args": _parsed(arguments)}
        case ToolResult(identity, result):
            return {"type": "tool-result", "toolCallId": identity, "result": _parsed(result)}
        case Media(what, text):
            return {"type": what, "text": text}


def _parsed(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _json(value: Any) -> str:
    # Arguments are JSON within JSON: half a surrogate pair, which UTF-8 cannot say, is a question mark here as well.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()
