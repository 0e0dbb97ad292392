"""One step in full: what it took, what it gave, and every fact that was recorded of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from sojourn import semconv
from sojourn_gateway import wording
from sojourn_gateway.model.messages import Media, Reasoning, Text, ToolCall, ToolResult, as_text, parse_messages
from sojourn_gateway.web.decided import read_decided
from sojourn_gateway.web.grades import grades_of
from sojourn_gateway.web.links import session_href
from sojourn_gateway.web.marks import span_cost_mark, step_label
from sojourn_gateway.web.pictures import picture_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.model.messages import Message, Part
    from sojourn_gateway.model.score import Score
    from sojourn_gateway.model.span import CostSource, Json, Span, SpanEvent
    from sojourn_gateway.web.grades import Grade

__all__ = ["Inspector", "inspect"]

_MOST: Final = 20_000
_SHOWN_APART: Final = frozenset(
    {
        semconv.INPUT_MESSAGES,
        semconv.OUTPUT_MESSAGES,
        semconv.SYSTEM_INSTRUCTIONS,
        semconv.TOOL_CALL_ARGUMENTS,
        semconv.TOOL_CALL_RESULT,
        semconv.INPUT,
        semconv.OUTPUT,
        semconv.DECISION_CANDIDATES,
    }
)

_COST_SOURCES: Final[dict[CostSource, str]] = {
    "reported": "as the program reported it",
    "priced": "by the price table",
    "partial": "partial: the price table leaves something out",
    "unpriced": "no price is known",
    "none": "",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of content: who said it or what it is, and its text."""

    label: str
    kind: Literal["text", "code", "reasoning", "picture"]
    text: str
    """What is shown; of a picture its address."""
    cut: int
    """How many characters were left out."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event inside the step."""

    name: str
    after: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Inspector:
    """All that the panel shows."""

    name: str
    step: str
    step_label: str
    status: str
    pending: bool
    error: str
    error_type: str
    stacktrace: str
    sentence: str
    """What a step that is no call says, in words."""
    facts: tuple[Fact, ...]
    candidates: tuple[str, ...]
    input: tuple[Block, ...]
    output: tuple[Block, ...]
    content_missing: bool
    events: tuple[Happening, ...]
    attributes: tuple[Fact, ...]
    resource: tuple[Fact, ...]
    span_id: str
    trace_id: str
    close_href: str
    json_href: str
    view: str
    grades: tuple[Grade, ...]
    grade_href: str
    """Where the form of a score is sent."""


def inspect(session_id: str, span: Span, view: str = "", *, scores: Sequence[Score] = ()) -> Inspector:
    """The panel of one step with those of `scores` that are its own; closing it leads back to the session's `view`."""
    crash = next((event for event in span.events if event.name == semconv.EXCEPTION_EVENT), None)
    said: Mapping[str, Json] = {} if crash is None else crash.attributes
    spoken = span.step == "model"
    decided = read_decided(span)
    return Inspector(
        name=span.tool_name or span.name,
        step=span.step if decided is None else decided.kind,
        step_label=step_label(span.step) if decided is None else decided.label,
        status=span.status,
        pending=span.end_ns is None,
        error=span.status_message or str(said.get(semconv.EXCEPTION_MESSAGE, "")),
        error_type=span.error_type or str(said.get(semconv.EXCEPTION_TYPE, "")),
        stacktrace=str(said.get(semconv.EXCEPTION_STACKTRACE, "")),
        sentence="" if decided is None else decided.sentence,
        facts=tuple(_facts(span)) + (() if decided is None else tuple(Fact(*one) for one in decided.facts)),
        candidates=() if decided is None else decided.candidates,
        input=_blocks(span.system, "system", spoken=True) + _blocks(span.input, "user", spoken=spoken),
        output=_blocks(span.output, "assistant", spoken=spoken),
        content_missing=spoken and span.input is None and span.output is None,
        events=tuple(_happening(event, span.start_ns) for event in span.events if event is not crash),
        attributes=_table({name: value for name, value in span.attributes.items() if name not in _SHOWN_APART}),
        resource=_table(span.resource),
        span_id=span.span_id,
        trace_id=span.trace_id,
        close_href=session_href(session_id, view=view),
        json_href=f"/v1/traces/{span.trace_id}",
        view=view,
        grades=grades_of(session_id, [one for one in scores if one.resource_id == span.span_id], ()),
        grade_href=session_href(session_id),
    )


