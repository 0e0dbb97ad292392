"""Steps as a tree, with their numbers in columns."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from sojourn_gateway import wording
from sojourn_gateway.command.output import words
from sojourn_gateway.command.table import Columns, fitting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.apis.agentmark.shapes import SpanItem

__all__ = ["STEP_STYLES", "break_lines", "dollars", "draw_tree", "nanoseconds"]

STEP_STYLES: Final = {
    "model": "magenta",
    "embedding": "magenta",
    "tool": "yellow",
    "agent": "green",
    "retrieval": "blue",
}
_BETWEEN: Final = 2
_COLUMNS: Final = Columns(
    wide="Step",
    numbers=frozenset({"Start", "Duration", "Tokens", "Cost"}),
    leave_first=("Model", "Tokens", "Start", "Cost"),
    least=12,
)


def break_lines(facts: Sequence[str], width: int) -> list[str]:
    """The facts in lines that break between two of them."""
    lines: list[str] = []
    for fact in facts:
        if lines and cell_len(joined := f"{lines[-1]} · {fact}") <= width:
            lines[-1] = joined
        else:
            lines.append(fact)
    return lines


def draw_tree(spans: list[SpanItem], width: int) -> Table:
    """The steps as a table that cuts names to fit `width`, and never a number."""
    begin_ns = min(nanoseconds(span["timestamp"]) for span in spans)
    guides = _guides([span["depth"] for span in spans])
    rows = [_row(span, guide, begin_ns) for span, guide in zip(spans, guides, strict=True)]
    longest = {name: max(cell_len(name), *(row[name].cell_len for row in rows)) for name in rows[0]}
    # The step tells most; the model, which its name often repeats, gets what is left.
    needs = {name: (min(12, most) if name == "Model" else most) + _BETWEEN for name, most in longest.items()}
    kept = fitting(needs, _COLUMNS, width)
    left = width - sum(needs[name] for name in kept if name not in ("Step", "Model")) - _BETWEEN
    model = min(12, longest["Model"]) + _BETWEEN if "Model" in kept else 0
    step = max(_COLUMNS.least, min(longest["Step"], left - model))
    widths = {**longest, "Step": step, "Model": max(5, min(longest["Model"], left - step - _BETWEEN))}
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, _BETWEEN, 0, 0))
    for name in kept:
        is_number = name in _COLUMNS.numbers
        table.add_column(
            name,
            justify="right" if is_number else "left",
            overflow="ellipsis",
            no_wrap=True,
            width=widths[name],
            style="dim" if name == "Model" else "",
        )
    for row in rows:
        table.add_row(*(row[name] for name in kept))
    return table


def dollars(usd: str | None, unpriced: int) -> str:
    """What it cost, and how many calls have no price."""
    if usd is None:
        return "unpriced" if unpriced else ""
    return wording.money(Decimal(usd)) + (f" + {unpriced} unpriced" if unpriced else "")


def nanoseconds(moment: str) -> int:
    """A time of an answer."""
    return int(datetime.fromisoformat(moment).timestamp() * 1000) * 1_000_000


def _row(span: SpanItem, guide: str, begin_ns: int) -> dict[str, Text]:
    """A line of the tree, by the heads of its columns."""
    failed = span["status"] == "ERROR"
    step = Text(guide, style="dim")
    step.append_text(
        words(span["tool_name"] or span["name"] or "(unnamed)", "red" if failed else STEP_STYLES.get(span["step"], ""))
    )
    if failed:
        step.append(" ✗", style="red")
    tokens = f"{wording.count(span['input_tokens'])} → {wording.count(span['output_tokens'])}"
    took = Text("running", style="cyan") if span["pending"] else Text(wording.duration(span["duration_ms"] / 1000))
    return {
        "Step": step,
        "Model": words(span["model"] or ""),
        "Start": Text(f"+{wording.duration((nanoseconds(span['timestamp']) - begin_ns) / 1e9)}"),
        "Duration": took,
        "Tokens": Text(tokens if span["tokens"] else ""),
        "Cost": Text(_span_cost(span)),
    }


def _guides(depths: list[int]) -> list[str]:
    """The branches before each name, of a tree written down parents first."""
    guides: list[str] = []
    # Seen from the end: whether something still follows on a level below the same parent.
    open_levels: set[int] = set()
    for depth in reversed(depths):
        open_levels = {level for level in open_levels if level <= depth}
        branch = "" if depth == 0 else ("├─ " if depth in open_levels else "└─ ")
        guides.append("".join("│  " if level in open_levels else "   " for level in range(1, depth)) + branch)
        open_levels.add(depth)
    return guides[::-1]


def _span_cost(span: SpanItem) -> str:
    return dollars(span["cost_usd"], 1 if span["cost_source"] == "unpriced" else 0)
