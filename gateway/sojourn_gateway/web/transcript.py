"""A session's conversation as Markdown: to keep, to send, to paste into an issue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sojourn_gateway import wording
from sojourn_gateway.web.marks import cost_mark

if TYPE_CHECKING:
    from sojourn_gateway.model.session import Session
    from sojourn_gateway.web.conversation import Call, Conversation, Entry

__all__ = ["write_transcript"]


def write_transcript(session: Session, conversation: Conversation) -> str:
    """The whole, as text that any reader of Markdown shows; what was said stands in quotes, and steers nothing."""
    summary = session.summary
    counts = [
        wording.plural(number, one)
        for number, one in (
            (summary.model_calls, "model call"),
            (summary.tool_calls, "tool call"),
            (summary.errors, "error"),
        )
    ]
    lines = [
        f"# {_line(summary.name or summary.id)}",
        "",
        f"- session: `{_line(summary.id)}`",
        f"- state: {summary.state}" + (f" ({_line(summary.reason)})" if summary.reason else ""),
        f"- began: {wording.clock(summary.start_ns)}, took {wording.duration(max(0.0, summary.duration_ms) / 1000)}",
        f"- {', '.join(counts)}",
        f"- tokens: {summary.tokens.input:,} in, {summary.tokens.output:,} out",
    ]
    cost = cost_mark(summary.cost, summary.model_calls)
    if cost.text:
        lines.append(f"- cost: {cost.text} {cost.note}".rstrip())
    if summary.tags:
        lines.append(f"- tags: {', '.join(map(_line, summary.tags))}")
    if conversation.silent:
        lines += ["", "What was said was not recorded."]
    for turn in conversation.turns:
        idle = f" ({turn.idle} later)" if turn.idle else ""
        lines += ["", f"## {turn.number}. {_line(turn.name)}{idle}", "", turn.at]
        for entry in turn.entries:
            lines += _entry(entry)
    if conversation.left_out:
        lines += ["", f"{wording.plural(conversation.left_out, 'further model call')} are left out."]
    return "\n".join(lines) + "\n"


def _entry(entry: Entry) -> list[str]:
    cost = entry.cost.text if entry.cost is not None else ""
    told = [one for one in (entry.model, entry.duration, entry.tokens and f"{entry.tokens} tokens", cost) if one]
    lines = ["", f"**{_line(entry.role)}**" + (f" ({_line(', '.join(told))})" if told else "")]
    if entry.reasoning:
        lines += ["", "_reasoning_", "", *_quoted(entry.reasoning)]
    if entry.text:
        lines += ["", *_quoted(entry.text)]
    if entry.cut:
        lines += ["", f"({entry.cut:,} more characters)"]
    for call in entry.calls:
        lines += _call(call)
    if entry.error:
        lines += ["", f"failed: {_line(entry.error)}"]
    return lines


def _call(call: Call) -> list[str]:
    lines = ["", f"calls `{_line(call.name)}`" + (" (failed)" if call.failed else ""), "", *_fenced(call.arguments)]
    return lines if call.result is None else [*lines, "", "gives", "", *_fenced(call.result)]


def _quoted(text: str) -> list[str]:
    return [f"> {line}".rstrip() for line in text.splitlines()]


def _fenced(text: str) -> list[str]:
    # Longer than any run of the same sign inside, so that nothing recorded ends it.
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return [fence, *text.splitlines(), fence]


def _line(text: str) -> str:
    return " ".join(text.split()).replace("`", "'").replace("<", "&lt;")
