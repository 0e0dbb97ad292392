"""Statements of one question, asked beside each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Beside"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

_THREADS: Final = 2
"""Besides that of whoever asks: together as many as the engine has readers."""


class Beside:
    """A few threads for the parts of a question that do not need each other."""

    def __init__(self) -> None:
        """Start nothing yet. The threads end with this object, or with the program."""
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="sojourn-query")

    @overload
    def ask(self, first: Callable[[], A], second: Callable[[], B], /) -> tuple[A, B]: ...

    @overload
    def ask(self, first: Callable[[], A], second: Callable[[], B], third: Callable[[], C], /) -> tuple[A, B, C]: ...

    def ask(self, first: Callable[[], Any], /, *others: Callable[[], Any]) -> tuple[Any, ...]:
        """The answers of all. The first, which should be the longest, is asked on the caller's own thread.

        Returns or raises when nothing is under way any more.
        """
        waiting = [self._pool.submit(other) for other in others]
        try:
            answer = first()
        finally:
            for one in waiting:
                one.exception()
        return (answer, *(one.result() for one in waiting))
