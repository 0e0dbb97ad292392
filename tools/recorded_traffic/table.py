"""The table: a line for each recorded call, what its bodies hold, what its span says, and whether that is right."""

from __future__ import annotations

import collections
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tools.recorded_traffic.reasons import REASONS, unexplained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tools.recorded_traffic.facts import Facts
    from tools.recorded_traffic.replays import Row

__all__ = ["Sums", "line", "verdict"]

_WIDEST: Final = 60
_BRIEF: Final = (
    ("model", "model"),
    ("in", "input_tokens"),
    ("out", "output_tokens"),
    ("cached", "cache_read_tokens"),
    ("written", "cache_write_tokens"),
    ("reasoning", "reasoning_tokens"),
    ("finish", "finish_reasons"),
    ("tools", "tools"),
    ("error", "error"),
)
"""The cells that a line shows; all are compared."""


@dataclass
class Sums:
    """How many calls were replayed, and how many spans are right, by how they were made."""

    rows: collections.Counter[str] = field(default_factory=collections.Counter[str])
    right: collections.Counter[str] = field(default_factory=collections.Counter[str])
    explained: collections.Counter[str] = field(default_factory=collections.Counter[str])
    used: set[str] = field(default_factory=set[str])

    def add(self, row: Row) -> None:
        self.rows[row.way] += 1
        self.right[row.way] += not row.wrong
        self.explained[row.way] += bool(row.wrong) and not unexplained(row)
        self.used.update(reason.why for reason in REASONS if reason.applies(row) and set(reason.cells) & set(row.wrong))

    def lines(self) -> Iterator[str]:
        """The sums as a Markdown table."""
        yield "| calls made through | recorded calls | every cell right | else for a written reason | wrong |"
        yield "|---|--:|--:|--:|--:|"
        for way, count in self.rows.items():
            right, explained = self.right[way], self.explained[way]
            yield f"| {way} | {count:,} | {right:,} | {explained:,} | {count - right - explained:,} |"

    def unused(self) -> list[str]:
        """Reasons that no row needs."""
        return [reason.why for reason in REASONS if reason.why not in self.used]


def line(row: Row) -> str:
    """One row on one line."""
    place = f"{row.exchange.file} #{row.exchange.number}"
    told = "no span" if row.told is None else _brief(row.told)
    return f"{row.way} | {place} | {_brief(row.held)} | {told} | {verdict(row)}"


def verdict(row: Row) -> str:
    """`ok`, what is wrong, or why it is not."""
    if not row.wrong:
        return "ok"
    wrong = unexplained(row)
    if wrong:
        return f"WRONG {row.fault or '; '.join(_pairs(row, wrong))}"
    whys = [reason.why for reason in REASONS if reason.applies(row) and set(reason.cells) & set(row.wrong)]
    return f"{', '.join(row.wrong)}: {' '.join(whys)}"


def _pairs(row: Row, cells: Iterable[str]) -> Iterator[str]:
    for cell in cells:
        yield f"{cell}: {_short(getattr(row.held, cell))} in the body, {_short(getattr(row.told, cell))} in the span"


def _brief(facts: Facts) -> str:
    told = ((label, getattr(facts, cell)) for label, cell in _BRIEF)
    return ", ".join(f"{label} {_short(value)}" for label, value in told if value is not None)


def _short(value: object) -> str:
    if isinstance(value, tuple):
        told: tuple[object, ...] = value  # pyright: ignore[reportUnknownVariableType]  # cells hold tuples of texts
        value = "+".join(map(str, told))
    text = str(value)
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}..."
