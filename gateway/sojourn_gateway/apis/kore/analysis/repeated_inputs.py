"""Tools that are asked the same and answer the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn_gateway.apis.kore.analysis.calls import tools_of
from sojourn_gateway.apis.kore.analysis.finding import Suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.apis.kore.analysis.calls import ToolUse
    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["find_repeated_inputs"]


def find_repeated_inputs(events: Sequence[Event], thresholds: Thresholds) -> list[Suggestion]:
    """What all uses but the first took could be saved.

    A tool that failed is rightly asked again, and one that answers otherwise is watched, not repeated.
    """
    alike: dict[tuple[str, str, str], list[ToolUse]] = {}
    for use in tools_of(events):
        if use.succeeded and use.input is not None and use.output is not None:
            alike.setdefault((use.tool, use.input, use.output), []).append(use)
    repeated = [uses for uses in alike.values() if len(uses) >= max(thresholds.repeated_inputs, 2)]
    return [
        Suggestion(
            f"repeated_tool_input:{uses[0].tool}:{uses[0].event.span_id}",
            f"{uses[0].tool} was called {len(uses)} times with the same input",
            "Each time it gave the same answer. Keep the first answer for as long as it holds.",
            tuple(use.event.span_id for use in uses),
            saving_ms=sum(use.duration_ms for use in uses[1:]),
        )
        for uses in repeated
    ]
