"""What public functions demand of their arguments: the right type, or words that say which one was meant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, SupportsFloat, TypeGuard
from uuid import UUID

__all__ = [
    "demand_facts",
    "demand_flag",
    "demand_function",
    "demand_id",
    "demand_number",
    "demand_path",
    "demand_text",
    "is_mapping",
    "parse_tags",
]

# Programs hand over proxies, whose `__class__` may raise; hence types are looked at, and never asked.


def demand_text(name: str, given: object) -> None:
    """Raises TypeError unless `given` is text, or None."""
    if given is not None and not issubclass(type(given), str):
        raise TypeError(f"{name} must be text, not {type(given).__name__}")


def demand_id(name: str, given: object) -> None:
    """Raises TypeError unless `given` is text or a UUID, or None."""
    if given is not None and not issubclass(type(given), str | UUID):
        raise TypeError(f"{name} must be text or a UUID, not {type(given).__name__}")


def demand_flag(name: str, given: object) -> None:
    """Raises TypeError unless `given` is True, False or None."""
    if given is not None and type(given) is not bool:
        raise TypeError(f"{name} must be True or False, not {type(given).__name__}")


def demand_number(name: str, given: object, *, whole: bool = False) -> None:
    """Raises TypeError unless `given` is a number (of dollars, seconds, tokens), or None; ValueError for NaN."""
    if given is None:
        return
    if not _is_number(given) or (whole and not issubclass(type(given), int)):
        raise TypeError(f"{name} must be a {'whole number' if whole else 'number'}, not {type(given).__name__}")
    if not isinstance(given, int) and not math.isfinite(float(given)):
        raise ValueError(f"{name} is {given}; it must be a finite number")


def demand_path(name: str, given: object) -> None:
    """Raises TypeError unless `given` is text or a path, or None."""
    kind: type[Any] = type(given)
    if given is not None and not (issubclass(kind, str) or hasattr(kind, "__fspath__")):
        raise TypeError(f"{name} must be text or a path, not {type(given).__name__}")


def demand_function(name: str, given: object) -> None:
    """Raises TypeError unless `given` can be called, or is None."""
    if given is not None and not callable(given):
        raise TypeError(f"{name} must be a function, not {type(given).__name__}")


def demand_facts(name: str, given: object) -> None:
    """Raises TypeError unless `given` is a mapping from texts, or None."""
    if given is None:
        return
    if not is_mapping(given):
        raise TypeError(f"{name} must be a dict of facts by name, not {type(given).__name__}")
    for key in given:
        if not issubclass(type(key), str):
            raise TypeError(f"{name} must have texts as keys, not {type(key).__name__}")


def parse_tags(tags: str | Iterable[str] | None, name: str = "tags") -> list[str]:
    """Tags as a program writes them: one text is one tag; doubles and blanks go, order stays.

    Raises TypeError for anything but texts.
    """
    if tags is None:
        return []
    given: list[object] = []
    if isinstance(tags, str):
        given = [tags]
    elif is_mapping(tags):
        raise TypeError(f"{name} must be text or several texts, not {type(tags).__name__}; facts by name are metadata")
    else:
        try:
            given = list(tags)
        except TypeError:
            raise TypeError(f"{name} must be text or several texts, not {type(tags).__name__}") from None
    found: list[str] = []
    for tag in given:
        if not isinstance(tag, str):
            raise TypeError(f"{name} must be text, not {type(tag).__name__}")
        found.append(tag.strip())
    return list(dict.fromkeys(tag for tag in found if tag))


def is_mapping(given: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether facts by name are given."""
    return issubclass(type(given), Mapping)


def _is_number(given: object) -> TypeGuard[SupportsFloat]:
    # Decimals and numbers of other libraries too, without importing them.
    return type(given) is not bool and hasattr(type(given), "__float__")
