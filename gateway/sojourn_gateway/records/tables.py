"""The tables, as the newest migration leaves them. Times are nanoseconds since 1970; `project` comes first in a key."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, MetaData, String, Table, Text

__all__ = ["ITEMS", "KEYS", "METADATA", "PROJECTS", "QUEUES", "REVIEWS", "SECRETS"]

METADATA: Final = MetaData()

PROJECTS: Final = Table(
    "projects",
    METADATA,
    Column("name", String(128), primary_key=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("created_ns", BigInteger, nullable=False),
)

KEYS: Final = Table(
    "keys",
    METADATA,
    Column("project", String(128), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("prefix", String(32), nullable=False),
    Column("permissions", JSON, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("last_used_ns", BigInteger),
    Column("expires_ns", BigInteger),
    Column("revoked_ns", BigInteger),
)

SECRETS: Final = Table(
    "secrets",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", String(128), nullable=False),
)

QUEUES: Final = Table(
    "queues",
    METADATA,
    Column("project", String(128), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("description", Text),
    Column("score_config_names", JSON),
    Column("dataset_id", String(512)),
    Column("status", String(16), nullable=False),
    Column("instructions", Text),
    Column("reviewers_required", Integer, nullable=False),
    Column("created_by", String(255)),
    Column("created_ns", BigInteger, nullable=False),
    Column("updated_ns", BigInteger),
)

ITEMS: Final = Table(
    "queue_items",
    METADATA,
    Column("project", String(128), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("queue_id", String(36), nullable=False),
    Column("resource_id", String(512), nullable=False),
    Column("resource_type", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("assigned_to", String(255)),
    Column("completed_by", String(255)),
    Column("completed_ns", BigInteger),
    Column("created_ns", BigInteger, nullable=False),
    Index("queue_items_of_queue", "project", "queue_id"),
)

REVIEWS: Final = Table(
    "reviews",
    METADATA,
    Column("project", String(128), primary_key=True),
    Column("item_id", String(36), primary_key=True),
    Column("user_id", String(255), primary_key=True),
    Column("id", String(36), nullable=False),
    Column("status", String(16), nullable=False),
    Column("completed_ns", BigInteger),
    Column("created_ns", BigInteger, nullable=False),
)
