"""The handlers of `/v1/annotation-queues`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentmark.bodies import parse_body
from sojourn_gateway.apis.agentmark.fields import Fields
from sojourn_gateway.apis.agentmark.forms import Form
from sojourn_gateway.apis.agentmark.parse import parse_paging
from sojourn_gateway.apis.agentmark.present import present_page, present_time
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import Serving  # noqa: TC001  # FastAPI reads the annotation at run time
from sojourn_gateway.model.page import Page
from sojourn_gateway.records import NewQueue, Queues
from sojourn_gateway.records.queues import ItemStatus, QueueStatus, ReviewStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import QueryParams

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.records import Item, Queue, Review

__all__ = [
    "parse_item_changes",
    "parse_items",
    "parse_queue",
    "parse_queue_changes",
    "parse_queues",
    "parse_review",
    "router",
]

T = TypeVar("T")

_KINDS: Final = ("trace", "span", "session")
_STATUSES: Final[tuple[QueueStatus, ...]] = get_args(QueueStatus)
_ITEM_STATUSES: Final[tuple[ItemStatus, ...]] = get_args(ItemStatus)
_VERDICTS: Final[tuple[ReviewStatus, ...]] = ("completed", "skipped")
_MOST_ITEMS: Final = 1000

router = APIRouter()


@router.get("/v1/annotation-queues")
def queues(request: Request, serving: Serving) -> Response:
    """The queues, with how far each is."""
    mine, limit, offset = parse_queues(request.query_params)
    found = Queues(serving.records).all(serving.project, assigned_to=_person(serving) if mine else None)
    page = Page(found[offset : offset + limit], len(found), limit, offset)
    return JSONResponse(present_page([present_queue(queue, progress=True) for queue in page.items], page))


@router.post("/v1/annotation-queues")
async def create_queue(request: Request, serving: Serving) -> Response:
    """Make a queue."""
    new = parse_queue(await _told(request, serving))
    queue = await run_in_threadpool(Queues(serving.records).make, serving.project, new, _person(serving))
    return JSONResponse({"data": present_queue(queue)}, status_code=201)


@router.get("/v1/annotation-queues/{queue_id}")
def queue(queue_id: str, serving: Serving) -> Response:
    """One queue."""
    return JSONResponse({"data": present_queue(_found(serving, queue_id))})


@router.patch("/v1/annotation-queues/{queue_id}")
async def change_queue(queue_id: str, request: Request, serving: Serving) -> Response:
    """Change some of its fields."""
    changes = parse_queue_changes(await _told(request, serving))

    def change() -> Response:
        _found(serving, queue_id)
        changed = Queues(serving.records).change(serving.project, queue_id, changes)
        return JSONResponse({"data": present_queue(_there(changed, "queue", queue_id))})

    return await run_in_threadpool(change)


@router.delete("/v1/annotation-queues/{queue_id}")
def delete_queue(queue_id: str, serving: Serving) -> Response:
    """Forget a queue, its items and their reviews."""
    if not Queues(serving.records).delete(serving.project, queue_id):
        raise _unknown("queue", queue_id)
    return Response(status_code=204)


@router.get("/v1/annotation-queues/{queue_id}/items")
def items(queue_id: str, request: Request, serving: Serving) -> Response:
    """What is in a queue, oldest first."""
    limit, offset = parse_paging(request.query_params)
    found = _found(serving, queue_id)
    listed, total = Queues(serving.records).items(serving.project, found.id, limit, offset)
    page = Page(listed, total, limit, offset)
    return JSONResponse(present_page([present_item(item) for item in page.items], page))


@router.post("/v1/annotation-queues/{queue_id}/items")
async def add_items(queue_id: str, request: Request, serving: Serving) -> Response:
    """Put traces, spans or sessions into a queue, each once."""
    resources = parse_items(await _told(request, serving))

    def add() -> int:
        return Queues(serving.records).add(serving.project, _found(serving, queue_id).id, resources)

    return JSONResponse({"data": {"added": await run_in_threadpool(add)}}, status_code=201)


@router.get("/v1/annotation-queues/{queue_id}/items/{item_id}")
def item(queue_id: str, item_id: str, serving: Serving) -> Response:
    """One item."""
    return JSONResponse({"data": present_item(_found_item(serving, queue_id, item_id))})


@router.patch("/v1/annotation-queues/{queue_id}/items/{item_id}")
async def change_item(queue_id: str, item_id: str, request: Request, serving: Serving) -> Response:
    """Assign an item, or say where it stands."""
    changes = parse_item_changes(await _told(request, serving))

    def change() -> Item:
        found = _found_item(serving, queue_id, item_id)
        return Queues(serving.records).change_item(serving.project, found, changes, _person(serving))

    return JSONResponse({"data": present_item(await run_in_threadpool(change))})


@router.delete("/v1/annotation-queues/{queue_id}/items/{item_id}")
def delete_item(queue_id: str, item_id: str, serving: Serving) -> Response:
    """Take an item out of its queue."""
    Queues(serving.records).delete_item(serving.project, _found_item(serving, queue_id, item_id))
    return Response(status_code=204)


@router.post("/v1/annotation-queues/{queue_id}/items/{item_id}/reviews")
async def review(queue_id: str, item_id: str, request: Request, serving: Serving) -> Response:
    """Say that the caller has looked at an item; grades go through `/v1/scores`."""
    status = parse_review(await _told(request, serving))

    def keep() -> dict[str, Any]:
        within, found = _found(serving, queue_id), _found_item(serving, queue_id, item_id)
        kept, stands, done = Queues(serving.records).review(serving.project, within, found, _person(serving), status)
        return present_review(within, kept, stands, done)

    return JSONResponse({"data": await run_in_threadpool(keep)}, status_code=201)


def parse_queues(query: QueryParams) -> tuple[bool, int, int]:
    """Whether only the caller's, limit and offset. Raises a 400."""
    reading = Fields(query)
    asked = reading.flag("assigned_to_me"), reading.number("limit", 50, 1, 1000), reading.number("offset", 0, 0)
    reading.finish()
    return asked


