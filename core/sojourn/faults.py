"""Faults of ours: contained, counted, said once, and raised under test."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["contained", "counted", "last", "note", "raise_them", "trouble"]

_log = logging.getLogger("sojourn")
_counts: Counter[str] = Counter()
_raising = False
_last: str | None = None


@contextmanager
def contained(place: str) -> Generator[None]:
    """Keep a fault of our own code from reaching the program that we observe.

    `place` names where (`"openai.response"`). The fault is counted, and logged the first time at that place; under
    `raise_them(True)` (tests) it is raised. Never put the observed program's call, or a `yield`, inside.
    """
    try:
        yield
    except Exception as fault:
        note(place, fault)
        if _raising:
            raise


def note(place: str, fault: BaseException) -> None:
    """Count a fault at a place, and log it the first time."""
    global _last
    if sys.is_finalizing():
        # Nothing works while the interpreter takes its modules apart, and nobody is there to read it.
        return
    _counts[place] += 1
    told = _told(fault)
    _last = f"{place}: {type(fault).__name__}: {told}"
    if _counts[place] == 1:
        _log.warning(
            "sojourn: a fault of ours at %s was contained; your program is not affected (%s: %s)",
            place,
            type(fault).__name__,
            told,
            exc_info=_log.isEnabledFor(logging.DEBUG),
        )


def _told(fault: BaseException) -> str:
    try:
        return str(fault)
    except Exception:  # noqa: BLE001  # it may come from an object of the program's own, which fails in any way
        return "no words"


def trouble(place: str, message: str) -> None:
    """Count trouble that is no fault of ours (a full disk, a refused key), and say it once in plain words."""
    global _last
    _counts[place] += 1
    _last = message
    if _counts[place] == 1:
        _log.warning("sojourn: %s", message)


def counted() -> dict[str, int]:
    """How many faults and troubles there were since the process began, by place."""
    return dict(_counts)


def last() -> str | None:
    """The fault or trouble that came last, in words."""
    return _last


def raise_them(on: bool) -> None:
    """Raise contained faults too: for our own tests."""
    global _raising
    _raising = on
