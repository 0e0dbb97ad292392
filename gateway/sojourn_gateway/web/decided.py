"""What a step says that is no call: a decision, hand-over, check, change of state or answer, in words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from sojourn import semconv
from sojourn_gateway import wording
from sojourn_gateway.model.messages import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sojourn_gateway.model.span import Json, Span

__all__ = ["Decided", "read_decided"]

_LONG: Final = 160
_VALUE: Final = 40

# Those of each kind, in the order in which they are read; the rest is in the sentence or among the attributes.
_FACTS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "decision": (
        ("Kind", semconv.DECISION_KIND),
        ("Decided", semconv.DECISION_MADE),
        ("Goes on at", semconv.DECISION_TARGET),
        ("Condition", semconv.DECISION_CONDITION),
        ("Condition held", semconv.DECISION_MATCHED),
        ("Outcome", semconv.DECISION_OUTCOME),
        ("Because", semconv.DECISION_REASONING),
    ),
    "handoff": (
        ("From", semconv.HANDOFF_FROM),
        ("To", semconv.HANDOFF_TO),
        ("Task", semconv.HANDOFF_TASK),
        ("Because", semconv.HANDOFF_REASON),
    ),
    "guardrail": (
        ("Guardrail", semconv.GUARDRAIL_NAME),
        ("Looks at", semconv.GUARDRAIL_SPEC),
        ("Passed", semconv.GUARDRAIL_PASSED),
        ("Action", semconv.GUARDRAIL_ACTION),
        ("Score", semconv.GUARDRAIL_SCORE),
        ("Because", semconv.GUARDRAIL_REASON),
    ),
    "state_change": (
        ("Variable", semconv.STATE_KEY),
        ("Before", semconv.STATE_OLD),
        ("After", semconv.STATE_NEW),
    ),
    "response": (("Format", semconv.RESPONSE_FORMAT),),
}
_LABELS: Final = {
    "decision": "decision",
    "handoff": "handoff",
    "guardrail": "guardrail",
    "state_change": "change of state",
    "response": "response",
}
_DONE: Final = {"block": "blocked", "redact": "redacted", "allow": "allowed"}


@dataclass(frozen=True, slots=True)
class Decided:
    """What a page says of such a step."""

    kind: str
    label: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    candidates: tuple[str, ...]
    """What else could have been, a line each."""
    repeats: bool
    """Whether another step says the same: a hand-over is told by a decision as well."""


def read_decided(span: Span) -> Decided | None:
    """What a step says; None for one that is a call or a stretch of work."""
    kind = span.attributes.get(semconv.KIND)
    if not isinstance(kind, str) or kind not in _FACTS:
        return None
    told = span.attributes
    return Decided(
        kind=kind,
        label=_LABELS[kind],
        sentence=wording.excerpt(_SENTENCES[kind](told), _LONG),
        facts=tuple((label, _word(told[name])) for label, name in _FACTS[kind] if name in told),
        candidates=tuple(_candidates(told.get(semconv.DECISION_CANDIDATES))),
        repeats=kind == "decision" and told.get(semconv.DECISION_KIND) == "handoff",
    )


def _decision(told: Mapping[str, Json]) -> str:
    made = as_text(told.get(semconv.DECISION_MADE, ""))
    target = as_text(told.get(semconv.DECISION_TARGET, "")) or made
    match told.get(semconv.DECISION_KIND):
        case "routing":
            said = f"goes on at {target}"
        case "handoff":
            said = f"hands over to {target}"
        case "escalation":
            said = f"escalates to {target}"
        case "retry":
            said = f"tries again: {made}"
        case "pause":
            said = "waits for a person"
        case "resume":
            said = "goes on where it paused"
        case _:
            said = made
    if told.get(semconv.DECISION_MATCHED) is False:
        said = f"{said}, though nothing matched"
    return _because(said, told.get(semconv.DECISION_REASONING))


def _handoff(told: Mapping[str, Json]) -> str:
    by = as_text(told.get(semconv.HANDOFF_FROM, "")) or "the agent"
    to = as_text(told.get(semconv.HANDOFF_TO, "")) or "another"
    task = told.get(semconv.HANDOFF_TASK)
    if task is not None:
        return f"{by} has {to} do a task: {as_text(task)}"
    return _because(f"{by} hands over to {to}", told.get(semconv.HANDOFF_REASON))


def _guardrail(told: Mapping[str, Json]) -> str:
    passed, action = told.get(semconv.GUARDRAIL_PASSED), told.get(semconv.GUARDRAIL_ACTION)
    said = [] if passed is None else ["passed" if passed else "did not pass"]
    if action is not None:
        said.append(_DONE.get(as_text(action), as_text(action)))
    return _because(", ".join(said), told.get(semconv.GUARDRAIL_REASON))


def _state_change(told: Mapping[str, Json]) -> str:
    values = [
        wording.excerpt(as_text(told[name]), _VALUE) if name in told else "?"
        for name in (semconv.STATE_OLD, semconv.STATE_NEW)
    ]
    key = as_text(told.get(semconv.STATE_KEY, ""))
    return key if values == ["?", "?"] else f"{key}: {values[0]} → {values[1]}"


def _response(told: Mapping[str, Json]) -> str:
    return as_text(told.get(semconv.OUTPUT, ""))


_SENTENCES: Final[dict[str, Callable[[Mapping[str, Json]], str]]] = {
    "decision": _decision,
    "handoff": _handoff,
    "guardrail": _guardrail,
    "state_change": _state_change,
    "response": _response,
}


def _because(said: str, reason: Json) -> str:
    if reason is None:
        return said
    return f"{said}: {as_text(reason)}" if said else as_text(reason)


def _word(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return as_text(value)


def _candidates(told: Json) -> list[str]:
    if not isinstance(told, str):
        return []
    try:
        given: Any = json.loads(told)
    except (ValueError, RecursionError):  # cut, or not ours
        return [told]
    lines: list[str] = []
    for one in given if _is_list(given) else []:
        facts = one if _is_dict(one) else {"target": one}
        lines.append(", ".join(f"{name} {as_text(value)}" for name, value in facts.items()))
    return lines


# Guards, since `isinstance` alone leaves the inner types unknown to a strict checker.


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_dict(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)
