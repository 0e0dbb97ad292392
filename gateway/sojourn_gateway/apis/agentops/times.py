"""Times and amounts as AgentOps writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["present_amount", "present_time"]


def present_time(time_ns: int) -> str:
    """ISO 8601 in UTC, to the microsecond, with its offset."""
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).replace(microsecond=time_ns // 1000 % 1_000_000)
    return moment.isoformat(timespec="microseconds")


def present_amount(dollars: Decimal) -> str:
    """US dollars with seven decimals."""
    return f"{dollars:.7f}"
