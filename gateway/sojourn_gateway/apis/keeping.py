"""The life of data over HTTP: erase a session or a user, export, retention; and what only the operator may.

The operator is whoever can read the home: a command on this machine, which shows a token that it made itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import SMALL, Serving, path_parts
from sojourn_gateway.engine.exporting import Chosen
from sojourn_gateway.engine.retention import Keeping
from sojourn_gateway.keeping.exports import CONTENT_TYPES, ENDINGS, Format, What
from sojourn_gateway.keeping.scores import parse_score
from sojourn_gateway.model.faults import GatewayFault, Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.score import Score

__all__ = ["router"]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d.*")
_MOST_DAYS = 36_500

router = APIRouter()


@router.delete("/v1/sessions/{rest:path}")
def erase_session(request: Request, serving: Serving) -> Response:
    """Erase a session with all that belongs to it, for good."""
    session_id = "/".join(path_parts(request)[2:])
    erased = serving.keeper.erase_session(serving.project, session_id)
    if erased is None:
        raise HttpFault(404, "not_found", f"no session has the id {session_id[:600]!r}")
    return JSONResponse({"data": asdict(erased)})


@router.delete("/v1/users/{rest:path}")
def erase_user(request: Request, serving: Serving) -> Response:
    """Erase what is kept of a user, for good."""
    parts = path_parts(request)[2:]
    user_id = "/".join(parts[:-1])
    if parts[-1:] != ["data"] or not user_id:
        raise HttpFault(404, "not_found", "what can be erased of a user is /v1/users/<id>/data")
    erased = serving.keeper.erase_user(serving.project, user_id)
    if erased is None:
        raise HttpFault(404, "not_found", f"nothing is kept of a user {user_id[:600]!r}")
    return JSONResponse({"data": asdict(erased)})


@router.get("/v1/export")
def export(request: Request, serving: Serving) -> Response:
    """What is chosen of the project, as a stream."""
    query = request.query_params
    what = parse_choice(query, "what", get_args(What), "traces")
    shape = cast("Format", parse_choice(query, "format", get_args(Format), "otlp"))
    chosen = Chosen(query.get("session_id"), parse_moment(query, "since"), parse_moment(query, "until"))
    try:
        pieces = serving.keeper.export(serving.project, cast("What", what), shape, chosen)
    except GatewayFault as fault:
        raise HttpFault(400, "invalid_query_params", str(fault)) from fault
    name = f'attachment; filename="sojourn-{what}.{ENDINGS[shape]}"'
    return StreamingResponse(pieces, media_type=CONTENT_TYPES[shape], headers={"Content-Disposition": name})


@router.get("/v1/retention")
def retention(serving: Serving) -> Response:
    """How long, and how much, the project keeps."""
    return JSONResponse({"data": present_keeping(serving.keeper.keeping(serving.project))})


@router.put("/v1/retention")
async def set_retention(request: Request, serving: Serving) -> Response:
    """Have the project keep no more than this; what is over goes at the next round."""
    keeping = parse_keeping(await read_body(request, serving))
    await run_in_threadpool(serving.keeper.keep, serving.project, keeping)
    return JSONResponse({"data": present_keeping(keeping)})


@router.get("/v1/prices/unpriced")
def unpriced(serving: Serving) -> Response:
    """Models with calls whose price is not known."""
    return JSONResponse({"data": [asdict(one) for one in serving.keeper.unpriced(serving.project)]})


@router.get("/v1/operator/store")
def state(serving: Serving) -> Response:
    """How large the store is, and how it is doing."""
    demand_operator(serving)
    return JSONResponse({"data": asdict(serving.keeper.state())})


@router.post("/v1/operator/clean")
def clean(serving: Serving) -> Response:
    """Remove now what is not to be kept."""
    demand_operator(serving)
    return JSONResponse({"data": [asdict(one) for one in serving.keeper.sweep()]})


@router.post("/v1/operator/prices/recompute")
def recompute(request: Request, serving: Serving) -> Response:
    """Price what is stored anew."""
    demand_operator(serving)
    since_ns = parse_moment(request.query_params, "since") or 0
    return JSONResponse({"data": {"traces": serving.keeper.reprice(since_ns)}})


@router.post("/v1/operator/backup")
async def back_up(request: Request, serving: Serving) -> Response:
    """Back everything up into a folder of this machine."""
    demand_operator(serving)
    folder = (await read_body(request, serving)).get("folder")
    if not isinstance(folder, str) or not Path(folder).is_absolute():
        raise HttpFault(400, "invalid_request_body", "`folder` must be an absolute path")
    return JSONResponse({"data": await run_in_threadpool(serving.keeper.back_up, Path(folder))})


@router.post("/v1/operator/scores")
async def keep_scores(request: Request, serving: Serving) -> Response:
    """Keep scores of an export under the ids and times that they bring."""
    demand_operator(serving)
    async with serving.intake.body(request) as body:
        scores = parse_scores(body)
    await run_in_threadpool(serving.keeper.keep_scores, serving.project, scores)
    return JSONResponse({"data": {"scores": len(scores)}})


def demand_operator(serving: Services) -> None:
    """Refuse everybody else."""
    if not serving.caller.operator:
        raise HttpFault(
            403, "forbidden", "this is for the operator: use the `sojourn` command on the gateway's machine"
        )


async def read_body(request: Request, serving: Services) -> dict[str, Any]:
    """The object of a small JSON body."""
    try:
        async with serving.intake.body(request, SMALL) as body:
            told: object = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise HttpFault(400, "invalid_request_body", "the body must be a JSON object")
    return cast("dict[str, Any]", told)


def parse_scores(body: bytes) -> list[Score]:
    """Scores as exports have them. Raises a 400 for what is none."""
    try:
        told: object = json.loads(body)
        return [parse_score(one) for one in (cast("list[object]", told) if isinstance(told, list) else [told])]
    except (Malformed, ValueError, RecursionError) as fault:
        raise HttpFault(400, "invalid_request_body", str(fault)) from None


def parse_choice(query: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    """One of some words."""
    said = query.get(name) or default
    if said not in choices:
        raise HttpFault(
            400, "invalid_query_params", f"`{name}` must be one of {', '.join(choices)}, not {said[:100]!r}"
        )
    return said


def parse_moment(query: Mapping[str, str], name: str) -> int | None:
    """Nanoseconds since 1970 out of a date, a date with a time, or that number itself."""
    said = (query.get(name) or "").strip()
    if not said:
        return None
    if said.isascii() and said.isdigit() and len(said) <= 19:
        return int(said)
    try:
        moment = datetime.fromisoformat(said) if _MOMENT.fullmatch(said) else None
    except ValueError:
        moment = None
    if moment is None:
        raise HttpFault(
            400, "invalid_query_params", f"`{name}` must be a date such as 2026-06-01 or 2026-06-01T12:00:00Z, in UTC"
        )
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(int(utc.timestamp()), 0) * 1_000_000_000


def parse_keeping(told: Mapping[str, Any]) -> Keeping:
    """What is to be kept; a member that is absent or null is without end."""
    days, size = told.get("days") or 0, told.get("size_bytes") or 0
    if not isinstance(days, int) or not 0 <= days <= _MOST_DAYS or not isinstance(size, int) or not 0 <= size < 2**63:
        raise HttpFault(
            400, "invalid_request_body", f"`days` (0 to {_MOST_DAYS}) and `size_bytes` must be whole numbers, or null"
        )
    return Keeping(days, size)


def present_keeping(keeping: Keeping) -> dict[str, int | None]:
    """Null is without end."""
    return {"days": keeping.days or None, "size_bytes": keeping.size or None}
