"""Projects, keys, secrets, annotation queues."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "projects",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("project", sa.String(128), primary_key=True),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("prefix", sa.String(32), nullable=False),
        sa.Column("permissions", sa.JSON, nullable=False),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("last_used_ns", sa.BigInteger),
        sa.Column("expires_ns", sa.BigInteger),
        sa.Column("revoked_ns", sa.BigInteger),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(128), nullable=False),
    )
    op.create_table(
        "queues",
        sa.Column("project", sa.String(128), primary_key=True),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("score_config_names", sa.JSON),
        sa.Column("dataset_id", sa.String(512)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("instructions", sa.Text),
        sa.Column("reviewers_required", sa.Integer, nullable=False),
        sa.Column("created_by", sa.String(255)),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("updated_ns", sa.BigInteger),
    )
    op.create_table(
        "queue_items",
        sa.Column("project", sa.String(128), primary_key=True),
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("queue_id", sa.String(36), nullable=False),
        sa.Column("resource_id", sa.String(512), nullable=False),
        sa.Column("resource_type", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("assigned_to", sa.String(255)),
        sa.Column("completed_by", sa.String(255)),
        sa.Column("completed_ns", sa.BigInteger),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("queue_items_of_queue", "queue_items", ["project", "queue_id"])
    op.create_table(
        "reviews",
        sa.Column("project", sa.String(128), primary_key=True),
        sa.Column("item_id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.String(255), primary_key=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("completed_ns", sa.BigInteger),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop them, with all that is in them."""
    for name in ("reviews", "queue_items", "queues", "secrets", "keys", "projects"):
        op.drop_table(name)
