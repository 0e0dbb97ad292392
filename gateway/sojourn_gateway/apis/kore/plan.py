"""Which events a session consists of, and in which order: decided by its outline alone, without what was said.

So the same events are counted in a list, shown in full, and exported a piece at a time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.model.outline import HANDOFFS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sojourn_gateway.model.log import LogLine
    from sojourn_gateway.model.outline import Outline, SessionOutline, Turn

__all__ = [
    "Planned",
    "branch_of",
    "counted",
    "decision_kind",
    "failed",
    "handoff_of",
    "plan",
    "routed_to",
    "speaks",
    "turns_asked",
]

_SPEAKS: Final = ("model", "agent", "workflow", "chain")
_ANSWERS: Final = 3
"""Calls of a turn, from its last one back, in which the answer is looked for: the last may have asked for a tool."""
_BRANCH: Final = "branch:"


@dataclass(frozen=True, slots=True)
class Planned:
    """An event to be. It is of a step, or of an error that the program recorded by hand."""

    type: str
    trace_id: str
    span_id: str
    parent_id: str | None
    timestamp_ns: int
    turn: int | None
    agent: str | None
    step: Outline | None
    line: LogLine | None = None
    part: int = 0
    """Which of the events of its step."""
    beside: tuple[Outline, ...] = field(default=())
    """Other steps that tell of it: calls around this one, whose usage it bears; calls that may hold a turn's answer."""
    preview: str = ""
    """Of a turn's answer: its beginning."""
    is_implied: bool = False
    """A decision that no step of its own tells."""

    @property
    def sources(self) -> tuple[Outline, ...]:
        """The steps whose content it needs."""
        return self.beside if self.step is None else (self.step, *self.beside)


def plan(session: SessionOutline, errors: Sequence[LogLine] = ()) -> list[Planned]:
    """The events in order of time. `errors` are those by hand that count by themselves."""
    ranks = {turn.trace_id: rank for rank, turn in enumerate(session.turns, 1)}
    decided = _decided(session.steps)
    bearing = _bearing(session.steps)
    own_failures = {step.key for step in failed(session.steps)}
    planned = [
        _planned(kind, part, step, ranks, bearing.get(step.key, ()) if kind == "llm_call" else (), implied=implied)
        for step in session.steps
        for part, (kind, implied) in enumerate(_types(step, decided, failed_itself=step.key in own_failures))
    ]
    planned += _answers(session, ranks)
    agents = {step.key: step.agent for step in session.steps}
    planned += [_by_hand(line, ranks, agents) for line in errors]
    planned.sort(key=lambda one: one.timestamp_ns)
    return planned


def failed(steps: Sequence[Outline]) -> list[Outline]:
    """The steps that failed by themselves, not by a failure of the same kind inside them."""
    found = [step for step in steps if step.is_error]
    passed_on = {(step.trace_id, step.parent_id, step.error_type) for step in found}
    return [step for step in found if (*step.key, step.error_type) not in passed_on]


def handoff_of(told: Mapping[str, object]) -> tuple[str, str] | None:
    """From which agent to which a step hands over, of any sender; None for a step that does not."""
    for giver, taker in HANDOFFS:
        if _says(told.get(taker)):
            return str(told.get(giver) or ""), str(told[taker])
    return None


def routed_to(told: Mapping[str, object]) -> tuple[str, ...]:
    """Where a node of a graph sends its work next, as far as it says."""
    return _texts(told.get(semconv.LANGGRAPH_GOTO))


def decision_kind(planned: Planned) -> str | None:
    """Of a decision, its kind; `unknown` when none was recorded."""
    if planned.type != "decision" or planned.step is None:
        return None
    if planned.is_implied:
        return "routing" if handoff_of(planned.step.told) is None else "handoff"
    return str(planned.step.told.get(semconv.DECISION_KIND) or "unknown")


def branch_of(told: Mapping[str, object]) -> tuple[str, str] | None:
    """The node and the condition by which this one was reached; None when no condition was."""
    for trigger in _texts(told.get(semconv.LANGGRAPH_TRIGGERS)):
        # `branch:<node>:<condition>:<this node>`; `branch:to:<this node>` says of no condition.
        words = trigger.removeprefix(_BRANCH).split(":")
        if trigger.startswith(_BRANCH) and len(words) >= 3:
            return words[0], ":".join(words[1:-1])
    return None


@dataclass(frozen=True, slots=True)
class _Decided:
    """The decisions that steps of their own tell."""

    under: frozenset[tuple[str, str | None]]
    """Trace and parent of each."""
    handoffs: frozenset[tuple[str, str]]
    """Trace and target of those that hand over."""


def _decided(steps: Iterable[Outline]) -> _Decided:
    decisions = [step for step in steps if _kind(step) == "decision"]
    return _Decided(
        frozenset((step.trace_id, step.parent_id) for step in decisions),
        frozenset(
            (step.trace_id, str(target) if _says(target) else "")
            for step in decisions
            for target in (step.told.get(semconv.DECISION_TARGET),)
            if step.told.get(semconv.DECISION_KIND) == "handoff"
        ),
    )


