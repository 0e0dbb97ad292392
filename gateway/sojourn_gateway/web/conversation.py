"""What was said in a session: the messages of its model calls, each once, with tool calls inline."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal

from sojourn_gateway import wording
from sojourn_gateway.model.messages import Media, Message, Reasoning, Text, ToolCall, ToolResult, parse_messages
from sojourn_gateway.web.links import session_href
from sojourn_gateway.web.marks import span_cost_mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.model.span import Span
    from sojourn_gateway.web.marks import CostMark

__all__ = ["Conversation", "Entry", "Turn", "transcribe"]

CALLS: Final = 300
"""How many model calls a page transcribes before it stops and says so."""
_MOST: Final = 8_000
_IDLE_NS: Final = 5_000_000_000

Speaker = Literal["system", "user", "assistant", "tool", "other"]
_SPEAKERS: Final[dict[str, Speaker]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that was asked for, and what it gave back where that is known."""

    name: str
    arguments: str
    result: str | None
    failed: bool
    duration: str
    href: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One message."""

    speaker: Speaker
    role: str
    text: str
    cut: int
    """How many characters of the text were left out."""
    reasoning: str
    calls: tuple[Call, ...]
    href: str
    span_id: str
    trace_id: str
    model: str = ""
    tokens: str = ""
    duration: str = ""
    cost: CostMark | None = None
    error: str = ""
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """The messages of one trace."""

    number: int
    name: str
    at: str
    idle: str
    """How long nothing happened before it; empty when that was short."""
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """All turns; `silent` when there are model calls but their content was not recorded."""

    turns: tuple[Turn, ...]
    silent: bool
    left_out: int


@dataclass(slots=True)
class _Memory:
    """Which messages were shown, so that a history that is sent again with every call shows once."""

    threads: list[list[Message]] = field(default_factory=list[list[Message]])
    seen: set[Message] = field(default_factory=set[Message])

    def fresh(self, messages: Sequence[Message], answers: Sequence[Message]) -> list[Message]:
        """The messages that this call adds to the longest history that it continues."""
        best = max(self.threads, key=lambda thread: _common(thread, messages), default=None)
        known = _common(best, messages) if best is not None else 0
        # Histories are also cut and summarised, so beyond the common begin only what was never shown is new, and
        # what is asked last, which may well repeat an earlier "yes".
        last = len(messages) - 1
        new = [said for at, said in enumerate(messages) if at >= known and (at == last or said not in self.seen)]
        whole = [*messages, *answers]
        if best is not None and known == len(best):
            self.threads.remove(best)
        self.threads = [*self.threads[-15:], whole]
        self.seen.update(whole)
        return new


def transcribe(session_id: str, spans: Sequence[Span]) -> Conversation:
    """The conversation that a session's spans, in order of start, hold."""
    calls = _outermost(spans)
    shown = calls[:CALLS]
    tools = {span.tool_call_id: span for span in spans if span.step == "tool" and span.tool_call_id}
    asked = [parse_messages(span.system, role="system") + parse_messages(span.input, role="user") for span in shown]
    said = [parse_messages(span.output, role="assistant") for span in shown]
    results = {
        part.id: part.result
        for messages in asked
        for message in messages
        for part in message.parts
        if isinstance(part, ToolResult) and part.id
    }
    offered = {
        part.id
        for messages in [*asked, *said]
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCall)
    }
    memory = _Memory()
    roots = {span.trace_id: span for span in reversed(spans) if span.parent_id is None}
    turns: list[Turn] = []
    heard_ns: int | None = None
    lines = list(zip(shown, asked, said, strict=True))
    for number, (trace_id, group) in enumerate(groupby(lines, key=lambda line: line[0].trace_id), 1):
        entries: list[Entry] = []
        own = list(group)
        first = own[0][0]
        idle_ns = 0 if heard_ns is None else first.start_ns - heard_ns
        for span, before, after in own:
            entries += [
                _entry(session_id, span, message, tools, results)
                for message in memory.fresh(before, after)
                if not _answers_only(message, offered)
            ]
            # A call that has not answered, or never will, still stands in its place.
            silent = not after and (span.status == "error" or span.end_ns is None)
            answers = (Message("assistant", ()),) if silent else after
            entries += [_answer(session_id, span, message, tools, results) for message in answers]
            heard_ns = max(heard_ns or 0, span.end_ns or span.start_ns)
        turns.append(
            Turn(
                number=number,
                name=roots[trace_id].name if trace_id in roots else first.name,
                at=wording.clock(first.start_ns),
                idle=wording.duration(idle_ns / 1e9) if idle_ns > _IDLE_NS else "",
                entries=tuple(entries),
            )
        )
    unsaid = bool(shown) and not any(asked) and not any(said) and all(span.end_ns for span in shown)
    return Conversation(tuple(turns), unsaid, len(calls) - len(shown))


