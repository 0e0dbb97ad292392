"""`sojourn schema`: the statements that make the tables, for whoever makes them on a ClickHouse server by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.cluster import clustered, in_database
from sojourn_gateway.engine.lease import WRITERS
from sojourn_gateway.engine.tables import DATABASE, STEPS
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["print_schema", "schema"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def print_schema(cluster: str | None, database: str | None) -> int:
    """Print them, in order. Raises `GatewayFault` for names that are none."""
    for name in filter(None, (cluster, database)):
        if not _NAME.fullmatch(name):
            raise GatewayFault(f"{name!r} is no plain name: letters, digits and underscores")
    for statement in schema(cluster or "", database or DATABASE):
        print(f"{statement.strip()};\n")
    return 0


def schema(cluster: str, database: str) -> Iterator[str]:
    """The statements of all steps; running those again that ran before does no harm."""
    for statement in (
        f"create database if not exists {DATABASE} engine = Atomic",
        WRITERS,
        *(statement for step in STEPS for statement in step.statements),
    ):
        named = in_database(statement, database)
        yield from clustered(named, cluster) if cluster else (named,)
