"""Work over many traces, or sessions, in as few parts as the memory of the engine asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.backend import out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_slices"]

_CUT: Final = 8
"""What was too much is cut into so many parts."""
_MOST: Final = 8**5
"""Of so many parts hardly one holds two traces: to cut on is of no use."""


def in_slices(column: str, work: Callable[[str], None]) -> None:
    """Do `work` under a condition of SQL: one that holds for all, and where that is too much, for parts by `column`.

    What ran out of memory half-way is done again in parts, so that `work` must be repeatable.
    """
    left = [(1, 0)]
    while left:
        parts, part = left.pop()
        try:
            work("true" if parts == 1 else f"cityHash64({column}) % {parts} = {part}")
        except Exception as fault:
            if parts >= _MOST or not out_of_memory(fault):
                raise
            left += [(parts * _CUT, part + parts * number) for number in reversed(range(_CUT))]
