"""A page of a longer list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Page"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`items` from `offset`, at most `limit`; `total` counts all matches before paging."""

    items: tuple[T, ...]
    total: int
    limit: int
    offset: int
