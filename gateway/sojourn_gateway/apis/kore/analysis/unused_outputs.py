"""Answers of tools that nobody read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

from sojourn_gateway.apis.kore.analysis.calls import items_of, parsed, prompt_of, tools_of
from sojourn_gateway.apis.kore.analysis.finding import Suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sojourn_gateway.apis.kore.analysis.calls import ToolUse
    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["find_unused_outputs"]

_TELLING: Final = re.compile(r"\w{4,}|\d+")


def find_unused_outputs(
    events: Sequence[Event], thresholds: Thresholds, whole: Callable[[Iterable[Event]], Iterable[Event]] = iter
) -> list[Suggestion]:
    """Tools of whose answer no word comes up in any prompt, input, state or answer after it.

    One word is enough to be used, so that what is told here is very likely true. Where a prompt was not kept, nothing
    is said of the tools before it. `whole` says the same events with what was asked and answered in them.
    """
    del thresholds  # every rule is asked alike
    uses = {(use.event.trace_id, use.event.span_id): use for use in tools_of(events)}
    read: set[str] = set()
    unread: list[ToolUse] = []
    # From the end, so that each word is looked at once, up to the first answer of which a word could come up.
    first = next((at for at, event in enumerate(events) if event.type == "tool_result"), len(events))
    for event in whole(events[at] for at in range(len(events) - 1, first - 1, -1)):
        if event.type == "llm_call" and prompt_of(event) is None:
            break
        if event.type == "tool_result":
            use = uses.get((event.trace_id, event.span_id))
            if use is not None and use.succeeded and _is_unread(use, event, read):
                unread.append(use)
        read.update(_read_by(event))
    by_tool: dict[str, list[ToolUse]] = {}
    for use in reversed(unread):
        by_tool.setdefault(use.tool, []).append(use)
    return [
        Suggestion(
            f"unused_tool_output:{tool}",
            f"What {tool} answered was not used" + (f" {len(found)} times" if len(found) > 1 else ""),
            "Nothing of its answer comes up in any prompt, input or answer after it. Leave the call out, or hand its "
            "answer on.",
            tuple(use.event.span_id for use in found),
            saving_ms=sum(use.duration_ms for use in found),
        )
        for tool, found in by_tool.items()
    ]


def _is_unread(use: ToolUse, result: Event, read: set[str]) -> bool:
    if use.call_id and use.call_id in read:
        return False
    words = set(_TELLING.findall(_values(result.data.get("output"))))
    return bool(words) and read.isdisjoint(words)


def _read_by(event: Event) -> Iterator[str]:
    """The words that a step was given, or that were said at last."""
    data = event.data
    told: Iterable[Any]
    match event.type:
        case "llm_call":
            told = (prompt_of(event),)
        case "tool_call":
            told = (data.get("input"),)
        case "response":
            told = (data.get("text"),)
        case "state_change":
            told = (data.get("newValue"),)
        case "handoff" | "delegate":
            told = (data.get("reason"), data.get("task"))
        case "decision":
            told = (data.get("decision"), data.get("reasoning"), data.get("condition"), data.get("target"))
        case _:
            return
    for one in told:
        text = one if isinstance(one, str) else "" if one is None else json.dumps(one, default=str, ensure_ascii=False)
        yield from _TELLING.findall(text)
        yield from _call_ids(one)


def _call_ids(value: Any) -> Iterator[str]:
    """Ids under which messages hand on what a tool answered; a call by itself reads nothing."""
    for message in items_of(value):
        if not isinstance(message, dict):
            continue
        told = cast("dict[str, Any]", message)
        for part in [told, *(items_of(told.get("parts")) or items_of(told.get("content")))]:
            if isinstance(part, dict):
                found = cast("dict[str, Any]", part)
                is_answer = found.get("type") in ("tool_call_response", "tool_result", "tool-result")
                for key in ("tool_call_id", "tool_use_id", *(("id", "toolCallId") if is_answer else ())):
                    if isinstance(found.get(key), str):
                        yield found[key]


def _values(value: Any) -> str:
    """The values of an answer as text, without the keys, which say nothing of this answer."""
    found: list[str] = []
    waiting = [parsed(value)]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(cast("dict[str, Any]", one).values())
        elif isinstance(one, list):
            waiting.extend(items_of(one))
        elif one is not None and not isinstance(one, bool):
            found.append(str(one))
    return " ".join(found)
