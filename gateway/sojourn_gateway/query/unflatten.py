"""Lists that a sender wrote as one attribute for each leaf, put together again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sojourn_gateway.model.span import Json

__all__ = ["flat_list", "objects"]

_DEEPEST: Final = 16
"""Dots of a name beyond which it is no path."""
_LONGEST_INDEX: Final = 9


class _Branch(dict[str, Any]):
    """What stands between the root and the leaves: told apart from an object that is a leaf."""


def flat_list(attributes: Mapping[str, Json], prefix: str) -> list[Json]:
    """The items of the list whose leaves stand under `prefix` + index + `.` + path; in order of their index."""
    root: dict[str, Any] = {}
    for key, value in attributes.items():
        if not key.startswith(prefix):
            continue
        path = key[len(prefix) :].split(".")
        if len(path) <= _DEEPEST and _is_index(path[0]):
            _plant(root, path, value)
    return [_listed(one) for _, one in sorted(root.items(), key=lambda pair: int(pair[0]))]


def _is_index(step: str) -> bool:
    # `isdigit` alone is true of superscripts too, which are no numbers.
    return len(step) <= _LONGEST_INDEX and step.isascii() and step.isdigit()


def _plant(root: dict[str, Any], path: list[str], value: Json) -> None:
    at = root
    for step in path[:-1]:
        inner = at.setdefault(step, _Branch())
        # A leaf of the same name came before: it stays, what stands below it has no place.
        if not isinstance(inner, _Branch):
            return
        at = inner
    at.setdefault(path[-1], value)


def objects(value: Json) -> Iterator[dict[str, Any]]:
    """The objects in a list; of anything else, none."""
    if isinstance(value, list):
        for one in value:  # pyright: ignore[reportUnknownVariableType]  # JSON of a sender
            yield from _object(one)


def _object(value: Json) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value


def _listed(value: Json) -> Json:
    if not isinstance(value, _Branch):
        return value
    if value and all(map(_is_index, value)):
        return [_listed(one) for _, one in sorted(value.items(), key=lambda pair: int(pair[0]))]
    return {key: _listed(one) for key, one in value.items()}
