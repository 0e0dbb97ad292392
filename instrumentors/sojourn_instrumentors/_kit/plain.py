"""JSON before it is parsed: what a library or a program handed us, taken for what it should be or for nothing."""

from __future__ import annotations

from typing import Any

__all__ = ["as_dict", "as_fields", "as_list", "as_plain", "as_text"]

_DEEPEST = 12


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


def as_fields(value: Any) -> dict[str, Any]:
    """What a library's model, or a dict, holds and was said: asking it for each field that it lacks costs more."""
    if isinstance(value, dict):
        return value  # pyright: ignore[reportUnknownVariableType]  # as above
    fields: dict[str, Any] = getattr(value, "__dict__", {})
    extra = getattr(value, "model_extra", None)
    return {**fields, **extra} if extra else fields


def as_plain(value: Any, depth: int = 0) -> Any:
    """A library's model, with all that it holds and was said, as JSON has it; what is none is left as it is."""
    if value is None or isinstance(value, str | int | float | bool) or depth > _DEEPEST:
        return value
    if isinstance(value, list | tuple):
        return [as_plain(one, depth + 1) for one in as_list(value)]
    if not (isinstance(value, dict) or hasattr(value, "__dict__")):
        return value
    fields = as_fields(value)
    return {str(name): as_plain(one, depth + 1) for name, one in fields.items() if one is not None and name[:1] != "_"}
