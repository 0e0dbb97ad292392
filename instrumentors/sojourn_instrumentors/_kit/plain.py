"""JSON before it is parsed: what a library or a program handed us, taken for what it should be or for nothing."""

from __future__ import annotations

from typing import Any

__all__ = ["as_dict", "as_list", "as_text"]


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is a dict, else an empty one."""
    if isinstance(value, dict):
        return value  # pyright: ignore[reportUnknownVariableType]  # `cast` would be one more call for each message
    return {}


def as_list(value: Any) -> list[Any] | tuple[Any, ...]:
    """The value if it is a list or a tuple, else nothing: an iterator is not ours to consume."""
    if isinstance(value, list | tuple):
        return value  # pyright: ignore[reportUnknownVariableType]  # as above
    return ()


def as_text(value: Any) -> str | None:
    """The value if it is a text with something in it."""
    return value if isinstance(value, str) and value else None
