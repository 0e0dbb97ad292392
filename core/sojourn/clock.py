"""The time that records carry, and the random numbers in ids: from the system, or fixed by a test."""

from __future__ import annotations

import os
import struct
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["new_uuid", "now_iso", "now_ns", "random_bits", "use_clock", "use_random"]


_DRAWN_AT_ONCE: Final = 256
_WORD: Final = 64
_drawn: list[int] = []
"""Numbers of 64 bits, each given out once."""
_watching_forks = False


def _system_bits(count: int) -> int:
    # Not from `random`: a program that seeds it would give the spans of every run the same ids, and would itself get
    # other numbers than without us.
    bits = 0
    for _ in range(count // 64):
        try:
            bits = bits << 64 | _drawn.pop()
        except IndexError:
            bits = bits << 64 | _draw()
    return bits


def _draw() -> int:
    # Ahead, since every asking of the system lets another thread of the program go first.
    global _watching_forks
    if not _watching_forks and hasattr(os, "register_at_fork"):
        _watching_forks = True
        # A child must not give out the numbers of its parent.
        os.register_at_fork(after_in_child=_drawn.clear)
    first, *others = struct.unpack(f"{_DRAWN_AT_ONCE}Q", os.urandom(_DRAWN_AT_ONCE * 8))
    _drawn.extend(others)
    return int(first)


_clock: Callable[[], int] = time.time_ns
_bits: Callable[[int], int] = _system_bits


def now_ns() -> int:
    """Nanoseconds since 1970."""
    return _clock()


def now_iso() -> str:
    """The time now as programs of AgentOps know it: ISO 8601 with microseconds and an offset."""
    return datetime.fromtimestamp(now_ns() // 1000 / 1e6, UTC).isoformat(timespec="microseconds")


def random_bits(count: int) -> int:
    """A number of `count` random bits, a multiple of 64."""
    if count == _WORD and _bits is _system_bits:
        try:  # here as well, since a call more would be paid for every span
            return _drawn.pop()
        except IndexError:
            pass
    return _bits(count)


def new_uuid() -> UUID:
    """A fresh random id."""
    return UUID(int=_bits(128), version=4)


def use_clock(source: Callable[[], int]) -> Callable[[], int]:
    """Take the time from another source from now on; returns the one that was used."""
    global _clock
    before, _clock = _clock, source
    return before


def use_random(source: Callable[[int], int]) -> Callable[[int], int]:
    """Take random bits from another source from now on; returns the one that was used."""
    global _bits
    before, _bits = _bits, source
    return before
