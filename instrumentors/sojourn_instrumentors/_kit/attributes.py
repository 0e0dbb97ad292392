"""What may stand as the value of a span attribute, made from whatever a program handed to a library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.util.types import AttributeValue

__all__ = ["attribute", "facts"]

_INT64 = 2**63
_SCALARS = frozenset({str, int, float, bool})


def attribute(value: Any) -> AttributeValue:
    """A value that every exporter can encode: a program may pass subclasses, huge numbers or lone surrogates."""
    kind: type[Any] = value.__class__
    if kind is str:
        text: str = value
        return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
    if kind is int:
        number: int = value
        return number if -_INT64 <= number < _INT64 else str(number)
    if kind in _SCALARS:
        flag: bool | float = value
        return flag
    if kind is list or kind is tuple:
        # Exporters want one type per list; the lists that we record (stop sequences, finish reasons) are of texts.
        items: Iterable[Any] = value
        return [str(attribute(item if item.__class__ in _SCALARS else str(item))) for item in items]
    return attribute(_simplest(value))


def facts(record: object, names: Iterable[tuple[str, str]]) -> dict[str, AttributeValue]:
    """The fields of a record that are known, under their attribute names."""
    known: dict[str, AttributeValue] = {}
    for field, name in names:
        value = getattr(record, field)
        if value is not None:
            # Nearly all values are fit; for them a call each is saved.
            kind = value.__class__
            fit = value.isascii() if kind is str else kind is bool or (kind is int and 0 <= value < _INT64)
            known[name] = value if fit else attribute(value)
    return known


def _simplest(value: Any) -> str | int | float | bool:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)