def parse_queue(told: Mapping[str, Any]) -> NewQueue:
    """The body of a new queue. Raises a 400."""
    form = Form(told)
    name = form.text("name", 255, required=True)
    names = form.texts("score_config_names", required=True)
    new = NewQueue(
        name=name or "",
        score_config_names=names,
        description=form.text("description", 1000, nullable=True),
        instructions=form.text("instructions", 5000, nullable=True),
        dataset_id=form.text("dataset_id", 512, nullable=True),
        reviewers_required=form.number("reviewers_required", 1, 100) or 1,
    )
    form.finish()
    return new


def parse_queue_changes(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """The columns that a body changes; null clears. Raises a 400."""
    form = Form(told)
    form.text("name", 255)
    form.texts("score_config_names", nullable=True)
    form.text("description", 1000, nullable=True)
    form.text("instructions", 5000, nullable=True)
    form.text("dataset_id", 512, nullable=True)
    form.number("reviewers_required", 1, 100)
    form.choice("status", _STATUSES)
    return form.finish(at_least_one=True)


def parse_items(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Ids and kinds of what shall be looked at. Raises a 400."""
    form = Form(told)
    found = list[tuple[str, str]]()
    for number, each in enumerate(form.objects("items", _MOST_ITEMS)):
        inner = Form(each)
        resource_id = inner.text("resource_id", 512, required=True)
        kind = inner.choice("resource_type", _KINDS) or "trace"
        form.take(inner, f"items.{number}")
        found.append((resource_id or "", kind))
    form.finish()
    return found


def parse_item_changes(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a body changes of an item. Raises a 400."""
    form = Form(told)
    form.choice("status", _ITEM_STATUSES)
    form.text("assigned_to", 255, nullable=True)
    return form.finish(at_least_one=True)


def parse_review(told: Mapping[str, Any]) -> ReviewStatus:
    """What somebody did with an item. Raises a 400."""
    form = Form(told)
    said: ReviewStatus | None = form.choice("status", _VERDICTS, required=True)
    form.finish()
    # Not None: then `finish` has raised.
    return said or "skipped"


def present_queue(queue: Queue, *, progress: bool = False) -> dict[str, Any]:
    """A queue; in lists with how far it is."""
    told: dict[str, Any] = {
        "id": queue.id,
        "app_id": "",
        "name": queue.name,
        "description": queue.description,
        "score_config_names": None if queue.score_config_names is None else list(queue.score_config_names),
        "dataset_id": queue.dataset_id,
        "status": queue.status,
        "instructions": queue.instructions,
        "reviewers_required": queue.reviewers_required,
        "created_by": queue.created_by,
        "created_at": present_time(queue.created_ns),
        "updated_at": None if queue.updated_ns is None else present_time(queue.updated_ns),
    }
    if progress:
        stands = queue.progress
        told["progress"] = {
            "pending": stands.pending,
            "in_progress": stands.in_progress,
            "completed": stands.completed,
            "skipped": stands.skipped,
            "total": stands.total,
        }
    return told


def present_item(item: Item) -> dict[str, Any]:
    """One item."""
    return {
        "id": item.id,
        "queue_id": item.queue_id,
        "resource_id": item.resource_id,
        "resource_type": item.resource_type,
        "status": item.status,
        "assigned_to": item.assigned_to,
        "completed_by": item.completed_by,
        "completed_at": None if item.completed_ns is None else present_time(item.completed_ns),
        "created_at": present_time(item.created_ns),
    }


def present_review(queue: Queue, review: Review, item: Item, done: int) -> dict[str, Any]:
    """What was kept, where the item stands now, and how many have looked at it."""
    reviewer = {
        "id": review.id,
        "item_id": review.item_id,
        "user_id": review.user_id,
        "status": review.status,
        "completed_at": None if review.completed_ns is None else present_time(review.completed_ns),
        "created_at": present_time(review.created_ns),
    }
    required = queue.reviewers_required
    progress = {"completed": done, "total": max(done, required), "required": required}
    return {"reviewer": reviewer, "item": present_item(item), "review_progress": progress}


async def _told(request: Request, serving: Services) -> Mapping[str, Any]:
    async with serving.intake.body(request) as body:
        return parse_body(body)


def _person(serving: Services) -> str:
    """Who does it: a key, since keys are all that a gateway knows of people."""
    return serving.caller.key_id or "local"


def _found(serving: Services, queue_id: str) -> Queue:
    return _there(Queues(serving.records).find(serving.project, queue_id), "queue", queue_id)


def _found_item(serving: Services, queue_id: str, item_id: str) -> Item:
    return _there(Queues(serving.records).item(serving.project, queue_id, item_id), "item", item_id)


def _there(found: T | None, what: str, id: str) -> T:
    if found is None:
        raise _unknown(what, id)
    return found


def _unknown(what: str, id: str) -> HttpFault:
    return HttpFault(404, "not_found", f"no {what} has the id {id[:100]!r}")
