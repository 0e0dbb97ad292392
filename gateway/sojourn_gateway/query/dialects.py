"""What was said in a step, read from the attributes and events of any dialect, strongest first.

Texts and lists of messages come back as JSON text that `parse_messages` of the model reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_gateway.engine.values import as_json, listed, parsed_list, parsed_object
from sojourn_gateway.query.unflatten import flat_list, objects
from sojourn_gateway.query.wrapped import unquoted, unwrap_asked, unwrap_replied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sojourn_gateway.model.span import Json, SpanEvent

__all__ = ["Said", "read_said"]


@dataclass(frozen=True, slots=True)
class Said:
    """What a step was told and what it answered; None where nothing says it."""

    input: str | None = None
    output: str | None = None
    system: str | None = None
    finish_reasons: tuple[str, ...] | None = None
    tool_name: str | None = None


def read_said(name: str, step: str, attributes: Mapping[str, Json], events: Sequence[SpanEvent]) -> Said:
    """Each fact by the first dialect that has it. `name` and `step` are those of the span."""
    found = _conventions(attributes)
    if found.input is not None and found.output is not None and found.finish_reasons is not None:
        return found
    # What a name begins with tells who writes it: of most spans no other dialect need be looked for. In one text, which
    # is searched faster than names are taken apart.
    names = "\n" + "\n".join(attributes)
    for begin, reader in _READERS:
        if any(one in names for one in begin):
            found = _filled(found, reader(attributes))
    if events:
        found = _filled(found, _events(events))
    if any(key in attributes for key in ("componentName", "runId")):
        found = _filled(found, _mastra(name, attributes))
    found = _filled(found, _plain(attributes, step))
    if found.finish_reasons is None and found.output is not None and '"finish_reason"' in found.output:
        told = (str(one.get("finish_reason") or "") for one in objects(parsed_list(found.output)))
        found = _filled(found, Said(finish_reasons=tuple(filter(None, told)) or None))
    return found if step == "tool" else _without_tool(found)


def _filled(found: Said, more: Said | None) -> Said:
    if more is None:
        return found
    return Said(
        more.input if found.input is None else found.input,
        more.output if found.output is None else found.output,
        more.system if found.system is None else found.system,
        more.finish_reasons if found.finish_reasons is None else found.finish_reasons,
        more.tool_name if found.tool_name is None else found.tool_name,
    )


def _without_tool(found: Said) -> Said:
    return found if found.tool_name is None else Said(found.input, found.output, found.system, found.finish_reasons)


def _text(attributes: Mapping[str, Json], *keys: str) -> str | None:
    return next((as_json(told) for key in keys if (told := attributes.get(key)) is not None), None)


def _reasons(told: Json) -> tuple[str, ...] | None:
    """A list, or one text: plain, or JSON of a list."""
    if told is None or told == "":
        return None
    if isinstance(told, str):
        told = parsed_list(told) or [told]
    return tuple(as_json(one) for one in listed(told))


def _conventions(attributes: Mapping[str, Json]) -> Said:
    return Said(
        input=_text(
            attributes, semconv.INPUT_MESSAGES, semconv.TOOL_CALL_ARGUMENTS, semconv.RETRIEVAL_QUERY, semconv.INPUT
        ),
        output=_text(
            attributes, semconv.OUTPUT_MESSAGES, semconv.TOOL_CALL_RESULT, semconv.RETRIEVAL_DOCUMENTS, semconv.OUTPUT
        ),
        system=_text(attributes, semconv.SYSTEM_INSTRUCTIONS, semconv.OLD_REQUEST_INSTRUCTIONS),
        finish_reasons=_reasons(
            attributes.get(semconv.RESPONSE_FINISH_REASONS)
            or attributes.get(semconv.OLD_RESPONSE_FINISH_REASON)
            or attributes.get(semconv.OLD_RESPONSE_STOP_REASON)
        ),
    )


def _agentmark(attributes: Mapping[str, Json]) -> Said:
    return Said(
        input=_text(
            attributes,
            semconv.OLD_REQUEST_INPUT,
            "agentmark.request.input",
            "agentmark.input",
            "agentmark.props",
            semconv.OLD_TOOL_INPUT,
        ),
        output=_text(
            attributes,
            semconv.OLD_RESPONSE_OUTPUT,
            "agentmark.response.output",
            "agentmark.output",
            semconv.OLD_TOOL_OUTPUT,
        ),
    )


def _openinference(attributes: Mapping[str, Json]) -> Said | None:
    """Messages as attributes of their own: `llm.input_messages.0.message.role`, ..."""
    asked = [_openinference_message(one) for one in flat_list(attributes, "llm.input_messages.")]
    replied = [_openinference_message(one) for one in flat_list(attributes, "llm.output_messages.")]
    documents = [one.get("document", one) for one in objects(flat_list(attributes, "retrieval.documents."))]
    return Said(
        input=as_json(asked) if asked else None,
        output=as_json(replied or documents) if replied or documents else None,
        finish_reasons=_reasons(attributes.get("llm.finish_reason")),
        tool_name=_text(attributes, "tool.name"),
    )


def _openinference_message(item: Json) -> Json:
    message: dict[str, Any] = _inner(item, "message")
    contents = [_openinference_part(_inner(one, "message_content")) for one in objects(message.get("contents"))]
    calls = [_inner(one, "tool_call") for one in objects(message.get("tool_calls"))]
    return _present(
        role=message.get("role"),
        content=message.get("content") if message.get("content") is not None else contents or None,
        tool_calls=calls or None,
        tool_call_id=message.get("tool_call_id"),
        name=message.get("name"),
    )


def _openinference_part(content: Mapping[str, Any]) -> Json:
    kind = content.get("type", "text")
    if kind == "image":
        held = _inner(content, "image")
        return {"type": "uri", "modality": "image", "uri": (_inner(held, "image") or held).get("url", "")}
    return {**content, "type": kind}


def _inner(item: Json, name: str) -> dict[str, Any]:
    """A member that is an object, of what should be one; else an empty one."""
    for one in objects([item]):
        for inner in objects([one.get(name)]):
            return inner
    return {}


def _indexed(attributes: Mapping[str, Json]) -> Said | None:
    """Of OpenLLMetry before 0.50 and of AgentOps: `gen_ai.prompt.0.content`, ..."""
    asked = [_indexed_message(one, "user") for one in objects(flat_list(attributes, f"{semconv.OLD_PROMPT}."))]
    replies = list(objects(flat_list(attributes, f"{semconv.OLD_COMPLETION}.")))
    replied = [_indexed_message(one, "assistant") for one in replies]
    return Said(
        input=as_json(asked) if asked else None,
        output=as_json(replied) if replied else None,
        finish_reasons=tuple(str(one["finish_reason"]) for one in replies if one.get("finish_reason")) or None,
    )


def _indexed_message(item: Mapping[str, Any], role: str) -> Json:
    content = item.get("content")
    if isinstance(content, str) and content.startswith("[{"):
        content = parsed_list(content) or content
    return _present(
        role=item.get("role", role),
        content=content,
        tool_calls=item.get("tool_calls"),
        tool_call_id=item.get("tool_call_id"),
        finish_reason=item.get("finish_reason"),
    )


def _vercel(attributes: Mapping[str, Json]) -> Said | None:
    if not any(key.startswith("ai.") for key in attributes):
        return None
    asked = _text(attributes, "ai.prompt.messages")
    system = None
    if asked is None and (prompt := _text(attributes, "ai.prompt")) is not None:
        whole = parsed_object(prompt)
        system = _text(whole, "system")
        asked = _text(whole, "messages", "prompt") or prompt
    text = _text(attributes, "ai.response.text", "ai.result.text", "ai.response.object", "ai.result.object")
    thought = _text(attributes, "ai.response.reasoning")
    calls = parsed_list(_text(attributes, "ai.response.toolCalls", "ai.result.toolCalls") or "")
    parts: list[Json] = [{"type": "reasoning", "content": thought}] if thought else []
    parts += [{"type": "text", "content": text}] if text else []
    parts += [
        {"type": "tool_call", "id": one.get("toolCallId"), "name": one.get("toolName"), "arguments": _arguments(one)}
        for one in objects(calls)
    ]
    return Said(
        input=_text(attributes, "ai.toolCall.args") or asked or _text(attributes, "ai.value", "ai.values"),
        output=_text(attributes, "ai.toolCall.result")
        or (as_json([{"role": "assistant", "parts": parts}]) if parts else None),
        system=system,
        finish_reasons=_reasons(attributes.get("ai.response.finishReason") or attributes.get("ai.finishReason")),
        tool_name=_text(attributes, "ai.toolCall.name"),
    )


def _arguments(call: Mapping[str, Any]) -> Json:
    return call["args"] if "args" in call else call.get("input", {})


def _pydantic(attributes: Mapping[str, Json]) -> Said | None:
    """Of pydantic-ai and Logfire: a list of events in one attribute, or whole requests and answers."""
    told = _text(attributes, "events")
    asked, replied, reasons = _sorted_events((one, None) for one in objects(parsed_list(told or "")))
    request = _text(attributes, "request_data")
    response = _text(attributes, "response_data")
    return Said(
        input=(as_json(asked) if asked else None)
        or _text(attributes, "all_messages_events", "pydantic_ai.all_messages", "tool_arguments")
        or (unwrap_asked(request) if request else None),
        output=(as_json(replied) if replied else None)
        or _text(attributes, "final_result", "tool_response")
        or (unwrap_replied(response) if response else None),
        finish_reasons=reasons,
    )


def _langsmith(attributes: Mapping[str, Json]) -> Said:
    asked, replied = _text(attributes, semconv.OLD_PROMPT), _text(attributes, semconv.OLD_COMPLETION)
    return Said(
        input=None if asked is None else unwrap_asked(asked) or asked,
        output=None if replied is None else unwrap_replied(replied) or replied,
    )


def _mlflow(attributes: Mapping[str, Json]) -> Said:
    asked, replied = _text(attributes, "mlflow.spanInputs"), _text(attributes, "mlflow.spanOutputs")
    return Said(
        input=None if asked is None else unwrap_asked(asked) or unquoted(asked),
        output=None if replied is None else unwrap_replied(replied) or unquoted(replied),
    )


def _mastra(name: str, attributes: Mapping[str, Json]) -> Said:
    """Of Mastra's own tracer: arguments and result of the traced method, under the span's name."""
    result = _text(attributes, f"{name}.result")
    whole = parsed_object(result or "")
    return Said(
        input=_text(attributes, f"{name}.argument.0"),
        output=_text(whole, "text", "object") or result,
        finish_reasons=_reasons(whole.get("finishReason")),
    )


def _plain(attributes: Mapping[str, Json], step: str) -> Said:
    """What other steps took in and gave back; of calls of a model only when nothing said it in messages."""
    asked = _text(
        attributes,
        "input.value",
        "traceloop.entity.input",
        "agentops.entity.input",
        f"agentops.{step}.input",
        "agentops.task.input",
        "agentops.operation.input",
        "agentops.workflow.input",
        "tool.parameters",
    )
    replied = _text(
        attributes,
        "output.value",
        "traceloop.entity.output",
        "agentops.entity.output",
        f"agentops.{step}.output",
        "agentops.task.output",
        "agentops.operation.output",
        "agentops.workflow.output",
        "tool.result",
    )
    if step == "model":
        asked = asked and (unwrap_asked(asked) or asked)
        replied = replied and (unwrap_replied(replied) or replied)
    return Said(
        input=asked,
        output=replied,
        tool_name=_text(attributes, "traceloop.entity.name", "operation.name"),
    )


def _events(events: Iterable[SpanEvent]) -> Said:
    """Events of one message each, an event with all of them, or results of a search."""
    found = Said()
    pairs: list[tuple[Mapping[str, Any], str | None]] = []
    documents: list[Json] = []
    for event in events:
        if event.name == semconv.INFERENCE_DETAILS_EVENT:
            found = _filled(found, _conventions(event.attributes))
        elif event.name in (semconv.OLD_PROMPT_EVENT, semconv.OLD_COMPLETION_EVENT):
            found = _filled(found, _langsmith(event.attributes))
        elif event.name in ("db.query.result", "db.search.result"):
            documents.append(_search_result(event.attributes))
        else:
            pairs.append((event.attributes, event.name))
    asked, replied, reasons = _sorted_events(pairs)
    outputs = replied or documents
    return _filled(
        found,
        Said(
            input=as_json(asked) if asked else None,
            output=as_json(outputs) if outputs else None,
            finish_reasons=reasons,
        ),
    )


def _search_result(attributes: Mapping[str, Json]) -> Json:
    return {key.rpartition(".")[2]: value for key, value in attributes.items()}


def _sorted_events(
    events: Iterable[tuple[Mapping[str, Any], str | None]],
) -> tuple[list[Json], list[Json], tuple[str, ...] | None]:
    asked: list[Json] = []
    replied: list[Json] = []
    reasons: list[str] = []
    for body, named in events:
        name = named or str(body.get(semconv.EVENT_NAME, ""))
        if name == semconv.OLD_CHOICE_EVENT:
            message = body.get("message")
            if isinstance(message, str):
                message = parsed_object(message) or {"content": message}
            replied.append({"role": "assistant", **next(objects([message]), dict(body))})
            reasons += [str(body["finish_reason"])] if body.get("finish_reason") else []
        elif name in semconv.OLD_MESSAGE_EVENTS:
            calls = body.get("tool_calls")
            asked.append(
                _present(
                    role=body.get("role") or semconv.OLD_MESSAGE_EVENTS[name],
                    content=body.get("content"),
                    tool_calls=parsed_list(calls) if isinstance(calls, str) else calls,
                    tool_call_id=body.get("tool_call_id") or (body.get("id") if "tool" in name else None),
                )
            )
    return asked, replied, tuple(reasons) or None


def _present(**told: Any) -> dict[str, Any]:
    """An object of what is there."""
    return {key: value for key, value in told.items() if value is not None}


_READERS: Final[tuple[tuple[tuple[str, ...], Callable[[Mapping[str, Json]], Said | None]], ...]] = (
    (("\nagentmark", "\ngen_ai"), _agentmark),
    (("\nllm", "\nretrieval", "\ntool"), _openinference),
    ((f"\n{semconv.OLD_PROMPT}.", f"\n{semconv.OLD_COMPLETION}."), _indexed),
    (("\nai",), _vercel),
    (
        (
            "\nall_messages_events",
            "\nevents",
            "\nfinal_result",
            "\npydantic_ai",
            "\nrequest_data",
            "\nresponse_data",
            "\ntool_arguments",
            "\ntool_response",
        ),
        _pydantic,
    ),
    ((f"\n{semconv.OLD_PROMPT}", f"\n{semconv.OLD_COMPLETION}"), _langsmith),
    (("\nmlflow",), _mlflow),
)
"""Each with the beginnings of the names that it reads, behind the end of a line: without these it finds nothing."""
