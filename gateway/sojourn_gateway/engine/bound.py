"""SQL with its values beside it: a text never contains what a sender or a reader wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Bindings", "Conditions", "Sql", "ids_in"]


@dataclass(frozen=True, slots=True)
class Sql:
    """A condition, and the values that its placeholders stand for."""

    text: str
    values: Mapping[str, Any]


@dataclass(slots=True)
class Bindings:
    """Gives each value a name of its own, so that conditions of any origin can stand in one statement."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])

    def bind(self, kind: str, value: Any) -> str:
        """The placeholder of a value of an engine's type."""
        name = f"w{len(self.values)}"
        self.values[name] = value
        return f"{{{name}:{kind}}}"


class Conditions:
    """Conditions that hold together, each with its bound values; a filter's own begin with `w` and a digit."""

    def __init__(self, **values: Any) -> None:  # whatever the engine binds
        self._conditions: list[str] = []
        self.values: dict[str, Any] = values

    def add(self, condition: str, **values: Any) -> None:  # as above
        """One more."""
        self._conditions.append(f"({condition})")
        self.values.update(values)

    def add_sql(self, sql: Sql) -> None:
        """One more, of a filter."""
        self.add(sql.text, **sql.values)

    def __len__(self) -> int:
        return len(self._conditions)

    def __str__(self) -> str:
        return " and ".join(self._conditions) or "true"


def ids_in(name: str, size: int = 16, called: str = "") -> str:
    """A select of the ids, of `size` bytes, that the value `name` lists in hexadecimal; `called` names its column."""
    named = f" as {called}" if called else ""
    return f"(select arrayJoin(arrayMap(id -> toFixedString(unhex(id), {size}), {{{name}:Array(String)}})){named})"
