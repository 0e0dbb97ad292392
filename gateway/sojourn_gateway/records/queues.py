"""Annotation queues: what people are asked to look at, and what they did with it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import uuid4

from sqlalchemy import case, delete, func, insert, select, update

from sojourn_gateway.records.tables import ITEMS, QUEUES, REVIEWS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sojourn_gateway.records.records import Records

__all__ = ["Item", "ItemStatus", "NewQueue", "Progress", "Queue", "QueueStatus", "Queues", "Review", "ReviewStatus"]

QueueStatus = Literal["active", "completed", "archived"]
ItemStatus = Literal["pending", "in_progress", "completed", "skipped"]
ReviewStatus = Literal["assigned", "completed", "skipped"]

_STATUSES: Final[tuple[ItemStatus, ...]] = ("pending", "in_progress", "completed", "skipped")


@dataclass(frozen=True, slots=True)
class Progress:
    """How many items of a queue stand where."""

    pending: int = 0
    in_progress: int = 0
    completed: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """All items."""
        return self.pending + self.in_progress + self.completed + self.skipped


@dataclass(frozen=True, slots=True)
class NewQueue:
    """A queue before it is kept."""

    name: str
    score_config_names: tuple[str, ...] | None
    description: str | None = None
    instructions: str | None = None
    dataset_id: str | None = None
    reviewers_required: int = 1


@dataclass(frozen=True, slots=True)
class Queue:
    """Items to be looked at by people."""

    id: str
    name: str
    description: str | None
    score_config_names: tuple[str, ...] | None
    dataset_id: str | None
    status: QueueStatus
    instructions: str | None
    reviewers_required: int
    created_by: str | None
    created_ns: int
    updated_ns: int | None
    progress: Progress = field(default=Progress())


@dataclass(frozen=True, slots=True)
class Item:
    """A trace, span or session in a queue."""

    id: str
    queue_id: str
    resource_id: str
    resource_type: str
    status: ItemStatus
    assigned_to: str | None
    completed_by: str | None
    completed_ns: int | None
    created_ns: int


@dataclass(frozen=True, slots=True)
class Review:
    """What one person did with an item."""

    id: str
    item_id: str
    user_id: str
    status: ReviewStatus
    completed_ns: int | None
    created_ns: int


class Queues:
    """The queues of all projects; each question is of one."""

    def __init__(self, records: Records, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._records = records
        self._now_ns = now_ns

    def make(self, project: str, new: NewQueue, created_by: str | None) -> Queue:
        """Keep a queue."""
        queue = Queue(
            id=str(uuid4()),
            name=new.name,
            description=new.description,
            score_config_names=new.score_config_names,
            dataset_id=new.dataset_id,
            status="active",
            instructions=new.instructions,
            reviewers_required=new.reviewers_required,
            created_by=created_by,
            created_ns=self._now_ns(),
            updated_ns=None,
        )
        told = {name: getattr(queue, name) for name in Queue.__slots__ if name != "progress"}
        with self._records.writing() as connection:
            connection.execute(insert(QUEUES).values(project=project, **_stored(told)))
        return queue

    def all(self, project: str, *, assigned_to: str | None = None) -> tuple[Queue, ...]:
        """The queues, newest first; with a person given, those that have an item for them."""
        asked = select(QUEUES).where(QUEUES.c.project == project)
        if assigned_to is not None:
            mine = select(ITEMS.c.queue_id).where(ITEMS.c.project == project, ITEMS.c.assigned_to == assigned_to)
            asked = asked.where(QUEUES.c.id.in_(mine))
        counted = (
            select(
                ITEMS.c.queue_id,
                *(func.sum(case((ITEMS.c.status == status, 1), else_=0)).label(status) for status in _STATUSES),
            )
            .where(ITEMS.c.project == project)
            .group_by(ITEMS.c.queue_id)
        )
        with self._records.reading() as connection:
            rows = connection.execute(asked.order_by(QUEUES.c.created_ns.desc(), QUEUES.c.id)).mappings().all()
            progress = {
                row["queue_id"]: Progress(**{status: int(row[status]) for status in _STATUSES})
                for row in connection.execute(counted).mappings()
            }
        return tuple(replace(_queue(row), progress=progress.get(row["id"], Progress())) for row in rows)

    def find(self, project: str, queue_id: str) -> Queue | None:
        """A queue; None when the project has none of that id."""
        with self._records.reading() as connection:
            row = connection.execute(select(QUEUES).where(*_of(QUEUES, project, queue_id))).mappings().first()
        return None if row is None else _queue(row)

    def change(self, project: str, queue_id: str, changes: Mapping[str, Any]) -> Queue | None:
        """Set columns of a queue."""
        told = {**_stored(changes), "updated_ns": self._now_ns()}
        with self._records.writing() as connection:
            connection.execute(update(QUEUES).where(*_of(QUEUES, project, queue_id)).values(**told))
        return self.find(project, queue_id)

    def delete(self, project: str, queue_id: str) -> bool:
        """Forget a queue with its items and reviews; False when there is none."""
        items = select(ITEMS.c.id).where(ITEMS.c.project == project, ITEMS.c.queue_id == queue_id)
        with self._records.writing() as connection:
            connection.execute(delete(REVIEWS).where(REVIEWS.c.project == project, REVIEWS.c.item_id.in_(items)))
            connection.execute(delete(ITEMS).where(ITEMS.c.project == project, ITEMS.c.queue_id == queue_id))
            return connection.execute(delete(QUEUES).where(*_of(QUEUES, project, queue_id))).rowcount > 0

    def add(self, project: str, queue_id: str, resources: Sequence[tuple[str, str]]) -> int:
        """Put resources (id and kind) into a queue, each once; returns how many were not in it yet."""
        with self._records.writing() as connection:
            asked = select(ITEMS.c.resource_id, ITEMS.c.resource_type).where(
                ITEMS.c.project == project, ITEMS.c.queue_id == queue_id
            )
            held = {(row["resource_id"], row["resource_type"]) for row in connection.execute(asked).mappings()}
            fresh = [one for one in dict.fromkeys(resources) if one not in held]
            now_ns = self._now_ns()
            if fresh:
                rows = [
                    {
                        "project": project,
                        "id": str(uuid4()),
                        "queue_id": queue_id,
                        "resource_id": resource_id,
                        "resource_type": kind,
                        "status": "pending",
                        # In the order in which they were given.
                        "created_ns": now_ns + number,
                    }
                    for number, (resource_id, kind) in enumerate(fresh)
                ]
                connection.execute(insert(ITEMS), rows)
        return len(fresh)

    def items(self, project: str, queue_id: str, limit: int, offset: int) -> tuple[tuple[Item, ...], int]:
        """A page of a queue's items, oldest first, and how many there are."""
        chosen = (ITEMS.c.project == project, ITEMS.c.queue_id == queue_id)
        asked = select(ITEMS).where(*chosen).order_by(ITEMS.c.created_ns, ITEMS.c.id).limit(limit).offset(offset)
        with self._records.reading() as connection:
            total = connection.execute(select(func.count()).select_from(ITEMS).where(*chosen)).scalar_one()
            return tuple(_item(row) for row in connection.execute(asked).mappings()), int(total)

    def item(self, project: str, queue_id: str, item_id: str) -> Item | None:
        """An item; None when that queue has none of that id."""
        chosen = (*_of(ITEMS, project, item_id), ITEMS.c.queue_id == queue_id)
        with self._records.reading() as connection:
            row = connection.execute(select(ITEMS).where(*chosen)).mappings().first()
        return None if row is None else _item(row)

    def change_item(self, project: str, item: Item, changes: Mapping[str, Any], by: str | None) -> Item:
        """Set `status` or `assigned_to`; a completed one says by whom and when."""
        told = dict(changes)
        if "status" in told:
            done = told["status"] == "completed"
            told |= {"completed_by": by if done else None, "completed_ns": self._now_ns() if done else None}
        with self._records.writing() as connection:
            connection.execute(update(ITEMS).where(*_of(ITEMS, project, item.id)).values(**told))
        return replace(item, **told)

    def delete_item(self, project: str, item: Item) -> None:
        """Take an item out of its queue."""
        with self._records.writing() as connection:
            connection.execute(delete(REVIEWS).where(REVIEWS.c.project == project, REVIEWS.c.item_id == item.id))
            connection.execute(delete(ITEMS).where(*_of(ITEMS, project, item.id)))

    def review(
        self, project: str, queue: Queue, item: Item, user_id: str, status: ReviewStatus
    ) -> tuple[Review, Item, int]:
        """Keep what a person did, over what they did before; the review, the item as it then stands, reviews done.

        An item is completed when as many have completed it as its queue requires, and skipped when its last review is.
        """
        now_ns = self._now_ns()
        own = (REVIEWS.c.project == project, REVIEWS.c.item_id == item.id)
        with self._records.writing() as connection:
            connection.execute(delete(REVIEWS).where(*own, REVIEWS.c.user_id == user_id))
            review = Review(str(uuid4()), item.id, user_id, status, now_ns, now_ns)
            told = {name: getattr(review, name) for name in Review.__slots__}
            connection.execute(insert(REVIEWS).values(project=project, **told))
            done = connection.execute(
                select(func.count()).select_from(REVIEWS).where(*own, REVIEWS.c.status == "completed")
            ).scalar_one()
        stands: ItemStatus = "in_progress"
        if done >= queue.reviewers_required:
            stands = "completed"
        elif status == "skipped" and not done:
            stands = "skipped"
        return review, self.change_item(project, item, {"status": stands}, user_id), int(done)


def _of(table: Any, project: str, id: str) -> tuple[Any, Any]:  # conditions; SQLAlchemy gives them several types
    return table.c.project == project, table.c.id == id


def _stored(told: Mapping[str, Any]) -> dict[str, Any]:
    names = told.get("score_config_names")
    return {**told, **({} if names is None else {"score_config_names": list(names)})}


def _queue(row: Mapping[Any, Any]) -> Queue:
    told: dict[str, Any] = {name: row[name] for name in Queue.__slots__ if name != "progress"}
    names = row["score_config_names"]
    told["score_config_names"] = None if names is None else tuple(names)
    return Queue(**told)


def _item(row: Mapping[Any, Any]) -> Item:
    return Item(**{name: row[name] for name in Item.__slots__})
