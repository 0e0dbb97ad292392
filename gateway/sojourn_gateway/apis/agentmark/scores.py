"""The handlers of `/v1/scores`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentmark.bodies import BadItem, parse_body, parse_score, parse_score_batch
from sojourn_gateway.apis.agentmark.fields import bad_body
from sojourn_gateway.apis.agentmark.parse import parse_score_window, parse_scores
from sojourn_gateway.apis.agentmark.present import present_page, present_score
from sojourn_gateway.apis.agentmark.present_metrics import present_score_summary
from sojourn_gateway.apis.agentmark.searches import search
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import Serving  # noqa: TC001  # FastAPI reads the annotation at run time

if TYPE_CHECKING:
    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.score import Score

__all__ = ["router"]

router = APIRouter()


@router.post("/v1/scores")
async def create_score(request: Request, serving: Serving) -> Response:
    """Keep one score."""
    async with serving.intake.body(request) as body:
        try:
            new = parse_score(parse_body(body))
        except BadItem as fault:
            raise bad_body({fault.field: fault.problem}) from None
    (score_id,) = await run_in_threadpool(serving.scores.keep, serving.project, [new])
    # The SDKs read `data`, the contract says `id`.
    told = {"id": score_id, "message": "the score is kept", "data": {"id": score_id}}
    return JSONResponse(told, status_code=201)


@router.post("/v1/scores/batch")
async def create_scores(request: Request, serving: Serving) -> Response:
    """Keep what is good of up to 1000 scores, and say what is wrong with the others."""
    async with serving.intake.body(request) as body:
        batch = parse_score_batch(body)
    good = [new for _, new in batch if not isinstance(new, BadItem)]
    ids = iter(await run_in_threadpool(serving.scores.keep, serving.project, good))
    results = [
        {
            **(
                {"status": "error", "error": {"code": new.code, "message": str(new)}}
                if isinstance(new, BadItem)
                else {"status": "success", "id": next(ids)}
            ),
            **({} if client_id is None else {"client_id": client_id}),
        }
        for client_id, new in batch
    ]
    summary = {"total": len(batch), "succeeded": len(good), "failed": len(batch) - len(good)}
    status = 400 if not good else 201 if len(good) == len(batch) else 207
    return JSONResponse({"data": {"results": results, "summary": summary}}, status_code=status)


@router.get("/v1/scores")
def scores(request: Request, serving: Serving) -> Response:
    """A page of scores."""
    page = serving.queries.scores(serving.project, parse_scores(request.query_params))
    return JSONResponse(present_page([present_score(score) for score in page.items], page))


@router.post("/v1/scores/search")
async def search_scores(request: Request, serving: Serving) -> Response:
    """As `GET /v1/scores`, with the filter in a body."""
    return await search("scores", request, serving)


@router.get("/v1/scores/names")
def score_names(serving: Serving) -> Response:
    """The names in use."""
    return JSONResponse({"data": list(serving.queries.score_names(serving.project))})


@router.get("/v1/scores/aggregations")
def score_aggregations(request: Request, serving: Serving) -> Response:
    """Mean and range by name."""
    since_ns, until_ns = parse_score_window(request.query_params, time.time_ns())
    found = serving.queries.score_summaries(serving.project, since_ns, until_ns)
    told: list[dict[str, Any]] = [present_score_summary(summary) for summary in found]
    return JSONResponse({"data": told})


@router.get("/v1/scores/{score_id}")
def score(score_id: str, serving: Serving) -> Response:
    """One score."""
    return JSONResponse({"data": present_score(_found(serving, score_id))})


@router.delete("/v1/scores/{score_id}")
def delete_score(score_id: str, serving: Serving) -> Response:
    """Take a score back."""
    serving.scores.delete(serving.project, _found(serving, score_id))
    return Response(status_code=204)


def _found(serving: Services, score_id: str) -> Score:
    found = serving.queries.score(serving.project, score_id)
    if found is None:
        raise HttpFault(404, "not_found", f"no score has the id {score_id[:100]!r}")
    return found
