"""Tools that wait for each other although none needs the other's answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sojourn_gateway.apis.kore.analysis.calls import tools_of
from sojourn_gateway.apis.kore.analysis.finding import Suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sojourn_gateway.apis.kore.analysis.calls import ToolUse
    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["find_idle_tools"]

_TELLING: Final = re.compile(r"\w{3,}")


def find_idle_tools(events: Sequence[Event], thresholds: Thresholds) -> list[Suggestion]:
    """Run side by side, they would take as long as the longest of them."""
    found: list[Suggestion] = []
    for run in _runs(events):
        saving = sum(use.duration_ms for use in run) - max(use.duration_ms for use in run)
        if len(run) < 2 or saving < thresholds.parallel_least_ms:
            continue
        names = ", ".join(dict.fromkeys(use.tool for use in run))
        found.append(
            Suggestion(
                f"sequential_tools:{run[0].event.span_id}",
                f"{len(run)} tools ran one after the other: {names}",
                "None of them was given what another one answered. They could run at the same time.",
                tuple(use.event.span_id for use in run),
                saving_ms=saving,
            )
        )
    return found


def _runs(events: Sequence[Event]) -> Iterator[list[ToolUse]]:
    """Uses of tools of one step, each after the end of the one before, without a call of a model between them."""
    uses = {(use.event.trace_id, use.event.span_id): use for use in tools_of(events)}
    open_runs: dict[tuple[str, str | None], list[ToolUse]] = {}
    seen: dict[tuple[str, str | None], set[str]] = {}
    by_trace: dict[str, set[tuple[str, str | None]]] = {}
    for event in events:
        if event.type == "llm_call":
            # The model may have read what the tools before it answered.
            for key in sorted(by_trace.pop(event.trace_id, ()), key=str):
                yield open_runs.pop(key)
                del seen[key]
        if event.type != "tool_call":
            continue
        key = (event.trace_id, event.parent_span_id)
        use = uses[event.trace_id, event.span_id]
        run = open_runs.get(key)
        if run is not None and not _goes_on(run[-1], use, seen[key]):
            yield open_runs.pop(key)
            run = None
        if run is None:
            open_runs[key], seen[key] = [], set()
            by_trace.setdefault(event.trace_id, set()).add(key)
        open_runs[key].append(use)
        seen[key].update(_TELLING.findall(use.output or ""))
    yield from open_runs.values()


def _goes_on(last: ToolUse, use: ToolUse, seen: set[str]) -> bool:
    """Whether it waited for the last one, and nothing in its input comes from those before. Unknown content: no."""
    if last.output is None or use.input is None or last.end_ns > use.event.timestamp_ns:
        return False
    return seen.isdisjoint(_TELLING.findall(use.input))
