"""The time that records carry, and the random numbers in ids: from the system, or fixed by a test."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["new_uuid", "now_ns", "random_bits", "use_clock", "use_random"]


def _system_bits(count: int) -> int:
    # Not from `random`: a program that seeds it would give the spans of every run the same ids, and would itself get
    # other numbers than without us.
    return int.from_bytes(os.urandom(count // 8), "big")


_clock: Callable[[], int] = time.time_ns
_bits: Callable[[int], int] = _system_bits


def now_ns() -> int:
    """Nanoseconds since 1970."""
    return _clock()


def random_bits(count: int) -> int:
    """A number of `count` random bits, a multiple of eight."""
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
