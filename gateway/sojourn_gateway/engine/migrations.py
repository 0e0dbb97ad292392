"""Brings the tables of a store to the shape that this version knows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sojourn_gateway.engine.tables import DATABASE, STEPS
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from sojourn_gateway.engine.backend import Handle

__all__ = ["migrate"]


def migrate(writer: Handle) -> None:
    """Run the steps that this store has not seen. Refuses a store of a newer version, which it would not understand."""
    writer.run(f"create database if not exists {DATABASE} engine = Atomic")
    at = _reached(writer)
    newest = STEPS[-1].number
    if at > newest:
        raise GatewayFault(
            f"the stored data has format {at}, this version of sojourn knows up to {newest}: install a newer one"
        )
    for step in STEPS:
        if step.number <= at:
            continue
        for statement in step.statements:
            writer.run(statement)
        writer.run(
            f"insert into {DATABASE}.marks select 'format', {{number:UInt64}}, {{now:UInt64}}",
            {"number": step.number, "now": time.time_ns()},
        )


def _reached(writer: Handle) -> int:
    if not writer.rows(
        "select 1 from system.tables where database = {database:String} and name = 'marks'", {"database": DATABASE}
    ):
        return 0
    rows = writer.rows(f"select value from {DATABASE}.marks final where name = 'format'")
    return int(rows[0][0]) if rows else 0
