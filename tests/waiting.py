"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def until(found: Callable[[], T | None], *, within_s: float = 120.0) -> T:
    """What `found` gives once it is neither None nor false; fails the test when that takes too long."""
    deadline = time.monotonic() + within_s
    while not (result := found()):
        assert time.monotonic() < deadline, f"not so within {within_s} s"
        time.sleep(0.01)
    return result
