"""The handlers that record: what a runtime tells of its requests and of evaluations becomes OTLP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentops.json_text import Answer
from sojourn_gateway.apis.agentuity.bodies import (
    parse_begun,
    parse_done,
    parse_object,
    parse_run_begun,
    parse_run_done,
    read_object,
)
from sojourn_gateway.apis.agentuity.faults import missing
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import Serving  # noqa: TC001  # FastAPI reads the annotation at run time
from sojourn_gateway.ingest.agentuity_runs import (
    Told,
    encode_evaluation,
    encode_request,
    evaluation_span_id,
    request_span_id,
    trace_id_of,
)
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.span import Json

__all__ = ["router"]

router = APIRouter()


@router.post("/session")
async def session_begun(request: Request, serving: Serving) -> Response:
    """A request begins; told again, it replaces itself, and one that is done stays so."""
    begun = parse_begun(await read_object(request, serving))
    return await _keep(serving, encode_request(Told(begun)))


@router.put("/session")
async def session_done(request: Request, serving: Serving) -> Response:
    """A request was answered; the last that was told of that holds."""
    done = parse_done(await read_object(request, serving))
    session_id = str(done["id"])
    told = await run_in_threadpool(
        serving.queries.requests.told, serving.project, trace_id_of(session_id), request_span_id(session_id)
    )
    begun = await run_in_threadpool(_said, parse_begun, told, session_id)
    if begun is None:
        raise missing("Session")
    return await _keep(serving, encode_request(Told(begun, done)))


@router.post("/evalrun")
async def run_begun(request: Request, serving: Serving) -> Response:
    """An evaluation of a request begins."""
    begun = parse_run_begun(await read_object(request, serving))
    return await _keep(serving, encode_evaluation(Told(begun)))


@router.put("/evalrun")
async def run_done(request: Request, serving: Serving) -> Response:
    """An evaluation is done."""
    done = parse_run_done(await read_object(request, serving))
    begun = await run_in_threadpool(_run_told, serving, str(done["id"]))
    return await _keep(serving, encode_evaluation(Told(begun, done)))


def _run_told(serving: Services, run_id: str) -> Mapping[str, Json]:
    for trace_id in serving.queries.requests.traces_of_run(serving.project, run_id):
        told = serving.queries.requests.told(serving.project, bytes.fromhex(trace_id), evaluation_span_id(run_id))
        begun = _said(parse_run_begun, told, run_id)
        if begun is not None:
            return begun
    raise missing("Eval run")


def _said(
    parse: Callable[[Mapping[str, Json]], dict[str, Json]], told: str | None, own_id: str
) -> Mapping[str, Json] | None:
    """What was told at the begin, if it is what this door takes: an exporter can send a span that looks like it."""
    if told is None:
        return None
    try:
        begun = parse(parse_object(told.encode()))
    except (HttpFault, GatewayFault):
        return None
    return begun if begun["id"] == own_id else None


async def _keep(serving: Services, body: bytes) -> Response:
    await serving.ingest.submit("traces", serving.project, body)
    return Answer({"success": True})
