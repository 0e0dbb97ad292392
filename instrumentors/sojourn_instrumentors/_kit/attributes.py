"""What may stand as the value of a span attribute, made from whatever a program handed to a library."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.util.types import AttributeValue

__all__ = ["Facts", "attribute"]

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


class Facts:
    """Fields of a kind of record, each with the name of its attribute."""

    __slots__ = ("_by_field", "_names", "_read")

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._by_field = dict(pairs)
        self._names = tuple(name for _, name in pairs)
        # All at once, in C; of a single one it would give the value itself, so that is asked for twice.
        fields = [field for field, _ in pairs]
        self._read: Callable[[object], tuple[Any, ...]] = attrgetter(*fields, *fields[:1])

    def of(self, record: object) -> dict[str, AttributeValue]:
        """The fields that are known, under their attribute names."""
        known: dict[str, AttributeValue] = {}
        for name, value in zip(self._names, self._read(record), strict=False):
            if value is not None:
                # Nearly all values are fit; for them a call each is saved.
                kind = value.__class__
                fit = value.isascii() if kind is str else kind is bool or (kind is int and 0 <= value < _INT64)
                known[name] = value if fit else attribute(value)
        return known

    def own(self, record: object) -> dict[str, AttributeValue]:
        """The same of a record that holds only what it was told: it has many more fields, and those are not asked."""
        known: dict[str, AttributeValue] = {}
        names = self._by_field
        # A copy in one step of C: while a stream is read, another thread may end its call.
        for field, value in vars(record).copy().items():
            if value is not None and field in names:
                kind = value.__class__
                fit = value.isascii() if kind is str else kind is bool or (kind is int and 0 <= value < _INT64)
                known[names[field]] = value if fit else attribute(value)
        return known


def _simplest(value: Any) -> str | int | float | bool:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)
