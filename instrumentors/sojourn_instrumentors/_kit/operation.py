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
    of them, only when they will be recorded. `response` reads a whole reply, `chunk` one piece of a streamed one,
    `failure` an exception that carries more than its message. None of them opens, awaits or catches anything.
    """

    name: str
    request: Callable[[Mapping[str, Any], Generation], None]
    content: Callable[[Mapping[str, Any], Generation], None]
    response: Reader
    chunk: Reader
    failure: Reader | None = None
