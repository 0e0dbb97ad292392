"""Deletes on a cluster: what is to go is found once, and named to all servers row by row.

A delete whose condition holds a query would be asked of every replica by itself: of the part of the tables that lies
there, at a moment of its own, without what the server that is spoken to has in memory. Replicated tables refuse it. So
the rows are looked up over all shards first. A row that replaces one of them meanwhile has another version, and stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.engine.cluster import key_of
from sojourn_gateway.engine.tables import DATABASE, STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sojourn_gateway.engine.backend import Row

__all__ = ["ROWS_AT_ONCE", "Deletion", "find_deletion"]

ROWS_AT_ONCE: Final = 20_000
"""So many rows are found, and waited for, at one time."""
_LONGEST: Final = 100_000
"""Bytes of values in one statement, which lies where the servers agree on statements: no more than a megabyte does."""
_DELETE: Final = re.compile(
    rf"\s*alter table {DATABASE}\.(\w+) delete where (.*?)\s*settings mutations_sync = 2\s*", re.DOTALL
)
_QUERY: Final = re.compile(r"\bselect\b", re.IGNORECASE)
_FIXED: Final = re.compile(r"FixedString\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Deletion:
    """A delete that a query decides."""

    table: str
    condition: str

    @property
    def finding(self) -> str:
        """The query for rows that are to go, `most` of them; none when all are gone."""
        columns = ", ".join(name if "String" not in kind else f"hex({name})" for name, kind in _columns(self.table))
        return f"select distinct {columns} from {DATABASE}.{self.table} where {self.condition} limit {{most:UInt64}}"

    def removing(self, rows: Sequence[Row]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The statements that delete these rows, with their values. When the last one returned, the rows are gone."""
        columns = _columns(self.table)
        names = ", ".join(name for name, _ in columns)
        lists = ", ".join(_listed(name, kind) for name, kind in columns)
        pieces = list(_pieces(rows))
        for number, piece in enumerate(pieces, 1):
            # Deletes of a table happen in their order, and those that wait for each other are made in one go.
            waits = 2 if number == len(pieces) else 0
            bound = {
                f"d_{name}": [one.decode() if isinstance(one, bytes) else one for one in values]
                for (name, _), values in zip(columns, zip(*piece, strict=True), strict=True)
            }
            named = f"({names}) in arrayZip({lists})"
            yield f"alter table {DATABASE}.{self.table} delete where {named} settings mutations_sync = {waits}", bound


def find_deletion(sql: str) -> Deletion | None:
    """The delete that a statement is, if a query in it decides what goes."""
    found = _DELETE.fullmatch(sql)
    return Deletion(found[1], found[2]) if found and _QUERY.search(found[2]) else None


@cache
def _columns(table: str) -> tuple[tuple[str, str], ...]:
    """What tells the rows of a table apart, replaced ones too: names and types."""
    begin = f"create table if not exists {DATABASE}.{table} ("
    return next(key_of(sql) for step in STEPS for sql in step.statements if sql.lstrip().startswith(begin))


def _listed(name: str, kind: str) -> str:
    """The values of a column as a list of its type; texts may hold any bytes."""
    if "String" not in kind:
        return f"{{d_{name}:Array({kind})}}"
    fixed = _FIXED.fullmatch(kind)
    plain = f"toFixedString(unhex(one), {fixed[1]})" if fixed else "unhex(one)"
    return f"arrayMap(one -> {plain}, {{d_{name}:Array(String)}})"


def _pieces(rows: Sequence[Row]) -> Iterator[list[Row]]:
    piece: list[Row] = []
    taken = 0
    for row in rows:
        size = sum(len(one) if isinstance(one, bytes) else len(str(one)) for one in row)
        if piece and taken + size > _LONGEST:
            yield piece
            piece, taken = [], 0
        piece.append(row)
        taken += size
    if piece:
        yield piece
