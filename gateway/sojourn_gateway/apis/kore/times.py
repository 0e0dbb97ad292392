"""Times, durations and amounts as Kore writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["present_amount", "present_ms", "present_time"]


def present_time(time_ns: int) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).replace(microsecond=time_ns // 1000 % 1_000_000)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def present_ms(duration_ns: int) -> float:
    """Milliseconds, to the microsecond; never below none, whatever the clocks of a sender say."""
    return round(max(duration_ns, 0) / 1e6, 3)


def present_amount(dollars: Decimal | None) -> float | None:
    """US dollars; None when the price is not known."""
    return None if dollars is None else float(dollars)
