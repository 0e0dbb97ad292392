"""A page of a list, and how long the list is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine

__all__ = ["DEEPEST", "Beside", "read_page", "read_page_at_once"]

A = TypeVar("A")
B = TypeVar("B")


DEEPEST: Final = 1_000_000
"""A page that ends further down is not looked for by a sorted array: the engine refuses long ones."""


class Beside(Protocol):
    """Whoever has threads for the parts of a question."""

    def ask(self, first: Callable[[], A], second: Callable[[], B], /) -> tuple[A, B]:
        """The answers of both, asked beside each other."""
        ...


def read_page(
    engine: Engine,
    columns: str,
    source: str,
    order: str,
    values: Mapping[str, Any],
    *,
    limit: int,
    offset: int,
    front: str = "",
) -> tuple[Sequence[Row], int]:
    """The rows of `source` (from `from` on) behind `offset`, at most `limit`, and how many there are in all.

    Counted in the same pass: counting alone costs as much as reading. `front` stands before the statement.
    """
    rows = engine.rows(
        f"""{front}select {columns}, count() over () {source}
        order by {order} limit {{limit:UInt64}} offset {{offset:UInt64}}""",
        {**values, "limit": limit, "offset": offset},
    )
    if rows or not offset:
        return [row[:-1] for row in rows], rows[0][-1] if rows else 0
    return rows, engine.rows(f"{front}select count() {source}", values)[0][0]


def read_page_at_once(
    engine: Engine,
    beside: Beside,
    columns: str,
    source: str,
    order: str,
    values: Mapping[str, Any],
    *,
    limit: int,
    offset: int,
    front: str = "",
    count: str = "",
) -> tuple[Sequence[Row], int]:
    """As `read_page`, counted beside that: for many columns, and conditions that take no time.

    Without a count the engine sorts by what the order needs, and reads all else of the rows of the page alone. `count`
    is a statement that knows how many there are without looking at them.
    """
    return beside.ask(
        lambda: engine.rows(
            f"""{front}select {columns} {source}
            order by {order} limit {{limit:UInt64}} offset {{offset:UInt64}}""",
            {**values, "limit": limit, "offset": offset},
        ),
        lambda: int(engine.rows(count or f"{front}select count() {source}", values)[0][0]),
    )
