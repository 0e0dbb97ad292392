"""What a limited session has used, asked before each of its model calls."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from threading import RLock
from typing import TYPE_CHECKING

from sojourn.limits import LimitReached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn.limits import Limits
    from sojourn.tally import Tally

__all__ = ["Meter"]

_log = logging.getLogger("sojourn")

# What a program does about a limit may be a model call itself, about which nobody is asked again.
_asking: ContextVar[bool] = ContextVar("sojourn_asking", default=False)


class Meter:
    """Lets model calls of one session pass until a limit is reached. Knows what this process did, and no other.

    Calls count when they start, so that many at once do not slip through together. Tokens and cost are known when a
    call has ended: calls under way may exceed those limits by what they use.
    """

    def __init__(self, limits: Limits, session_id: str, tally: Tally) -> None:
        self.limits = limits
        self._session_id = session_id
        self._tally = tally
        self._lock = RLock()
        self._begun = 0
        self._warned: set[str] = set()

    def count_by_hand(self) -> None:
        """Count a model call that the program recorded itself, and about which nobody asked."""
        with self._lock:
            self._begun += 1

    def admit(self) -> None:
        """Let a model call pass, or raise `LimitReached`, or what the program's own function raises."""
        if _asking.get():
            return
        with self._lock:
            found = list(self._reached())
            if not found:
                self._begun += 1
                return
        before = _asking.set(True)
        try:
            for reached in found:
                self._act(reached)
        finally:
            _asking.reset(before)
        with self._lock:
            self._begun += 1

    def _act(self, reached: LimitReached) -> None:
        match self.limits.on_limit:
            case "raise":
                raise reached
            case "warn":
                self._warn(reached.limit, f"{reached}; the session goes on")
            case act:
                act(reached)

    def _reached(self) -> Iterator[LimitReached]:
        limits, tally = self.limits, self._tally
        if limits.max_calls is not None:
            calls = max(self._begun, tally.model_calls)
            if calls >= limits.max_calls:
                yield LimitReached("max_calls", limits.max_calls, calls, self._session_id)
        if limits.max_tokens is not None:
            tokens = tally.input_tokens + tally.output_tokens
            if tokens >= limits.max_tokens:
                yield LimitReached("max_tokens", limits.max_tokens, tokens, self._session_id)
        if limits.max_cost is not None:
            cost = tally.cost()
            if cost.unpriced:
                self._warn(
                    "unpriced", "max_cost is set, but a model of this session has no known price: it counts as 0"
                )
            if cost.amount >= limits.max_cost:
                yield LimitReached("max_cost", limits.max_cost, cost.amount, self._session_id)

    def _warn(self, what: str, message: str) -> None:
        with self._lock:
            if what in self._warned:
                return
            self._warned.add(what)
        _log.warning("sojourn: %s", message)
