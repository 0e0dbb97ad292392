"""Brings a database to the newest step; several processes may try at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text

from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["upgrade"]

_FOLDER: Final = Path(__file__).parent
_LOCK: Final = 7_305_418
"""The number by which gateways that start at the same time wait for each other on PostgreSQL."""


def upgrade(connection: Connection) -> None:
    """Run the steps that are missing. Raises `GatewayFault` for a database that a newer gateway has changed."""
    config = Config(attributes={"connection": connection})
    # Percent signs of a path would be taken for references to other options.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        stands = MigrationContext.configure(connection).get_current_revision()
        if stands == script.get_current_head():
            return
        try:
            command.upgrade(config, "head")
        except CommandError as fault:
            raise GatewayFault(
                f"the records were changed by a newer sojourn (step {stands}); use that one, or a backup from before it"
            ) from fault