def _outermost(spans: Sequence[Span]) -> list[Span]:
    """Model calls that stand under no other model call: a framework's, not the provider's below it again."""
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    found: list[Span] = []
    for span in spans:
        if span.step != "model":
            continue
        parent, steps = by_id.get((span.trace_id, span.parent_id or "")), 0
        while parent is not None and parent.step != "model" and steps < 100:
            parent, steps = by_id.get((parent.trace_id, parent.parent_id or "")), steps + 1
        if parent is None or parent.step != "model":
            found.append(span)
    return found


def _entry(session_id: str, span: Span, message: Message, tools: dict[str, Span], results: dict[str, str]) -> Entry:
    text = "\n\n".join(_words(message))
    return Entry(
        speaker=_SPEAKERS.get(message.role.lower(), "other"),
        role=message.role,
        text=text[:_MOST],
        cut=max(0, len(text) - _MOST),
        reasoning="\n\n".join(part.text for part in message.parts if isinstance(part, Reasoning))[:_MOST],
        calls=tuple(_call(session_id, p, tools, results) for p in message.parts if isinstance(p, ToolCall)),
        href=session_href(session_id, view="conversation", span=span.span_id),
        span_id=span.span_id,
        trace_id=span.trace_id,
    )


def _answer(session_id: str, span: Span, message: Message, tools: dict[str, Span], results: dict[str, str]) -> Entry:
    return replace(
        _entry(session_id, span, message, tools, results),
        model=span.model,
        tokens=f"{span.tokens.input:,} → {span.tokens.output:,}" if span.tokens.total else "",
        duration="" if span.duration_ns is None else wording.duration(span.duration_ns / 1e9),
        cost=span_cost_mark(span),
        pending=span.end_ns is None,
        error=(span.status_message or span.error_type or "failed") if span.status == "error" else "",
    )


def _call(session_id: str, call: ToolCall, tools: dict[str, Span], results: dict[str, str]) -> Call:
    ran = tools.get(call.id)
    result = results.get(call.id)
    if ran is None:
        return Call(call.name, _short(call.arguments), None if result is None else _short(result), False, "", None)
    if ran.status == "error":
        result = ran.status_message or ran.error_type or result
    elif result is None:
        result = ran.output
    return Call(
        name=call.name or ran.tool_name,
        arguments=_short(call.arguments),
        result=None if result is None else _short(result),
        failed=ran.status == "error",
        duration="" if ran.duration_ns is None else wording.duration(ran.duration_ns / 1e9),
        href=session_href(session_id, view="conversation", span=ran.span_id),
    )


def _words(message: Message) -> list[str]:
    found: list[str] = []
    for part in message.parts:
        match part:
            case Text(text):
                found.append(text)
            case ToolResult(_, result):
                found.append(result)
            case Media(what, _):
                found.append(f"[{what}]")
            case Reasoning() | ToolCall():
                pass
    return [text for text in found if text]


def _answers_only(message: Message, offered: set[str]) -> bool:
    """Whether a message is only results of tools, which show beside their calls."""
    return bool(message.parts) and all(isinstance(part, ToolResult) and part.id in offered for part in message.parts)


def _common(thread: Sequence[Message], messages: Sequence[Message]) -> int:
    known = 0
    for left, right in zip(thread, messages, strict=False):
        if left.role != right.role or left.parts != right.parts:
            break
        known += 1
    return known


def _short(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]}\n… {len(text) - _MOST:,} more characters"
