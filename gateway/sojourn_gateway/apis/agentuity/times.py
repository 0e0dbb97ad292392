"""Times as Agentuity writes them."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["present_time"]


def present_time(time_ns: int) -> str:
    """ISO 8601 in UTC, with `Z`: to the millisecond, or to the microsecond where that says more."""
    micros = time_ns // 1000 % 1_000_000
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).replace(microsecond=micros, tzinfo=None)
    return moment.isoformat(timespec="microseconds" if micros % 1000 else "milliseconds") + "Z"
