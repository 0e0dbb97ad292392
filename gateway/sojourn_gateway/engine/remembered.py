"""Facts of a project that only roll-ups and erasures change: asked once, and again when there was one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn_gateway.engine.engine import Engine

__all__ = ["Remembered"]

T = TypeVar("T")

_TRUSTED_S: Final = 10.0
"""How long what is on a server is taken to be as it was: another gateway may have taken the store over."""


class Remembered(Generic[T]):
    """The answer to a question that costs more than it is worth to ask for every page."""

    def __init__(self, ask: Callable[[Engine, str], T], *, clock: Callable[[], float] = time.monotonic) -> None:
        """`ask` is given a store and a project; what it answers may be out of date by what is being rolled up."""
        self._ask = ask
        self._clock = clock
        self._known: WeakKeyDictionary[Engine, dict[str, tuple[tuple[int, int, float], T]]] = WeakKeyDictionary()

    def of(self, engine: Engine, project: str) -> T:
        """What held when the store was last rolled up, or rows of it were made anew."""
        # Looked at before it is asked: what is rolled up meanwhile leads to another question, not to an old answer.
        at = engine.rolled_up, engine.renewed, 0.0 if engine.embedded else self._clock() // _TRUSTED_S
        known = self._known.setdefault(engine, {})
        found = known.get(project)
        if found is None or found[0] != at:
            found = known[project] = (at, self._ask(engine, project))
        return found[1]
