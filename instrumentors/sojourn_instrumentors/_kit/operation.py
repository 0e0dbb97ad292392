"""Operations: what a library module declares of a kind of call, as pure functions over plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sojourn_instrumentors._kit.generation import Generation

__all__ = ["Operation", "Reader"]

Reader = Callable[[Any, Generation], None]


@dataclass(frozen=True, slots=True)
class Operation:
    """A kind of call of a model.

    `request` reads the arguments, by name, into the record before the call. `content` then reads the messages out
    of them, only when they will be recorded. `response` reads a whole reply (of one that is no JSON, and that the
    program reads by itself, a `Media`), `chunk` one piece of a streamed one, `failure` an exception that carries
    more than its message, `headers` those of a streamed or raw answer. None of them opens, awaits or catches anything.

    `name` is the convention's name, None where it has none. What `folds` does the work of the call of a model that a
    framework announced around it; what does not is a step beside it.
    """

    name: str | None
    request: Callable[[Mapping[str, Any], Generation], None]
    content: Callable[[Mapping[str, Any], Generation], None]
    response: Reader
    chunk: Reader
    failure: Reader | None = None
    headers: Callable[[Mapping[str, str], Generation], None] | None = None
    folds: bool = True
    asks: bool = False
    """A model's work begins with it, though another call will tell of that: the program's limits are asked."""
