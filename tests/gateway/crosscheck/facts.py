"""The facts that every contract is asked for, in one spelling."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FACTS", "Fact", "Told", "amount", "ms", "tags"]

Fact = Literal[
    "turns",
    "steps",
    "model calls",
    "tool calls",
    "errors",
    "input tokens",
    "output tokens",
    "cached tokens",
    "reasoning tokens",
    "all tokens",
    "cost",
    "start",
    "end",
    "state",
    "name",
    "user",
    "tags",
]
FACTS: Final[tuple[Fact, ...]] = get_args(Fact)

Told = dict[Fact, Any]
"""What somebody says: counts, dollars with six decimals, milliseconds since 1970, texts."""

_MICRO: Final = Decimal("0.000001")


def ms(moment: str | None) -> int | None:
    """Milliseconds since 1970; what is finer is cut."""
    if moment is None:
        return None
    found = datetime.fromisoformat(moment)
    return int(found.replace(microsecond=0).timestamp()) * 1000 + found.microsecond // 1000


def amount(told: Iterable[str | float | None]) -> Decimal:
    """A sum of dollars, with six decimals."""
    return sum((Decimal(str(one or 0)) for one in told), Decimal(0)).quantize(_MICRO)


def tags(told: Iterable[str]) -> tuple[str, ...]:
    """Tags, whose order says nothing."""
    return tuple(sorted(set(told)))
