"""Small signs that several pages use: the state of a session, what something cost, what kind of step it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sojourn_gateway import wording

if TYPE_CHECKING:
    from sojourn_gateway.model.session import SessionSummary
    from sojourn_gateway.model.span import Span, Step
    from sojourn_gateway.model.usage import Cost

__all__ = ["CostMark", "State", "cost_mark", "span_cost_mark", "state_of", "step_label"]

_STATES: Final = {
    "open": ("open", "Open", "Running: nobody has ended it"),
    "Success": ("success", "Success", "Ended as a success"),
    "Fail": ("fail", "Fail", "Ended as a failure"),
    "Indeterminate": ("indeterminate", "Indeterminate", "Ended without saying how"),
}
_STEPS: Final[dict[Step, str]] = {
    "model": "model call",
    "embedding": "embedding",
    "tool": "tool",
    "agent": "agent",
    "workflow": "workflow",
    "retrieval": "retrieval",
    "chain": "chain",
    "guardrail": "guardrail",
    "action": "action",
    "task": "task",
    "other": "step",
}


@dataclass(frozen=True, slots=True)
class State:
    """How a session stands: a word for style, a label, and an explanation."""

    word: str
    label: str
    why: str


@dataclass(frozen=True, slots=True)
class CostMark:
    """A cost, told apart from one that is not known: `text` is empty where there is nothing to price."""

    text: str
    note: str = ""
    title: str = ""

    @property
    def unknown(self) -> bool:
        """True when no price is known at all."""
        return self.text == "unpriced"


def state_of(session: SessionSummary) -> State:
    """The sign of a session's state."""
    word, label, why = _STATES[session.state]
    return State(word, label, session.reason or why)


def cost_mark(cost: Cost, model_calls: int) -> CostMark:
    """What a session or trace cost: unpriced calls never count as free."""
    if cost.usd is None:
        if cost.unpriced:
            calls = wording.plural(cost.unpriced, "call")
            return CostMark("unpriced", title=f"{calls} of a model without a known price")
        return CostMark("", title="no usage to price" if model_calls else "no model calls")
    if cost.unpriced:
        calls = wording.plural(cost.unpriced, "call")
        return CostMark(wording.money(cost.usd), f"+ {cost.unpriced} unpriced", f"{calls} have no known price")
    if cost.partial:
        calls = wording.plural(cost.partial, "call")
        return CostMark(wording.money(cost.usd), "partial", f"the price of {calls} leaves something out")
    return CostMark(wording.money(cost.usd), title=f"${cost.usd:f}")


def span_cost_mark(span: Span) -> CostMark:
    """What one step cost."""
    if span.cost is not None:
        note = "partial" if span.cost_source == "partial" else ""
        return CostMark(wording.money(span.cost), note, f"${span.cost:f}, {span.cost_source}")
    if span.cost_source == "unpriced":
        return CostMark("unpriced", title=f"no price is known for {span.model or 'this model'}")
    return CostMark("")


def step_label(step: Step) -> str:
    """The kind of a step in the reader's words."""
    return _STEPS[step]