def _types(step: Outline, decided: _Decided, *, failed_itself: bool) -> Iterator[tuple[str, bool]]:
    """The events of a step in order, and which of them no step of its own tells."""
    if step.counts_call:
        yield "llm_call", False
    if step.step == "tool":
        yield "tool_call", False
    # Most steps say nothing of themselves that decides.
    kind = _kind(step)
    handing = handoff_of(step.told) if step.told else None
    if kind == "guardrail" or step.step == "guardrail":
        yield "guardrail_eval", False
    elif kind in ("decision", "state_change", "response"):
        yield kind, False
    if not step.told:
        pass
    elif kind == "handoff" or (handing is not None and kind != "decision"):
        if (step.trace_id, "" if handing is None else handing[1]) not in decided.handoffs:
            yield "decision", True
        yield "delegate" if _says(step.told.get(semconv.HANDOFF_TASK)) else "handoff", False
    elif _is_routing(step, decided):
        yield "decision", True
    if step.step == "tool" and step.end_ns is not None:
        yield "tool_result", False
    if failed_itself:
        yield "error", False


def _is_routing(step: Outline, decided: _Decided) -> bool:
    told_itself = step.key in decided.under or (step.trace_id, step.parent_id) in decided.under
    return bool(routed_to(step.told) or branch_of(step.told)) and not told_itself


def _planned(
    kind: str, part: int, step: Outline, ranks: Mapping[str, int], beside: tuple[Outline, ...], *, implied: bool
) -> Planned:
    # An error is a moment: that in which the step failed.
    moment = step.end_ns if kind == "error" and step.end_ns is not None else step.start_ns
    return Planned(
        type=kind,
        trace_id=step.trace_id,
        span_id=step.span_id,
        parent_id=step.parent_id,
        timestamp_ns=moment,
        turn=ranks.get(step.trace_id),
        agent=step.agent,
        step=step,
        part=part,
        beside=beside,
        is_implied=implied,
    )


def _answers(session: SessionOutline, ranks: Mapping[str, int]) -> Iterator[Planned]:
    """The answer of each turn that came to an end, unless a step says it."""
    by_trace: dict[str, list[Outline]] = {}
    for step in session.steps:
        by_trace.setdefault(step.trace_id, []).append(step)
    for turn in session.turns:
        steps = by_trace.get(turn.trace_id, [])
        if not turn.answered or not _came_to_an_end(steps) or any(_kind(step) == "response" for step in steps):
            continue
        outermost = _outermost(steps)
        calls = sorted((step for step in steps if step.counts_call), key=lambda step: step.end_ns or 0)
        yield Planned(
            type="response",
            trace_id=turn.trace_id,
            span_id=outermost.span_id,
            parent_id=outermost.parent_id,
            timestamp_ns=max(step.end_ns or 0 for step in steps),
            turn=ranks[turn.trace_id],
            agent=outermost.agent,
            step=outermost,
            part=99,
            beside=tuple(reversed(calls[-_ANSWERS:])),
            preview=turn.answered,
        )


def _came_to_an_end(steps: Sequence[Outline]) -> bool:
    if not speaks(steps) or any(step.end_ns is None for step in steps):
        return False
    return not _outermost(steps).is_error


def speaks(steps: Iterable[Outline]) -> bool:
    """Whether somebody is asked and answers in a turn."""
    return any(step.step in _SPEAKS for step in steps)


def _outermost(steps: Sequence[Outline]) -> Outline:
    known = {step.span_id for step in steps}
    return next((step for step in steps if step.parent_id not in known), steps[0])


def _by_hand(line: LogLine, ranks: Mapping[str, int], agents: Mapping[tuple[str, str], str | None]) -> Planned:
    trace_id, span_id = line.trace_id or "", line.span_id or ""
    return Planned(
        type="error",
        trace_id=trace_id,
        span_id=span_id,
        parent_id=None,
        timestamp_ns=line.time_ns,
        turn=ranks.get(trace_id),
        agent=agents.get((trace_id, span_id)),
        step=None,
        line=line,
    )


def _bearing(steps: Sequence[Outline]) -> dict[tuple[str, str], tuple[Outline, ...]]:
    """The calls that bear the usage of a call around them: the first one inside it, when no call inside says it too."""
    outer = {step.key: step for step in steps if step.counts_usage and not step.counts_call}
    if not outer:
        return {}
    parents = {step.key: (step.trace_id, step.parent_id or "") for step in steps}
    found: dict[tuple[str, str], tuple[Outline, ...]] = {}
    for step in steps:
        if not step.counts_call:
            continue
        seen = {step.key}
        at = parents[step.key]
        while at in parents and at not in seen:
            seen.add(at)
            if (around := outer.pop(at, None)) is not None:
                found[step.key] = (*found.get(step.key, ()), around)
            at = parents[at]
    return found


def counted(planned: Iterable[Planned]) -> Counter[str]:
    """How many events of each type."""
    return Counter(one.type for one in planned)


def turns_asked(session: SessionOutline) -> list[Turn]:
    """The turns in which somebody asked something."""
    by_trace: dict[str, list[Outline]] = {}
    for step in session.steps:
        by_trace.setdefault(step.trace_id, []).append(step)
    return [turn for turn in session.turns if turn.asked and speaks(by_trace.get(turn.trace_id, ()))]


def _kind(step: Outline) -> str:
    return str(step.told.get(semconv.KIND, "")).lower() if step.told else ""


def _says(value: object) -> bool:
    """Whether a step names somebody, or something, there: a number is no name, where events are only counted too."""
    return bool(value) and not isinstance(value, int | float)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, list):
        items: list[object] = value  # pyright: ignore[reportUnknownVariableType]  # JSON of a sender
        return tuple(one for one in items if isinstance(one, str) and one)
    return ()
