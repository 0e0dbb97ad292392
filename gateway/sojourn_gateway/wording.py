"""Durations, money, counts and moments in words for a reader; the same in the pages and in the command."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["ago", "clock", "count", "duration", "excerpt", "money", "plural", "printable", "short_count", "size"]

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def duration(seconds: float) -> str:
    """`12 µs`, `0.8 ms`, `842 ms`, `3.42 s`, `1 m 12 s`, `2 h 05 m`, `3 d 04 h`."""
    if 0 < seconds < 0.00005:
        return f"{max(1, round(seconds * 1_000_000))} µs"
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms" if seconds > 0 else "0 ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} m {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} m"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR:02d} h"


def money(usd: Decimal) -> str:
    """Dollars with as many decimals as tell something: `$0`, `$0.000043`, `$0.0123`, `$1.27`, `$1,204.50`."""
    if usd == 0:
        return "$0"
    if abs(usd) >= 1:
        return f"${usd:,.2f}"
    # Three digits that count, at least four decimals: amounts in a column stay comparable.
    decimals = min(12, max(4, 2 - math.floor(math.log10(abs(usd)))))
    text = f"{usd:.{decimals}f}"
    return "$" + (text.rstrip("0") if len(text.rstrip("0").partition(".")[2]) >= 4 else text[:6])


def count(number: int) -> str:
    """With thousands apart: `12,345`."""
    return f"{number:,}"


def short_count(number: int) -> str:
    """At most four digits: `12.3k`, `4.56M`."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size * 10 or (size > 1_000 and number >= size):
            return f"{number / size:.3g}{unit}" if number / size < 1000 else f"{number / size:,.0f}{unit}"
    return count(number)


def size(number: int) -> str:
    """Bytes: `512 B`, `1.5 kB`, `20 MB`."""
    for unit_size, unit in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if number >= unit_size:
            return f"{number / unit_size:.3g} {unit}"
    return f"{number} B"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 call`, `2 calls`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def clock(time_ns: int) -> str:
    """A moment in the time zone of this machine: `22 Nov 2026, 01:02:03`."""
    moment = datetime.fromtimestamp(time_ns / 1e9).astimezone()
    return f"{moment:%d %b %Y, %H:%M:%S}".lstrip("0")


def ago(time_ns: int, now_ns: int) -> str:
    """`just now`, `40 s ago`, `12 min ago`, `3 h ago`, `yesterday`, `5 days ago`, then the date."""
    seconds = (now_ns - time_ns) / 1e9
    if seconds < 5:
        return "just now"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s ago"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min ago"
    if seconds < _DAY:
        return f"{seconds / _HOUR:.0f} h ago"
    if seconds < 2 * _DAY:
        return "yesterday"
    if seconds < 14 * _DAY:
        return f"{seconds / _DAY:.0f} days ago"
    return clock(time_ns).partition(",")[0]


def excerpt(text: str, most: int) -> str:
    """One line of at most `most` characters; what was cut shows as an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def printable(text: str) -> str:
    """Text without control characters: what was recorded must not steer the reader's terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
