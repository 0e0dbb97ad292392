"""Arguments: a recorded request body as what a program would pass to a client's method."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["split"]


def split(function: Callable[..., Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Named arguments where the method has them, the rest in `extra_body`, as programs send what is not there yet."""
    known = _parameters(function.__func__ if inspect.ismethod(function) else function)
    named = {name: value for name, value in body.items() if name in known}
    others = {name: value for name, value in body.items() if name not in known}
    return {**named, "extra_body": others} if others else named


@lru_cache(maxsize=64)
def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)
