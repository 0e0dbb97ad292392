"""Tokens and money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["Cost", "Tokens"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Counts of tokens. `input` includes the cached ones, `output` the reasoning ones."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        """Input and output."""
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Cost:
    """What model calls cost in US dollars, and how far that is known.

    `usd` sums the calls whose price is known, and is None when no call has one. `unpriced` counts the calls that
    bear usage but have no price (an unknown model is never taken for free); `partial` those whose price is known to
    leave something out.
    """

    usd: Decimal | None = None
    unpriced: int = 0
    partial: int = 0
