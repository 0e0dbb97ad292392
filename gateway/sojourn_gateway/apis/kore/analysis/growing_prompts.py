"""Prompts that grow from turn to turn."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from sojourn_gateway.apis.kore.analysis.calls import calls_of
from sojourn_gateway.apis.kore.analysis.finding import Suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.apis.kore.analysis.calls import Call
    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["find_growing_prompts"]


def find_growing_prompts(events: Sequence[Event], thresholds: Thresholds) -> list[Suggestion]:
    """An agent whose first prompt of a turn is longer each time, in the end so many times what it was.

    The saving is what the tokens beyond the first turn's cost: the most that a shorter history can save.
    """
    openings: dict[tuple[str, str], dict[str, Call]] = {}
    for call in calls_of(events):
        if call.input_tokens:
            # An agent, and its model: two models in one agent have prompts of their own.
            turns = openings.setdefault((call.event.agent_name or "", call.model), {})
            turns.setdefault(call.event.trace_id, call)
    found: list[Suggestion] = []
    for (agent, model), turns in openings.items():
        calls = list(turns.values())
        sizes = [call.input_tokens for call in calls]
        grows = all(later > earlier for earlier, later in pairwise(sizes))
        if len(calls) < max(thresholds.growing_turns, 2) or not grows:
            continue
        if sizes[-1] < sizes[0] * thresholds.growing_factor:
            continue
        prices = [call.price_of_prompt(thresholds) for call in calls]
        known = [(size - sizes[0]) * price for size, price in zip(sizes, prices, strict=True) if price is not None]
        found.append(
            Suggestion(
                f"growing_prompt:{agent}:{model}",
                f"The prompt of {agent or model or 'the agent'} grew from {sizes[0]} to {sizes[-1]} tokens",
                f"Over {len(calls)} turns it never became shorter. Sum up what was said before, or leave out what "
                "is no longer needed.",
                tuple(call.event.span_id for call in calls),
                saving_usd=sum(known) if known else None,
            )
        )
    return found
