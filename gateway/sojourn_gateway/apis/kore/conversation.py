"""What was said in sessions: their outlines tell which messages there are, and only those of a page are read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.apis.kore.events import event_of, messages_of
from sojourn_gateway.apis.kore.plan import turns_asked
from sojourn_gateway.apis.kore.times import present_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sojourn_gateway.apis.kore.plan import Planned
    from sojourn_gateway.apis.kore.reading import Read
    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.outline import Outline, Turn
    from sojourn_gateway.model.span import Span

    Spans = Mapping[tuple[str, str], Span]

__all__ = ["Asked", "Message", "conversation_of", "present_conversation"]

_MESSAGES_AT_ONCE: Final = 100
"""Of which the content is in memory at a time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked in a turn. The steps that tell it are its first call, and its outermost step."""

    turn: Turn
    sources: tuple[Outline, ...]

    @property
    def moment_ns(self) -> int:
        """When the turn began."""
        return self.turn.start_ns


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, the event of some rank."""

    planned: Planned
    rank: int
    session_id: str

    @property
    def moment_ns(self) -> int:
        """When it was given."""
        return self.planned.timestamp_ns

    @property
    def sources(self) -> tuple[Outline, ...]:
        """The steps whose content it needs."""
        return self.planned.sources


Message = Asked | Answered


def conversation_of(session: Read) -> list[Message]:
    """What was asked in each turn, and what was answered, in order of time."""
    askers = _askers_of(session)
    found: list[Message] = [Asked(turn, askers.get(turn.trace_id, ())) for turn in turns_asked(session.outline)]
    found += [
        Answered(one, rank, session.summary.id) for rank, one in enumerate(session.planned) if one.type == "response"
    ]
    return sorted(found, key=lambda one: one.moment_ns)


def present_conversation(serving: Services, messages: Iterable[Message]) -> Iterator[dict[str, Any]]:
    """Messages as they are shown, of any sessions; what many of them need is read at once."""
    left = iter(messages)
    while page := list(islice(left, _MESSAGES_AT_ONCE)):
        steps = {step.key: step for one in page for step in one.sources}
        spans = serving.queries.outlines.spans(serving.project, steps.values())
        for one in page:
            yield _question(one, spans) if isinstance(one, Asked) else _answer(one, spans)


def _askers_of(session: Read) -> dict[str, tuple[Outline, ...]]:
    """By trace."""
    first: dict[str, Outline] = {}
    calls: dict[str, Outline] = {}
    for step in session.outline.steps:
        first.setdefault(step.trace_id, step)
        if step.counts_call:
            calls.setdefault(step.trace_id, step)
    asked: dict[str, tuple[Outline, ...]] = {}
    for trace_id, step in first.items():
        call = calls.get(trace_id, step)
        asked[trace_id] = (step,) if call is step else (call, step)
    return asked


def _question(asked: Asked, spans: Spans) -> dict[str, Any]:
    turn = asked.turn
    return {
        "id": f"{turn.trace_id}-asked",
        "role": "user",
        "content": next(filter(None, (_asked(spans.get(step.key)) for step in asked.sources)), turn.asked),
        "timestamp": present_time(turn.start_ns),
    }


def _asked(span: Span | None) -> str:
    """The last thing that a user said to a model; a history stands before it."""
    said: Sequence[dict[str, Any]] = [] if span is None else messages_of(span.input, None)
    return next((one["content"] for one in reversed(said) if one["role"] in ("user", "human") and one["content"]), "")


def _answer(answered: Answered, spans: Spans) -> dict[str, Any]:
    event = event_of(answered.planned, answered.rank, answered.session_id, spans)
    return {
        "id": event.id,
        "role": "assistant",
        "content": event.data.get("text") or "",
        "timestamp": present_time(event.timestamp_ns),
    }
