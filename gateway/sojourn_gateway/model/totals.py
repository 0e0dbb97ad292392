"""What many traces come to, told apart by how their spans went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from sojourn_gateway.model.usage import Tokens

__all__ = ["Totals", "TotalsAsk", "TraceLine"]


@dataclass(frozen=True, slots=True)
class TotalsAsk:
    """Which traces: those that started between two moments, both included; the newest `lines` are told one by one."""

    since_ns: int | None = None
    until_ns: int | None = None
    name: str | None = None
    """Part of the root's name, without regard to case."""
    lines: int = 0
    trace_id: str | None = None
    """One alone: 32 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One trace, in short."""

    id: str
    start_ns: int
    lasts_ns: int
    spans: int
    cost: Decimal
    end_state: str
    """As its root spelled it; empty when that did not say."""


@dataclass(frozen=True, slots=True)
class Totals:
    """All of them; usage is added once, as everywhere."""

    traces: int
    spans: int
    ok_spans: int
    error_spans: int
    tokens: Tokens
    ok_tokens: int
    """Input and output of the spans that went well."""
    error_tokens: int
    asked_cost: Decimal
    """US dollars for what was asked, by the price table."""
    replied_cost: Decimal
    cost: Decimal
    """As reported, else by the table."""
    least_ns: int
    most_ns: int
    sum_ns: int
    """Of the times that traces took; 0 when there are none."""
    lines: tuple[TraceLine, ...]

    @property
    def unset_spans(self) -> int:
        """Those that said neither."""
        return self.spans - self.ok_spans - self.error_spans
