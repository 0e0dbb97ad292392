"""Limits of a session: what its model calls may add up to, and the one question that every model call asks first."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Literal, NamedTuple, TypedDict

__all__ = ["LimitOptions", "LimitReached", "Limits", "OnLimit", "ask", "parse_limits", "set_ask"]

Quantity = int | float | Decimal

ask: Callable[[], None] | None = None
"""Asked by the kit before a model call leaves; raises when the call must not be made. None while nothing is limited.

Not a function that is always there: a program without limits pays for a look at a variable, and for nothing else.
"""


class LimitReached(Exception):
    """A session has reached a limit that the program set: raised in place of the model call that would exceed it."""

    def __init__(self, limit: str, maximum: Quantity, reached: Quantity, session_id: str) -> None:
        super().__init__(limit, maximum, reached, session_id)
        self.limit = limit
        """`max_cost`, `max_tokens` or `max_calls`."""
        self.maximum = maximum
        self.reached = reached
        """Dollars, tokens or calls, as counted in this process."""
        self.session_id = session_id

    def __str__(self) -> str:
        unit = {"max_cost": "US dollars", "max_tokens": "tokens", "max_calls": "model calls"}.get(self.limit, "")
        reached = f"{self.reached:.6f}" if self.limit == "max_cost" else str(self.reached)
        return f"{self.limit}={self.maximum} is reached: {reached} {unit} in session {self.session_id}"


OnLimit = Literal["raise", "warn"] | Callable[[LimitReached], object]


class LimitOptions(TypedDict, total=False):
    """Limits as `init` and `start_session` take them."""

    max_cost: Quantity | None
    max_tokens: int | None
    max_calls: int | None
    on_limit: OnLimit | None


class Limits(NamedTuple):
    """What a session may use, and what happens then."""

    max_cost: Decimal | None = None
    max_tokens: int | None = None
    max_calls: int | None = None
    on_limit: OnLimit = "raise"

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return not (self.max_cost is None and self.max_tokens is None and self.max_calls is None)


def set_ask(question: Callable[[], None] | None) -> None:
    """What the kit asks from now on; None: nothing."""
    global ask
    ask = question


def parse_limits(
    *,
    max_cost: Quantity | None = None,
    max_tokens: int | None = None,
    max_calls: int | None = None,
    on_limit: OnLimit | None = None,
) -> Limits | None:
    """Limits as a program writes them; None when it writes none.

    Raises TypeError or ValueError in words that say what to do.
    """
    if max_cost is None and max_tokens is None and max_calls is None and on_limit is None:
        return None
    if on_limit is not None and on_limit not in ("raise", "warn") and not callable(on_limit):
        raise ValueError(f"on_limit is {on_limit!r}; it must be 'raise', 'warn' or a function that takes LimitReached")
    return Limits(
        None if max_cost is None else _dollars(max_cost),
        _count("max_tokens", max_tokens),
        _count("max_calls", max_calls),
        on_limit or "raise",
    )


def _dollars(given: object) -> Decimal:
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal):
        raise TypeError(f"max_cost must be a number of US dollars, not {type(given).__name__}")
    if not math.isfinite(given) or given < 0:
        raise ValueError(f"max_cost is {given}; it must be 0 or more")
    return Decimal(str(given))


def _count(name: str, given: object) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"{name} must be a whole number, not {type(given).__name__}")
    if given < 0:
        raise ValueError(f"{name} is {given}; it must be 0 or more")
    return given
