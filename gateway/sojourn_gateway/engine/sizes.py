"""How large the store is, and how it is doing: for whoever looks after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sojourn_gateway.engine.rollup import UNREAD
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text

if TYPE_CHECKING:
    from sojourn_gateway.engine.engine import Engine

__all__ = ["StoreState", "TableSize", "read_state"]


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table on disk."""

    name: str
    rows: int
    size: int
    """Bytes."""
    parts: int


@dataclass(frozen=True, slots=True)
class StoreState:
    """The store as a whole."""

    format: int
    size: int
    """Bytes on disk."""
    tables: tuple[TableSize, ...]
    """Those that hold something, largest first."""
    behind: int
    """Spans and log records that lists do not show yet."""
    rolled_up_ns: int
    """When the newest batch arrived that lists show; 0 in an empty store."""
    skipped: int
    """Log records of sessions that could not be read."""
    under_erasure: int
    """Sessions, traces and users that are being erased."""


def read_state(engine: Engine) -> StoreState:
    """Look at the store. Reads no more than what the engine knows of its parts, and marks."""
    tables = tuple(
        TableSize(text(name), rows, size, parts)
        for name, rows, size, parts in engine.rows(
            """select table, sum(rows), sum(bytes_on_disk) as size, count() from system.parts
            where active and database = {database:String} group by table having sum(rows) > 0 order by size desc""",
            {"database": DATABASE},
        )
    )
    marks = {text(name): value for name, value in engine.rows(f"select name, value from {DATABASE}.marks final")}
    done = engine.rolled_up
    behind = engine.rows(
        f"""select (select count() from {DATABASE}.spans where commit > {{done:UInt64}})
            + (select count() from {DATABASE}.logs where commit > {{done:UInt64}}),
            (select count() from {DATABASE}.doomed final)""",
        {"done": done},
    )[0]
    return StoreState(
        format=marks.get("format", 0),
        size=sum(table.size for table in tables),
        tables=tables,
        behind=behind[0],
        rolled_up_ns=done,
        skipped=marks.get(UNREAD, 0),
        under_erasure=behind[1],
    )
