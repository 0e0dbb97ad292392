"""Facts: values of the program's as attributes take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from sojourn.content import ContentPolicy, fits_64_bits, utf8

if TYPE_CHECKING:
    from sojourn.current import Stamp

__all__ = ["stamped"]

_AS_IT_IS = ContentPolicy()


def stamped(value: object) -> Stamp:
    """A value as an attribute takes it: plain ones as they are, several texts as several, all else as JSON.

    Never raises: what cannot be serialised is described.
    """
    # By type rather than `isinstance`: an object of the program's own may fail when it is asked for its class.
    kind = type(value)
    if _is_text(value):
        return utf8(str.__str__(value))
    if kind is bool or kind is float or (kind is int and fits_64_bits(value)):
        return value  # type: ignore[return-value]  # pyright: ignore[reportReturnType]  # just looked at
    if kind is list or kind is tuple:
        items: Any = value
        texts = [utf8(str.__str__(item)) for item in items if _is_text(item)]
        if len(texts) == len(items):
            return tuple(texts)
    return _AS_IT_IS.render(value) or ""


def _is_text(value: object) -> TypeGuard[str]:
    return issubclass(type(value), str)
