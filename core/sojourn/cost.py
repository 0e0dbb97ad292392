"""Money as `end_session` gives it back: the documented text that also behaves like a number."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Self

__all__ = ["Cost"]


class Cost(str):
    """US dollars with six decimals. It is text, formats as a number (`f"{cost:.2f}"`) and converts by `float(cost)`.

    `unpriced` counts the model calls whose price is unknown and which are therefore not in the sum.
    """

    amount: Decimal
    unpriced: int

    def __new__(cls, amount: Decimal, unpriced: int = 0) -> Self:
        """The cost of `amount` dollars."""
        self = super().__new__(cls, amount.quantize(Decimal("0.000001"), ROUND_HALF_UP))
        self.amount = amount
        self.unpriced = unpriced
        return self

    def __format__(self, spec: str) -> str:
        # "10" and ">10" are asked of text and of numbers alike; only a spec that text refuses means the number.
        try:
            return super().__format__(spec)
        except ValueError:
            return format(self.amount, spec)

    def __float__(self) -> float:
        return float(self.amount)
