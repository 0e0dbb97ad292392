"""Tables of a list: columns give way to a narrow terminal, and a number is never cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich import box
from rich.cells import cell_len
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.text import Text

__all__ = ["Columns", "fitting", "print_table"]

_BETWEEN: Final = 2
_LEAST: Final = 6
"""What is left of the wide column where even those columns do not fit that no terminal goes without."""


@dataclass(frozen=True, slots=True)
class Columns:
    """How the columns of a list share the width."""

    wide: str
    """The one that takes what is left, and is cut when that is little."""
    numbers: frozenset[str]
    leave_first: tuple[str, ...]
    """Those that a narrow terminal goes without, in this order."""
    least: int = 16
    """What the wide one has at least."""


def print_table(console: Console, rows: Sequence[dict[str, Text]], columns: Columns) -> None:
    """Print rows that are told by the heads of their columns."""
    # One blank of padding and the one that the box draws: two between columns.
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    needs = {name: max(cell_len(name), *(row[name].cell_len for row in rows)) + _BETWEEN for name in rows[0]}
    kept = fitting(needs, columns, console.width)
    left = console.width - sum(needs[name] for name in kept if name != columns.wide) - _BETWEEN
    for name in kept:
        table.add_column(
            name,
            justify="right" if name in columns.numbers else "left",
            overflow="ellipsis",
            no_wrap=True,
            # Left to itself the table would cut every column a little, numbers among them.
            width=max(min(needs[name] - _BETWEEN, left), _LEAST) if name == columns.wide else None,
        )
    for cells in rows:
        table.add_row(*(cells[name] for name in kept))
    console.print(table)


def fitting(needs: Mapping[str, int], columns: Columns, width: int) -> list[str]:
    """The heads of the columns that fit `width` whole: a number that is cut tells something else."""
    kept = list(needs)
    least = {**needs, columns.wide: columns.least + _BETWEEN}
    for name in columns.leave_first:
        if sum(least[one] for one in kept) <= width:
            break
        kept.remove(name)
    return kept
