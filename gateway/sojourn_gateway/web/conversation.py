"""What was said in a session: the messages of its model calls, each once, with tool calls inline."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeVar

from sojourn import semconv
from sojourn_gateway import wording
from sojourn_gateway.model.messages import Media, Message, Reasoning, Text, ToolCall, ToolResult, parse_messages
from sojourn_gateway.model.tree import Placed
from sojourn_gateway.web.decided import read_decided
from sojourn_gateway.web.links import session_href
from sojourn_gateway.web.marks import span_cost_mark
from sojourn_gateway.web.pictures import picture_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.model.span import Span
    from sojourn_gateway.web.marks import CostMark

__all__ = [
    "Call", "Conversation", "Entry", "Heard", "Turn", "is_silent", "listen", "outermost", "tell",
]  # fmt: skip

NOTES: Final = 300
"""How many decisions, hand-overs, checks and changes of state stand between them."""
_MOST: Final = 8_000
_MOST_PICTURES: Final = 16_000_000
"""Characters of pictures in a page; the steps of the others show them."""
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
    pictures: tuple[str, ...]
    href: str
    span_id: str
    trace_id: str
    model: str = ""
    tokens: str = ""
    duration: str = ""
    cost: CostMark | None = None
    error: str = ""
    pending: bool = False
    note: bool = False
    """It tells what was decided; nobody said it."""
    warned: bool = False
    """A check that was not passed."""


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
    """How many calls of models follow those that are told."""


@dataclass(slots=True)
class _Memory:
    """Which messages were shown, so that a history that is sent again with every call shows once."""

    threads: list[list[Message]] = field(default_factory=list[list[Message]])
    seen: set[Message] = field(default_factory=set[Message])

    def fresh(self, messages: Sequence[Message], answers: Sequence[Message], *, begins: bool) -> list[Message]:
        """The messages that this call adds to the longest history that it continues; when it `begins` a turn, one."""
        best = max(self.threads, key=lambda thread: _common(thread, messages), default=None)
        known = _common(best, messages) if best is not None else 0
        # Histories are also cut and summarised, so beyond the common begin only what was never shown is new, and
        # what is asked last, which may well repeat an earlier "yes".
        last = len(messages) - 1
        new = [said for at, said in enumerate(messages) if at >= known and (at == last or said not in self.seen)]
        whole = [*messages, *answers]
        if begins and not new and messages and messages[last].role.lower() in ("user", "human"):
            # The same question once more, from the beginning: it was asked in this turn too.
            new = [messages[last]]
        if best is not None and known == len(best):
            self.threads.remove(best)
        self.threads = [*self.threads[-15:], whole]
        self.seen.update(whole)
        return new


class Stepped(Placed, Protocol):
    """What tells the outermost calls of models."""

    @property
    def step(self) -> str: ...


S = TypeVar("S", bound=Stepped)


@dataclass(frozen=True, slots=True)
class Heard:
    """Calls of models, in order of start, and the messages that went into them and came out."""

    calls: tuple[Span, ...]
    asked: tuple[Sequence[Message], ...]
    said: tuple[Sequence[Message], ...]

    @property
    def offered(self) -> set[str]:
        """The ids of the tool calls that these messages ask for."""
        parts = (part for messages in [*self.asked, *self.said] for message in messages for part in message.parts)
        return {part.id for part in parts if isinstance(part, ToolCall)}

    @property
    def results(self) -> dict[str, str]:
        """What the model was told that a tool gave back, by the id of the call."""
        parts = (part for messages in self.asked for message in messages for part in message.parts)
        return {part.id: part.result for part in parts if isinstance(part, ToolResult) and part.id}


def listen(calls: Sequence[Span]) -> Heard:
    """Read the messages of some calls."""
    return Heard(
        tuple(calls),
        tuple(parse_messages(span.system, role="system") + parse_messages(span.input, role="user") for span in calls),
        tuple(parse_messages(span.output, role="assistant") for span in calls),
    )


def is_silent(heard: Heard) -> bool:
    """Whether models were called and nothing of what was said was recorded."""
    return bool(heard.calls) and not any((*heard.asked, *heard.said)) and all(span.end_ns for span in heard.calls)


def tell(
    session_id: str,
    heard: Heard,
    tools: Mapping[str, Span],
    notes: Sequence[Span],
    names: Mapping[str, str],
    *,
    skip: int = 0,
    number: int = 1,
) -> tuple[Turn, ...]:
    """The turns of some calls.

    `tools` are the steps that ran tools by the id of the call, `names` those of the traces; among `notes` are the steps
    that say what was decided. The first `skip` calls are known to the reader and are there to be remembered; the turn
    of the first one behind them has `number`.
    """
    results, offered = heard.results, heard.offered
    memory = _Memory()
    heard_ns: int | None = None
    for at in range(skip):
        begins = at == 0 or heard.calls[at].trace_id != heard.calls[at - 1].trace_id
        memory.fresh(heard.asked[at], heard.said[at], begins=begins)
        heard_ns = max(heard_ns or 0, heard.calls[at].end_ns or heard.calls[at].start_ns)
    goes_on = heard.calls[skip - 1].trace_id if skip else ""
    waiting_in = _notes(session_id, notes)
    turns: list[Turn] = []
    lines = list(zip(heard.calls, heard.asked, heard.said, strict=True))[skip:]
    last = {span.trace_id: span for span, _, _ in lines}
    room = _MOST_PICTURES
    for count, (trace_id, group) in enumerate(groupby(lines, key=lambda line: line[0].trace_id)):
        entries: list[Entry] = []
        own = list(group)
        first = own[0][0]
        idle_ns = 0 if heard_ns is None else first.start_ns - heard_ns
        waiting = waiting_in.get(trace_id, [])
        for span, before, after in own:
            while waiting and waiting[0][0] < span.start_ns:
                entries.append(waiting.pop(0)[1])
            begins = span is first and (count > 0 or trace_id != goes_on)
            entries += [
                _entry(session_id, span, message, tools, results)
                for message in memory.fresh(before, after, begins=begins)
                if not _answers_only(message, offered)
            ]
            # A call that has not answered, or never will, still stands in its place.
            silent = not after and (span.status == "error" or span.end_ns is None)
            answers = (Message("assistant", ()),) if silent else after
            entries += [_answer(session_id, span, message, tools, results) for message in answers]
            heard_ns = max(heard_ns or 0, span.end_ns or span.start_ns)
        if own[-1][0] is last[trace_id]:
            entries += [entry for _, entry in waiting]
        for place, entry in enumerate(entries):
            room -= sum(map(len, entry.pictures))
            if entry.pictures and room < 0:
                entries[place] = replace(entry, pictures=())
        turns.append(
            Turn(
                number=number + count,
                name=names.get(trace_id, first.name),
                at=wording.clock(first.start_ns),
                idle=wording.duration(idle_ns / 1e9) if idle_ns > _IDLE_NS else "",
                entries=tuple(entries),
            )
        )
    return tuple(turns)


def _notes(session_id: str, spans: Sequence[Span]) -> dict[str, list[tuple[int, Entry]]]:
    """What was decided between the calls, by trace, with the time of each."""
    found: dict[str, list[tuple[int, Entry]]] = {}
    left = NOTES
    for span in spans:
        decided = read_decided(span)
        if decided is None or decided.repeats or not decided.sentence or span.step in ("model", "tool") or not left:
            continue
        left -= 1
        entry = Entry(
            speaker="other",
            role=decided.label,
            text=decided.sentence,
            cut=0,
            reasoning="",
            calls=(),
            pictures=(),
            href=session_href(session_id, view="conversation", span=span.span_id),
            span_id=span.span_id,
            trace_id=span.trace_id,
            note=decided.kind != "response",
            warned=decided.kind == "guardrail" and span.attributes.get(semconv.GUARDRAIL_PASSED) is False,
        )
        found.setdefault(span.trace_id, []).append((span.start_ns, entry))
    return found


def outermost(steps: Sequence[S]) -> list[S]:
    """Model calls that stand under no other model call: a framework's, not the provider's below it again."""
    by_id = {(step.trace_id, step.span_id): step for step in steps}
    found: list[S] = []
    for step in steps:
        if step.step != "model":
            continue
        parent, tried = by_id.get((step.trace_id, step.parent_id or "")), 0
        while parent is not None and parent.step != "model" and tried < 100:
            parent, tried = by_id.get((parent.trace_id, parent.parent_id or "")), tried + 1
        if parent is None or parent.step != "model":
            found.append(step)
    return found


def _entry(
    session_id: str, span: Span, message: Message, tools: Mapping[str, Span], results: Mapping[str, str]
) -> Entry:
    text = "\n\n".join(_words(message))
    return Entry(
        speaker=_SPEAKERS.get(message.role.lower(), "other"),
        role=message.role,
        text=text[:_MOST],
        cut=max(0, len(text) - _MOST),
        reasoning="\n\n".join(part.text for part in message.parts if isinstance(part, Reasoning))[:_MOST],
        calls=tuple(_call(session_id, p, tools, results) for p in message.parts if isinstance(p, ToolCall)),
        pictures=tuple(filter(None, (picture_of(p.text) for p in message.parts if isinstance(p, Media)))),
        href=session_href(session_id, view="conversation", span=span.span_id),
        span_id=span.span_id,
        trace_id=span.trace_id,
    )


def _answer(
    session_id: str, span: Span, message: Message, tools: Mapping[str, Span], results: Mapping[str, str]
) -> Entry:
    return replace(
        _entry(session_id, span, message, tools, results),
        model=span.model,
        tokens=f"{span.tokens.input:,} → {span.tokens.output:,}" if span.tokens.total else "",
        duration="" if span.duration_ns is None else wording.duration(span.duration_ns / 1e9),
        cost=span_cost_mark(span),
        pending=span.end_ns is None,
        error=(span.status_message or span.error_type or "failed") if span.status == "error" else "",
    )


def _call(session_id: str, call: ToolCall, tools: Mapping[str, Span], results: Mapping[str, str]) -> Call:
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
