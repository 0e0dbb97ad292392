"""The minute in which something began: spans, logs and trails lie by it, so that a time is a range of their key."""

from __future__ import annotations

from typing import Final

__all__ = ["LAST_MINUTE", "minute_of"]

_MINUTE_NS: Final = 60_000_000_000
LAST_MINUTE: Final = 2**32 - 1
"""No row lies behind it: the columns have 32 bits."""


def minute_of(moment_ns: int) -> int:
    """The minute since 1970 of a moment in nanoseconds; of one before the first or behind the last, that one."""
    return min(max(moment_ns, 0) // _MINUTE_NS, LAST_MINUTE)
