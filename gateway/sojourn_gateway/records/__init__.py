"""Small things that change: projects, keys, secrets, queues. SQLite in the home, or PostgreSQL by URL."""

from sojourn_gateway.records.keys import FoundKey, Key, Keys, NewKey
from sojourn_gateway.records.projects import Project, Projects
from sojourn_gateway.records.queues import Item, NewQueue, Queue, Queues, Review
from sojourn_gateway.records.records import Records

__all__ = [
    "FoundKey",
    "Item",
    "Key",
    "Keys",
    "NewKey",
    "NewQueue",
    "Project",
    "Projects",
    "Queue",
    "Queues",
    "Records",
    "Review",
]
