"""The rows of a session's export: what each step and error is in AgentOps' columns."""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args
from uuid import NAMESPACE_URL, uuid5

from sojourn import semconv
from sojourn_gateway.apis.agentops.json_text import parse_json
from sojourn_gateway.apis.agentops.times import present_time
from sojourn_gateway.ingest.agentops_rows import items_of
from sojourn_gateway.model.messages import ToolCall, parse_messages, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.log import LogLine
    from sojourn_gateway.model.session import StepKind
    from sojourn_gateway.model.span import Json, Span

    ReadSteps = Callable[[StepKind], Iterable[list[Span]]]
    """Reads the steps of a session that are of one kind, some at a time."""

__all__ = ["SECTIONS", "Kind", "Row", "rows_of"]

Kind = Literal["actions", "llms", "tools", "errors", "others"]

SECTIONS: Final[tuple[Kind, ...]] = get_args(Kind)
"""Of an export, in its order."""
_STEPS: Final[Mapping[Kind, StepKind]] = {"actions": "actions", "llms": "calls", "tools": "tools", "others": "others"}
_ERRORS_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a section, under the id that its program gave it."""

    kind: Kind
    id: str
    told: dict[str, Json]


def rows_of(serving: Services, session_id: str, kind: Kind, steps: ReadSteps) -> Iterator[list[Row]]:
    """The rows of a section in order of time, some at a time, read as they are taken.

    `others` holds what AgentOps' session era had no name for: agents, workflows, calls around calls of models, ...
    """
    if kind == "errors":
        yield from _errors(serving, session_id, steps)
        return
    for spans in steps(_STEPS[kind]):
        yield [_step(session_id, span, kind) for span in spans]


def _errors(serving: Services, session_id: str, steps: ReadSteps) -> Iterator[list[Row]]:
    """Those by hand and those of steps that failed, which lie apart."""
    lines = serving.queries.session_steps.errors_by_hand(serving.project, session_id)
    by_hand = ((line.time_ns, _error_by_hand(session_id, line)) for line in lines)
    failed = ((span.start_ns, _failed_step(session_id, span)) for span in chain.from_iterable(steps("failed")))
    in_order = heapq.merge(by_hand, failed, key=itemgetter(0))
    yield from _together(row for _, row in in_order)


def _together(rows: Iterable[Row]) -> Iterator[list[Row]]:
    page: list[Row] = []
    for row in rows:
        page.append(row)
        if len(page) == _ERRORS_AT_ONCE:
            yield page
            page = []
    if page:
        yield page


def _step(session_id: str, span: Span, kind: Kind) -> Row:
    own_id = str(span.attributes.get(semconv.EVENT_ID) or span.span_id)
    common: dict[str, Json] = {
        "id": own_id,
        "session_id": session_id,
        "agent_id": str(span.attributes.get(semconv.AGENT_ID) or _default_agent(session_id)),
        "init_timestamp": present_time(span.start_ns),
        "end_timestamp": None if span.end_ns is None else present_time(span.end_ns),
    }
    if kind == "llms":
        return Row(kind, own_id, {**common, **_call(span)})
    plain = {"params": _json(span.input), "returns": _json(span.output), "logs": _json(_text(span, semconv.LOGS))}
    if kind == "tools":
        # The service had no such column; a tool that says what it cost is part of what the session cost.
        return Row(kind, own_id, {**common, "name": span.tool_name or span.name, "cost": _dollars(span), **plain})
    action = {"action_type": span.name, "screenshot": _text(span, semconv.SCREENSHOT), **plain}
    if kind == "actions":
        return Row(kind, own_id, {**common, **action})
    return Row(kind, own_id, {**common, "event_type": span.step, **action})


def _call(span: Span) -> dict[str, Json]:
    known = span.cost_source != "none"
    return {
        "thread_id": _text(span, semconv.CONVERSATION_ID),
        "prompt": _typed(span.input, _text(span, semconv.EVENT_PROMPT_FORM), several=True),
        "completion": _typed(span.output, _text(span, semconv.EVENT_COMPLETION_FORM), several=False),
        "model": span.model or None,
        "prompt_tokens": span.tokens.input if known else None,
        "completion_tokens": span.tokens.output if known else None,
        "cost": _dollars(span),
        "promptarmor_flag": None,
        "params": _json(_text(span, semconv.INPUT)),
        "returns": _json(_text(span, semconv.OUTPUT)),
    }


def _error_by_hand(session_id: str, line: LogLine) -> Row:
    told = {key: _as_text(value) for key, value in line.attributes.items()}
    own_id = told.get(semconv.EVENT_ID) or told.get(semconv.LOG_UID) or f"{line.time_ns}"
    return Row(
        "errors",
        own_id,
        {
            "id": _number(own_id),
            "session_id": session_id,
            "trigger_event_id": told.get(semconv.TRIGGER_ID),
            "trigger_event_type": told.get(semconv.TRIGGER_TYPE),
            "error_type": told.get(semconv.EXCEPTION_TYPE),
            "code": told.get(semconv.ERROR_TYPE),
            "details": told.get(semconv.EXCEPTION_MESSAGE),
            "logs": told.get(semconv.EXCEPTION_STACKTRACE),
            "timestamp": present_time(line.time_ns),
        },
    )


def _failed_step(session_id: str, span: Span) -> Row:
    thrown = next((event for event in span.events if event.name == semconv.EXCEPTION_EVENT), None)
    told = {} if thrown is None else {key: _as_text(value) for key, value in thrown.attributes.items()}
    own_id = f"{span.trace_id}{span.span_id}"
    return Row(
        "errors",
        own_id,
        {
            "id": _number(own_id),
            "session_id": session_id,
            "trigger_event_id": str(span.attributes.get(semconv.EVENT_ID) or span.span_id),
            "trigger_event_type": _TRIGGERS.get(span.step, "actions"),
            "error_type": told.get(semconv.EXCEPTION_TYPE) or span.error_type or "Error",
            "code": span.error_type or None,
            "details": told.get(semconv.EXCEPTION_MESSAGE) or span.status_message or None,
            "logs": told.get(semconv.EXCEPTION_STACKTRACE),
            "timestamp": present_time(span.start_ns if thrown is None else thrown.time_ns),
        },
    )


_TRIGGERS: Final = {"model": "llms", "embedding": "llms", "tool": "tools"}


def _typed(text: str | None, form: str | None, *, several: bool) -> Json:
    """A prompt or completion in the form that says which kind it is."""
    if text is None:
        return None
    messages = _messages(text)
    if form == "string" or not messages:
        said = plain_text(parse_messages(text, role="user"))
        return {"type": "string", "string": said if form == "string" or said else text}
    return {"type": "chatml", "messages": messages if several else messages[-1]}


def _messages(text: str) -> list[dict[str, Any]]:
    """Messages as models take them: those that came so unchanged, those in parts put together."""
    whole = _json(text)
    given = items_of(whole) or [whole]
    items = [cast("dict[str, Any]", item) for item in given if isinstance(item, dict)]
    if len(items) != len(given) or not all(isinstance(item.get("role"), str) for item in items):
        return []
    found: list[dict[str, Any]] = []
    for item, message in zip(items, parse_messages(text, role="user"), strict=True):
        if "parts" not in item:
            found.append(item)
            continue
        calls = [
            {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}
            for part in message.parts
            if isinstance(part, ToolCall)
        ]
        content = plain_text((message,))
        told: dict[str, Any] = {"role": message.role, "content": content if content or not calls else None}
        found.append({**told, "tool_calls": calls} if calls else told)
    return found


def _dollars(span: Span) -> float | None:
    return None if span.cost is None else float(span.cost)


def _default_agent(session_id: str) -> str:
    """Whoever did what no agent is named for: `Default Agent`, one of each session."""
    return str(uuid5(NAMESPACE_URL, f"{session_id}/Default Agent"))


def _number(own_id: str) -> int:
    """An id as a number that JavaScript can hold."""
    return int.from_bytes(sha256(own_id.encode()).digest()[:6], "big")


def _json(text: str | None) -> Json:
    """What was written as JSON, and any other text as it is."""
    if text is None:
        return None
    try:
        return parse_json(text)
    except ValueError:
        return text


def _text(span: Span, key: str) -> str | None:
    found = span.attributes.get(key)
    return None if found is None else _as_text(found)


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
