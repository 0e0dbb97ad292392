"""Wording: what spans hold of content is put into words, by one thread at a time, and outside of the journal's lock.

Redactors are the program's own code. One that takes its time, or never comes back, must not keep anybody from writing
what does not wait for it: other spans, the end of a session, the end of the program.
"""

from __future__ import annotations

from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeGuard

from sojourn import faults
from sojourn.content import is_redacting
from sojourn.lean import LeanSpan

if TYPE_CHECKING:
    from collections import deque

__all__ = ["Wording", "waits"]

SLICE_S: Final = 0.05
"""How long is worked in one go, before what is in words by then is written."""


def waits(span: object) -> TypeGuard[LeanSpan]:
    """Whether a span has content that is not in words yet."""
    return isinstance(span, LeanSpan) and span.waits


class Wording:
    """Who puts into words at the moment."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._hangs = False

    def work(self, spans: deque[LeanSpan], patience_s: float, *, at_most_s: float) -> bool:
        """Put spans into words and take them from the queue, for a while; False when another thread is not done.

        Who was waited for `at_most_s` in vain hangs, and is not waited for again unless it comes back after all.
        """
        # By a redactor that has everything written: what waits for it goes on waiting.
        if is_redacting():
            return False
        if not self._lock.acquire(timeout=0 if self._hangs else patience_s):
            self._hangs = self._hangs or patience_s >= at_most_s
            faults.trouble("redact.slow", "a redactor takes its time; what waits for it is written later, or withheld")
            return False
        self._hangs = False  # else what waits would be withheld at the end though somebody is at work on it
        try:
            until = monotonic() + SLICE_S
            while spans and monotonic() < until:
                spans[0].put_into_words()
                spans.popleft()
        finally:
            self._lock.release()
        return True
