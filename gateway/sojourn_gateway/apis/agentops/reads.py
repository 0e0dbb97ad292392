"""The handlers of `/v2` that read: statistics, export, and what time travel replays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from sojourn_gateway.apis.agentops.ended import state_of
from sojourn_gateway.apis.agentops.exported import SECTIONS, rows_of
from sojourn_gateway.apis.agentops.faults import missing
from sojourn_gateway.apis.agentops.json_text import Answer, pieces_of_list, written
from sojourn_gateway.apis.agentops.present_session import present_recorded, present_session, present_stats
from sojourn_gateway.apis.agentops.sessions import find_session
from sojourn_gateway.asgi.services import Serving, path_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.session import SessionSummary

__all__ = ["router"]

router = APIRouter()


@router.get("/v2/sessions/{rest:rest}")
def session(request: Request, serving: Serving) -> Response:
    """Statistics or export of a session: an id may hold `/`, so the path is read as it was sent."""
    parts = path_parts(request)[2:]
    if len(parts) < 2 or parts[-1] not in ("stats", "export"):
        raise missing("Route")
    found = find_session(serving, "/".join(parts[:-1]))
    if parts[-1] == "stats":
        return Answer(present_stats(found, state_of(found)))
    whole = serving.queries.with_facts(serving.project, found)
    told = present_session(whole, serving.access.project_id(serving.project), str(request.base_url))
    statistics = present_stats(whole.summary, str(told["end_state"]))
    return StreamingResponse(_export(serving, whole.summary, told, statistics), media_type=Answer.media_type)


@router.get("/v2/ttd/{session_id}")
def time_travel(session_id: str, serving: Serving) -> Response:
    """The calls of models in a session, and what each of them answered."""
    found = find_session(serving, session_id)
    pages = rows_of(serving, found.id, "llms", serving.queries.session_steps.whole(serving.project, found).of)
    rows = pieces_of_list([present_recorded(row) for row in page] for page in pages)
    return StreamingResponse(rows, media_type=Answer.media_type)


def _export(
    serving: Services, session: SessionSummary, told: dict[str, Any], statistics: dict[str, Any]
) -> Iterator[bytes]:
    """Everything that was recorded, real JSON where the service gave JSON in text; some rows in memory at a time."""
    steps = serving.queries.session_steps.whole(serving.project, session)
    yield b'{"session":' + written(told)
    for kind in SECTIONS:
        yield b',"%s":' % kind.encode()
        yield from pieces_of_list([row.told for row in page] for page in rows_of(serving, session.id, kind, steps.of))
    yield b',"statistics":' + written(statistics) + b"}"
