"""The one mapping of steps to events: what each type says of its step, under Kore's keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn_gateway.apis.agentops.json_text import parse_json
from sojourn_gateway.apis.kore.event import Event
from sojourn_gateway.apis.kore.plan import branch_of, handoff_of, routed_to
from sojourn_gateway.apis.kore.times import present_amount, present_ms, present_time
from sojourn_gateway.model.messages import ToolCall, ToolResult, parse_messages, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from sojourn_gateway.apis.kore.plan import Planned
    from sojourn_gateway.model.messages import Message
    from sojourn_gateway.model.outline import Outline
    from sojourn_gateway.model.span import Json, Span

    Spans = Mapping[tuple[str, str], Span]

__all__ = ["event_of", "messages_of"]

_HAND_MADE: Final = "program"
_LASTING: Final = ("llm_call", "tool_result", "decision", "handoff", "delegate", "guardrail_eval", "state_change")
"""What has a duration: that of its step. A call of a tool, an error and an answer are moments."""


@dataclass(frozen=True, slots=True)
class _Source:
    """An event to be, its step, and what is known of the steps that tell of it."""

    planned: Planned
    step: Outline
    span: Span | None
    spans: Spans

    @property
    def attributes(self) -> Mapping[str, Json]:
        """What the step says; nothing when it is not there any more."""
        return {} if self.span is None else self.span.attributes


def event_of(planned: Planned, seq: int, session_id: str, spans: Spans) -> Event:
    """The event, with what its steps say."""
    step = planned.step
    span = None if step is None else spans.get(step.key)
    data = _by_hand(planned) if step is None else _DATA[planned.type](_Source(planned, step, span, spans))
    lasted = None
    if planned.type in _LASTING and step is not None and step.end_ns is not None:
        lasted = present_ms(step.end_ns - step.start_ns)
    is_failed = planned.type == "error" or (
        planned.type in ("llm_call", "tool_result") and step is not None and step.is_error
    )
    return Event(
        id=_id(planned),
        session_id=session_id,
        trace_id=planned.trace_id,
        span_id=planned.span_id,
        parent_span_id=planned.parent_id,
        seq=seq,
        timestamp_ns=planned.timestamp_ns,
        duration_ms=lasted,
        type=planned.type,
        data=data,
        agent_name=planned.agent,
        turn=planned.turn,
        has_error=is_failed,
        name=_name(planned),
    )


def messages_of(text: str | None, system: str | None) -> list[dict[str, Any]]:
    """What a model was told, message by message."""
    told = [*parse_messages(system, role="system"), *parse_messages(text, role="user")]
    return [_message(one) for one in told]


def _message(message: Message) -> dict[str, Any]:
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    content = "\n".join(one for one in (plain_text((message,)), *(part.result for part in results)) if one)
    shown: dict[str, Any] = {"role": message.role, "content": content}
    if calls := _tool_calls((message,)):
        shown["toolCalls"] = calls
    if results and results[0].id:
        shown["toolCallId"] = results[0].id
    return shown


def _tool_calls(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [
        {"id": part.id, "name": part.name, "arguments": parsed(part.arguments)}
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCall)
    ]


def parsed(text: object) -> Json:
    """What was written as JSON, and anything else as it is."""
    if not isinstance(text, str):
        return text
    try:
        return parse_json(text)
    except ValueError:
        return text


def _id(planned: Planned) -> str:
    if planned.line is not None:
        told = planned.line.attributes.get(semconv.EVENT_ID) or planned.line.attributes.get(semconv.LOG_UID)
        return f"{planned.trace_id}-{planned.span_id}-log-{told or planned.timestamp_ns}"
    return f"{planned.trace_id}-{planned.span_id}-{planned.part}"


def _name(planned: Planned) -> str:
    if planned.step is not None:
        return planned.step.name
    assert planned.line is not None
    return str(planned.line.attributes.get(semconv.EXCEPTION_TYPE) or planned.line.event)


def _call(at: _Source) -> dict[str, Any]:
    if at.span is None:
        return {"model": None, "provider": None}
    bears = [at.span, *(found for one in at.planned.beside if (found := at.spans.get(one.key)) is not None)]
    sent = sum(one.tokens.input for one in bears)
    received = sum(one.tokens.output for one in bears)
    replied = parse_messages(at.span.output, role="assistant")
    attributes = at.span.attributes
    data: dict[str, Any] = {
        "model": next((one.model for one in bears if one.model), None),
        "provider": next((one.provider for one in bears if one.provider), None),
        "operation": at.span.operation or None,
        "usage": {
            "inputTokens": sent,
            "outputTokens": received,
            "totalTokens": sent + received,
            "cachedTokens": sum(one.tokens.cache_read for one in bears),
            "cacheCreationTokens": sum(one.tokens.cache_write for one in bears),
            "reasoningTokens": sum(one.tokens.reasoning for one in bears),
            "audioInputTokens": _whole(attributes.get(semconv.USAGE_AUDIO_INPUT_TOKENS)),
            "audioOutputTokens": _whole(attributes.get(semconv.USAGE_AUDIO_OUTPUT_TOKENS)),
        },
        "latencyMs": None if at.step.end_ns is None else present_ms(at.step.end_ns - at.step.start_ns),
        "estimatedCost": present_amount(_cost(bears)),
        "messages": messages_of(at.span.input, at.span.system) if at.span.input is not None else None,
        "response": plain_text(replied) if at.span.output is not None else None,
        "finishReason": at.span.finish_reasons[0] if at.span.finish_reasons else None,
        "temperature": _number(attributes.get(semconv.REQUEST_TEMPERATURE)),
        "streamingUsed": attributes.get(semconv.REQUEST_STREAM) is True,
        "timeToFirstTokenMs": _first_token_ms(attributes),
        "toolCalls": _tool_calls(replied),
    }
    prompt = _prompt(attributes)
    if prompt is not None:
        data["prompt"] = prompt
    if at.step.is_error:
        data |= {"error": _said_of_failure(at.span), "code": at.step.error_type or None}
    return data


def _prompt(attributes: Mapping[str, Json]) -> dict[str, Any] | None:
    names = (
        semconv.PROMPT_NAME,
        semconv.GEN_AI_PROMPT_NAME,
        *(f"{one}prompt_name" for one in semconv.PROMOTED_PREFIXES),
    )
    name = next((attributes[one] for one in names if attributes.get(one)), None)
    return None if name is None else {"name": str(name), "version": attributes.get(semconv.GEN_AI_PROMPT_VERSION)}


def _cost(bears: Sequence[Span]) -> Decimal | None:
    known = [one.cost for one in bears if one.cost is not None]
    return sum(known[1:], start=known[0]) if known else None


def _tool_call(at: _Source) -> dict[str, Any]:
    if at.span is None:
        return {"toolName": at.step.name}
    return {
        "toolName": at.span.tool_name or at.span.name,
        "toolType": str(at.span.attributes.get(semconv.TOOL_TYPE) or "function"),
        "callId": at.span.tool_call_id or None,
        "input": parsed(at.span.input),
    }


def _tool_result(at: _Source) -> dict[str, Any]:
    data: dict[str, Any] = {
        "toolName": at.step.name if at.span is None else at.span.tool_name or at.span.name,
        "callId": None if at.span is None else at.span.tool_call_id or None,
        "success": not at.step.is_error,
        "output": None if at.span is None else parsed(at.span.output),
        "latencyMs": None if at.step.end_ns is None else present_ms(at.step.end_ns - at.step.start_ns),
        "error": _said_of_failure(at.span) if at.step.is_error and at.span is not None else None,
    }
    if at.step.is_error:
        data["code"] = at.step.error_type or None
    if at.span is not None and at.span.cost_source == "reported":
        data["estimatedCost"] = present_amount(at.span.cost)
    return data


def _decision(at: _Source) -> dict[str, Any]:
    if at.planned.is_implied:
        return _implied(at.step)
    told = at.attributes
    candidates = parsed(told.get(semconv.DECISION_CANDIDATES))
    return {
        "decisionKind": str(told.get(semconv.DECISION_KIND) or "unknown"),
        "decision": told.get(semconv.DECISION_MADE),
        "outcome": told.get(semconv.DECISION_OUTCOME),
        "matched": told.get(semconv.DECISION_MATCHED),
        "reasoning": told.get(semconv.DECISION_REASONING),
        "condition": told.get(semconv.DECISION_CONDITION),
        "target": told.get(semconv.DECISION_TARGET),
        "candidates": candidates if isinstance(candidates, list) else [],
    }


def _implied(step: Outline) -> dict[str, Any]:
    """A decision that a step shows by what it did."""
    data: dict[str, Any] = dict.fromkeys(("outcome", "matched", "reasoning", "condition"))
    handing = handoff_of(step.told)
    if handing is not None:
        return {"decisionKind": "handoff", "decision": handing[1], **data, "target": handing[1], "candidates": []}
    targets = routed_to(step.told)
    branch = branch_of(step.told)
    if not targets and branch is not None:
        targets = (str(step.told.get(semconv.LANGGRAPH_NODE) or step.name),)
        data["condition"] = branch[1]
    return {
        "decisionKind": "routing",
        "decision": ", ".join(targets),
        **data,
        "target": targets[0] if targets else None,
        "candidates": [{"target": one, "condition": None, "result": True, "reason": None} for one in targets[1:]],
    }


def _handoff(at: _Source) -> dict[str, Any]:
    giver, taker = handoff_of(at.step.told) or ("", "")
    told = at.attributes
    return {
        "fromAgent": giver or at.step.agent,
        "toAgent": taker or None,
        "reason": told.get(semconv.HANDOFF_REASON),
        "timestamp": present_time(at.step.start_ns),
    }


def _delegate(at: _Source) -> dict[str, Any]:
    shown = _handoff(at)
    return {
        "fromAgent": shown["fromAgent"],
        "toAgent": shown["toAgent"],
        "task": at.step.told.get(semconv.HANDOFF_TASK),
        "duration_ms": None if at.step.end_ns is None else present_ms(at.step.end_ns - at.step.start_ns),
    }


def _guardrail(at: _Source) -> dict[str, Any]:
    told = at.attributes
    passed: Json = told.get(semconv.GUARDRAIL_PASSED)
    if passed is None and at.step.is_error:
        passed = False
    action: Json = told.get(semconv.GUARDRAIL_ACTION)
    if action is None and passed is not None:
        action = "allow" if passed else "block"
    reason: Json = told.get(semconv.GUARDRAIL_REASON)
    if reason is None and at.step.is_error and at.span is not None:
        reason = _said_of_failure(at.span)
    return {
        "guardrail": str(told.get(semconv.GUARDRAIL_NAME) or at.step.name),
        "stage": told.get(semconv.GUARDRAIL_SPEC),
        "passed": passed,
        "action": action,
        "score": told.get(semconv.GUARDRAIL_SCORE),
        "reason": reason,
    }


def _state_change(at: _Source) -> dict[str, Any]:
    told = at.attributes
    return {
        "key": told.get(semconv.STATE_KEY),
        "oldValue": parsed(told.get(semconv.STATE_OLD)),
        "newValue": parsed(told.get(semconv.STATE_NEW)),
    }


def _error(at: _Source) -> dict[str, Any]:
    thrown = _thrown(at.span)
    kind = thrown.get(semconv.EXCEPTION_TYPE) or at.step.error_type or None
    return {
        "code": None if kind is None else str(kind),
        "message": None if at.span is None else _said_of_failure(at.span),
        "stack": thrown.get(semconv.EXCEPTION_STACKTRACE),
        "source": at.step.name,
    }


def _by_hand(planned: Planned) -> dict[str, Any]:
    assert planned.line is not None
    told = planned.line.attributes
    message: Json = told.get(semconv.EXCEPTION_MESSAGE)
    return {
        "code": told.get(semconv.ERROR_TYPE) or told.get(semconv.EXCEPTION_TYPE),
        "message": planned.line.message if message is None else message,
        "stack": told.get(semconv.EXCEPTION_STACKTRACE),
        "source": told.get(semconv.TRIGGER_TYPE) or _HAND_MADE,
    }


def _response(at: _Source) -> dict[str, Any]:
    if not at.planned.preview:
        told = at.attributes
        text = None if at.span is None else at.span.output
        return {
            "text": _text_of(text),
            "format": told.get(semconv.RESPONSE_FORMAT) or "text",
        }
    for call in at.planned.beside:
        said = at.spans.get(call.key)
        if said is not None and (text := plain_text(parse_messages(said.output, role="assistant"))):
            return {"text": text, "format": "text"}
    whole = "" if at.span is None else plain_text(parse_messages(at.span.output, role="assistant"))
    return {"text": whole or at.planned.preview, "format": "text"}


def _text_of(output: str | None) -> str | None:
    return None if output is None else plain_text(parse_messages(output, role="assistant"))


def _said_of_failure(span: Span) -> str | None:
    thrown = _thrown(span)
    said = thrown.get(semconv.EXCEPTION_MESSAGE) or span.status_message or span.error_type
    return str(said) if said else None


def _thrown(span: Span | None) -> Mapping[str, Json]:
    """What the last exception of a step says of itself."""
    nothing: Mapping[str, Json] = {}
    events = () if span is None else span.events
    return next((one.attributes for one in reversed(events) if one.name == semconv.EXCEPTION_EVENT), nothing)


def _first_token_ms(attributes: Mapping[str, Json]) -> float | None:
    seconds = _number(attributes.get(semconv.RESPONSE_TIME_TO_FIRST_CHUNK))
    if seconds is not None:
        return round(seconds * 1000, 3)
    return _number(attributes.get("ai.response.msToFirstChunk"))


def _number(value: Json) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Json) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


_DATA: Final[dict[str, Callable[[_Source], dict[str, Any]]]] = {
    "llm_call": _call,
    "tool_call": _tool_call,
    "tool_result": _tool_result,
    "decision": _decision,
    "handoff": _handoff,
    "delegate": _delegate,
    "guardrail_eval": _guardrail,
    "state_change": _state_change,
    "error": _error,
    "response": _response,
}
