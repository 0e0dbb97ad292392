"""Deciding: what sessions and the package itself offer to record what a program decides.

Calls of models and tools do not say why a program went one way and not the other. These methods say it, in passing:
each makes a step without length. They never raise for what they are told, and do nothing before `init`, where
recording is disabled, and in sessions that are not sampled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn.faults import contained

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sojourn.content import ContentPolicy
    from sojourn.current import Stamp
    from sojourn.decided import Decided

__all__ = ["UNTOLD", "Deciding"]


class _Untold:
    """Stands for a value that was not told; None is one that a program may have."""

    def __repr__(self) -> str:
        return "..."


UNTOLD: Final = _Untold()


class Deciding:
    """Who has these methods says what may be recorded, and writes it."""

    def taking(self) -> ContentPolicy | None:
        """What may be recorded of content; None when no step will be recorded at all."""
        raise NotImplementedError

    def note(self, name: str, facts: Mapping[str, Stamp]) -> None:
        """Write a step that begins and ends now. Its facts have passed the policy; its name has not."""
        raise NotImplementedError

    def decision(
        self,
        made: object,
        *,
        kind: str = "routing",
        outcome: object = None,
        matched: bool | None = None,
        reasoning: object = None,
        condition: object = None,
        target: object = None,
        candidates: Iterable[Mapping[str, object] | str] | None = None,
    ) -> None:
        """Record a choice of the program: what was `made`, and of which kind (`routing`, `retry`, `escalation`, ...).

        `outcome` is what came of it, `matched` whether its `condition` held, `target` where it leads. `reasoning` and
        `candidates` (names, or dicts of `target`, `condition`, `result`, `reason`) are recorded as far as content is.
        """
        with contained("deciding.decision"):
            if (told := self._told("decision", kind)) is None:
                return
            told.name(semconv.DECISION_KIND, kind)
            told.name(semconv.DECISION_MADE, made)
            told.name(semconv.DECISION_OUTCOME, outcome)
            told.flag(semconv.DECISION_MATCHED, matched)
            told.name(semconv.DECISION_CONDITION, condition)
            told.name(semconv.DECISION_TARGET, target)
            told.content(semconv.DECISION_REASONING, reasoning)
            told.candidates(semconv.DECISION_CANDIDATES, candidates)
            self.note(told.span_name, told.facts)

    def handoff(self, to: object, *, from_: object = None, reason: object = None, task: object = None) -> None:
        """Record that another agent goes on: `to` is its name, `from_` the agent at work unless it is told.

        With a `task` the control is lent, and comes back. The choice is recorded too, as a decision of the kind
        `handoff`. Agents may also be objects that have a `name`. `reason` and `task` are recorded as far as content is.
        """
        with contained("deciding.handoff"):
            if (told := self._told("handoff", to)) is None:
                return
            self.decision(to, kind="handoff", target=to, reasoning=reason)
            told.name(semconv.HANDOFF_FROM, told.agent_at_work() if from_ is None else from_)
            told.name(semconv.HANDOFF_TO, to)
            told.content(semconv.HANDOFF_REASON, reason)
            told.content(semconv.HANDOFF_TASK, task)
            self.note(told.span_name, told.facts)

    def guardrail(
        self,
        name: str,
        *,
        spec: str | None = None,
        passed: bool | None = None,
        action: str | None = None,
        score: float | None = None,
        reason: object = None,
    ) -> None:
        """Record how a check came out: whether all was well, what was done (`allow`, `block`, `redact`), how sure.

        `spec` says whether it looked at what goes into a model (`input`) or at what comes out (`output`). `reason` is
        recorded as far as content is.
        """
        with contained("deciding.guardrail"):
            if (told := self._told("guardrail", name)) is None:
                return
            told.name(semconv.GUARDRAIL_NAME, name)
            told.name(semconv.GUARDRAIL_SPEC, spec)
            told.flag(semconv.GUARDRAIL_PASSED, passed)
            told.name(semconv.GUARDRAIL_ACTION, action)
            told.number(semconv.GUARDRAIL_SCORE, score)
            told.content(semconv.GUARDRAIL_REASON, reason)
            self.note(told.span_name, told.facts)

    def state_change(self, key: object, *, old: object = UNTOLD, new: object = UNTOLD) -> None:
        """Record that a variable of the program changed; its values, of any type, as far as content is recorded."""
        with contained("deciding.state_change"):
            if (told := self._told("state_change", key)) is None:
                return
            told.name(semconv.STATE_KEY, key)
            for name, value in ((semconv.STATE_OLD, old), (semconv.STATE_NEW, new)):
                if value is not UNTOLD:
                    told.value(name, value)
            self.note(told.span_name, told.facts)

    def response(self, text: object, *, format: str | None = None) -> None:
        """Record the final answer of an agent, as far as content is recorded; `format` says how it is written."""
        with contained("deciding.response"):
            if (told := self._told("response")) is None:
                return
            told.content(semconv.OUTPUT, text)
            told.name(semconv.RESPONSE_FORMAT, format)
            self.note(told.span_name, told.facts)

    def _told(self, kind: str, name: object = None) -> Decided | None:
        policy = self.taking()
        if policy is None:
            return None
        # Here, since most programs never decide anything in these words.
        from sojourn.decided import Decided

        return Decided(policy, kind, name)