def _facts(span: Span) -> list[Fact]:
    facts = [
        Fact("Started", wording.clock(span.start_ns)),
        Fact("Duration", "running" if span.duration_ns is None else wording.duration(span.duration_ns / 1e9)),
    ]
    if span.model:
        asked = f"asked for {span.request_model}" if span.request_model not in ("", span.model) else ""
        facts.append(Fact("Model", span.model, asked))
    if span.provider:
        facts.append(Fact("Provider", span.provider))
    tokens = span.tokens
    if tokens.total:
        written = f", {tokens.cache_write:,} written to the cache" if tokens.cache_write else ""
        facts.append(
            Fact(
                "Input tokens",
                f"{tokens.input:,}",
                f"{tokens.cache_read:,} cached{written}" if tokens.cache_read or written else "",
            )
        )
        facts.append(
            Fact("Output tokens", f"{tokens.output:,}", f"{tokens.reasoning:,} reasoning" if tokens.reasoning else "")
        )
    cost = span_cost_mark(span)
    if cost.text:
        facts.append(Fact("Cost", cost.text, _COST_SOURCES[span.cost_source]))
    first = span.attributes.get(semconv.RESPONSE_TIME_TO_FIRST_CHUNK)
    if isinstance(first, int | float):
        facts.append(Fact("First chunk after", wording.duration(float(first))))
    if span.finish_reasons:
        facts.append(Fact("Finished by", ", ".join(span.finish_reasons)))
    if span.service:
        facts.append(Fact("Service", span.service))
    return facts


def _blocks(text: str | None, role: str, *, spoken: bool) -> tuple[Block, ...]:
    if text is None:
        return ()
    if spoken:
        return tuple(block for message in parse_messages(text, role=role) for block in _message_blocks(message))
    pretty = parse_messages(text, role=role)
    shown = "\n".join(_part_text(part) for message in pretty for part in message.parts) if pretty else text
    return (_block("", "code", shown),)


def _message_blocks(message: Message) -> list[Block]:
    found: list[Block] = []
    for part in message.parts:
        match part:
            case Text(text):
                found.append(_block(message.role, "text", text))
            case Reasoning(text):
                found.append(_block("reasoning", "reasoning", text))
            case ToolCall(_, name, arguments):
                found.append(_block(f"calls {name}", "code", arguments))
            case ToolResult(_, result):
                found.append(_block(f"{message.role} result", "code", result))
            case Media(what, text):
                picture = picture_of(text)
                found.append(Block(what, "picture", picture, 0) if picture else _block(what, "code", text))
    return found


def _part_text(part: Part) -> str:
    match part:
        case Text(text) | Reasoning(text) | Media(_, text):
            return text
        case ToolCall(_, name, arguments):
            return f"{name}({arguments})"
        case ToolResult(_, result):
            return result


def _block(label: str, kind: Literal["text", "code", "reasoning"], text: str) -> Block:
    return Block(label, kind, text[:_MOST], max(0, len(text) - _MOST))


def _happening(event: SpanEvent, start_ns: int) -> Happening:
    after = wording.duration(max(0, event.time_ns - start_ns) / 1e9)
    return Happening(event.name, after, _table(event.attributes))


def _table(values: Mapping[str, Json]) -> tuple[Fact, ...]:
    return tuple(_row(name, as_text(value)) for name, value in sorted(values.items()))


def _row(name: str, text: str) -> Fact:
    if len(text) <= _MOST:
        return Fact(name, text)
    return Fact(name, text[:_MOST], f"{len(text) - _MOST:,} more characters")
