"""A search is a filter: words in the content, or a part of what names a thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn_gateway.model.where import AllOf, AnyOf, Compare, Field

if TYPE_CHECKING:
    from sojourn_gateway.model.where import Where

__all__ = ["searched"]

_CONTENT: Final = Field("search", "search")


def searched(search: str | None, where: Where | None, *, names: tuple[str, ...] = ()) -> Where | None:
    """The filter, and that all words of the search stand in the content, or the search in one of the `names`."""
    if not search:
        return where
    found = [Compare(Field(name, "string"), "contains", search) for name in names]
    if any(letter.isalnum() for letter in search) or not found:
        found.append(Compare(_CONTENT, "contains", search))
    parts: tuple[Where, ...] = (AnyOf(tuple(found)),)
    return AllOf(parts if where is None else (*parts, where))
