"""What a person at the terminal reads when a session has ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

from sojourn.session import present_duration

if TYPE_CHECKING:
    from sojourn.session import Session

__all__ = ["show_summary", "summary", "wanted"]


def wanted(choice: Literal["auto", "on", "off"]) -> bool:
    """Whether to say anything: `auto` speaks to a terminal only, so that logs and pipes stay the program's own."""
    if choice == "auto":
        return sys.stderr is not None and sys.stderr.isatty()  # pyright: ignore[reportUnnecessaryComparison]  # None under pythonw
    return choice == "on"


def show_summary(session: Session, url: str | None) -> None:
    """Print the summary to standard error."""
    print(summary(session, url), file=sys.stderr, flush=True)


def summary(session: Session, url: str | None) -> str:
    """Two lines: what the session was, and where to see it whole.

    `url` is the session's page, when a gateway is known to hold all of it; without one the command is named instead,
    which also finds what still lies in the journal.
    """
    tally = session.tally
    cost = tally.cost()
    unpriced = f" + {_count(cost.unpriced, 'unpriced call')}" if cost.unpriced else ""
    facts = [
        str(session.end_state) + (f" ({_line(session.end_state_reason)})" if session.end_state_reason else ""),
        present_duration(session.duration_s),
        f"${cost:.6f}{unpriced}",
        f"{tally.input_tokens + tally.output_tokens:,} tokens ({tally.input_tokens:,} in, {tally.output_tokens:,} out)",
        _count(tally.model_calls, "model call"),
        _count(tally.tool_calls, "tool call"),
        _count(tally.errors, "error"),
    ]
    where = f"see it at {url}" if url is not None else f"see it with: sojourn sessions show {session.session_id}"
    return f"sojourn: session ended · {' · '.join(facts)}\n         {where}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79]}…"
