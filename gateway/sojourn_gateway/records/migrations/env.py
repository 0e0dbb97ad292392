"""What Alembic runs around the steps: they go over the connection, and in the transaction, of whoever asked."""

from __future__ import annotations

from alembic import context

from sojourn_gateway.records.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
