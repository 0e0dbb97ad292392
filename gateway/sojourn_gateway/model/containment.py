"""Whether a JSON value contains another, as PostgreSQL's `@>` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sojourn_gateway.model.span import Json

__all__ = ["contains"]


def contains(kept: Json, asked: Json) -> bool:
    """Objects match as subsets at every depth.

    A list matches when each element asked for is contained in some element that is kept, in any order and number.
    Everything else matches what is equal and of the same type.
    """
    if (wanted := _members(asked)) is not None:
        found = _members(kept)
        return found is not None and all(key in found and contains(found[key], one) for key, one in wanted.items())
    if (items := _items(asked)) is not None:
        known = _items(kept)
        return known is not None and all(any(contains(one, item) for one in known) for item in items)
    if isinstance(kept, dict | list):
        return False
    # Python takes true for 1, and JSON does not.
    return isinstance(kept, bool) == isinstance(asked, bool) and kept == asked


def _members(value: Json) -> dict[str, Json] | None:
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]  # JSON of a sender


def _items(value: Json) -> list[Json] | None:
    return value if isinstance(value, list) else None  # pyright: ignore[reportUnknownVariableType]  # JSON of a sender
