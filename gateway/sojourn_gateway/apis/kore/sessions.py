"""The handlers of `/api/projects/:projectId/`: its sessions, and where its analytics are found."""

from __future__ import annotations

import time
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentops.json_text import Answer, pieces_of_list, written
from sojourn_gateway.apis.kore.analysing import analysis_of
from sojourn_gateway.apis.kore.bodies import read_object
from sojourn_gateway.apis.kore.conversation import conversation_of, present_conversation
from sojourn_gateway.apis.kore.exporting import export, parse_export
from sojourn_gateway.apis.kore.faults import bad_parameter, missing
from sojourn_gateway.apis.kore.figures import figures_of, lean
from sojourn_gateway.apis.kore.generations import ledger, parse_ledger, present_generation
from sojourn_gateway.apis.kore.parse import parse_sessions, parse_traces
from sojourn_gateway.apis.kore.plan import decision_kind
from sojourn_gateway.apis.kore.present import present_event, present_page, present_session
from sojourn_gateway.apis.kore.project_analytics import answer_analytics, measured
from sojourn_gateway.apis.kore.project_asks import parse_measuring, unfold
from sojourn_gateway.apis.kore.projects import demand_project
from sojourn_gateway.apis.kore.question import question
from sojourn_gateway.apis.kore.reading import events_counted, events_of, find_session, read
from sojourn_gateway.apis.kore.tallies import tally_of
from sojourn_gateway.apis.kore.times import present_time
from sojourn_gateway.asgi.services import Serving, path_parts
from sojourn_gateway.ingest.kore_sessions import encode_begun

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sojourn_gateway.apis.kore.generations import Ledger
    from sojourn_gateway.apis.kore.reading import Read
    from sojourn_gateway.asgi.services import Services

__all__ = ["router"]

_LONGEST_AGENT: Final = 256
_AT_ONCE: Final = 500
"""Events that are held to be sent."""

router = APIRouter()


@router.get("/api/projects/{rest:rest}")
def get(request: Request, serving: Serving) -> Response:
    """What a project has: names and ids may hold `/`, so the path is read as it was sent."""
    project_id, *parts = path_parts(request)[2:]
    demand_project(serving, project_id)
    query = request.query_params
    if parts == ["sessions"]:
        return _sessions(request, serving)
    if parts == ["sessions", "export"]:
        return export(serving, parse_export(query))
    if parts == ["sessions", "generations"]:
        return _generations(serving, parse_ledger(query))
    if parts and parts[0] == "analytics":
        return Answer(answer_analytics(serving, parts[1:], query))
    if len(parts) < 2 or parts[0] != "sessions":
        raise missing("Route")
    return _of_session(parts[1:], request, serving)


@router.post("/api/projects/{rest:rest}")
async def post(request: Request, serving: Serving) -> Response:
    """Begin a session, say that its agent begins anew, or ask for sums with a body."""
    project_id, *parts = path_parts(request)[2:]
    await run_in_threadpool(demand_project, serving, project_id)
    if parts == ["sessions"]:
        return await _begin(request, serving)
    if parts == ["analytics", "query"]:
        asked = parse_measuring(unfold(await read_object(request, serving)))
        return Answer({"success": True, "data": await run_in_threadpool(measured, serving, asked)})
    if len(parts) > 2 and parts[0] == "sessions" and parts[-1] == "reset":
        # There is no agent at work here whose state could be reset; what was recorded stays.
        await run_in_threadpool(find_session, serving, "/".join(parts[1:-1]))
        return Answer({"success": True})
    raise missing("Route")


@router.delete("/api/projects/{rest:rest}")
def delete(request: Request, serving: Serving) -> Response:
    """Erase a session with all that belongs to it, for good."""
    project_id, *parts = path_parts(request)[2:]
    demand_project(serving, project_id)
    if len(parts) < 2 or parts[0] != "sessions":
        raise missing("Route")
    if serving.keeper.erase_session(serving.project, find_session(serving, "/".join(parts[1:])).id) is None:
        raise missing("Session")
    return Answer({"success": True})


async def _begin(request: Request, serving: Services) -> Response:
    told = await read_object(request, serving)
    agent = told.get("agentId")
    if not isinstance(agent, str) or not 0 < len(agent) <= _LONGEST_AGENT:
        raise bad_parameter("agentId", f"must be a text of 1 to {_LONGEST_AGENT} characters")
    session_id, now_ns = str(uuid4()), time.time_ns()
    await serving.ingest.submit("logs", serving.project, encode_begun(session_id, agent, now_ns))
    begun = {"id": session_id, "agentId": agent, "agentName": agent, "createdAt": present_time(now_ns)}
    return Answer({"success": True, "session": begun}, status_code=201)


def _generations(serving: Services, asked: Ledger) -> Response:
    calls, total = ledger(serving, asked)
    items = [present_generation(event, is_full=asked.is_full) for event in calls]
    ask = asked.ask
    told = present_page("generations", items, total, ask.limit, ask.offset)
    return Answer({**told, "hasMore": ask.offset + len(items) < total})


def _sessions(request: Request, serving: Services) -> Response:
    """A page of sessions, those that were active last first."""
    ask = question(serving, parse_sessions(request.query_params))
    page = serving.queries.sessions(serving.project, ask)
    now_ns = serving.queries.outlines.now_ns
    tallies = serving.queries.happenings.tallies(serving.project, page.items)
    items = [present_session(one, tallies[one.id], now_ns) for one in page.items]
    return Answer(present_page("sessions", items, page.total, ask.limit, ask.offset))


def _of_session(parts: list[str], request: Request, serving: Services) -> Response:
    """One session, or what is asked of it."""
    if len(parts) > 3 and parts[-3] == "traces" and parts[-1] == "children":
        return _children(_read(serving, parts[:-3]), parts[-2], serving)
    if len(parts) > 1 and parts[-1] == "traces":
        return _traces(_read(serving, parts[:-1]), request, serving)
    if len(parts) > 1 and parts[-1] == "metrics":
        found = _read(serving, parts[:-1])
        return Answer({"success": True, "sessionId": found.summary.id, "metrics": _figures(found, serving)})
    if len(parts) > 1 and parts[-1] == "analysis":
        found = _read(serving, parts[:-1])
        return Answer({"success": True, "sessionId": found.summary.id, "analysis": analysis_of(serving, found)})
    return Answer({"success": True, "session": _whole(_read(serving, parts), serving)})


def _read(serving: Services, parts: list[str]) -> Read:
    return read(serving, find_session(serving, "/".join(parts)))


def _whole(found: Read, serving: Services) -> dict[str, Any]:
    return {
        **present_session(found.summary, tally_of(found), serving.queries.outlines.now_ns),
        "messages": list(present_conversation(serving, conversation_of(found))),
        "metadata": dict(found.outline.metadata),
    }


def _traces(found: Read, request: Request, serving: Services) -> Response:
    asked = parse_traces(request.query_params)
    ranks = [rank for rank, one in enumerate(found.planned) if asked.wants(one, decision_kind(one))]
    page = ranks if asked.limit is None else ranks[asked.offset : asked.offset + asked.limit]
    more: dict[str, Any] = {"total": len(ranks)}
    if asked.limit is not None:
        more |= {"limit": asked.limit, "offset": asked.offset}
    if asked.with_metrics:
        more["metrics"] = _figures(found, serving)
    return _listed({"success": True, "sessionId": found.summary.id}, "traces", found, page, more, serving)


def _children(found: Read, span_id: str, serving: Services) -> Response:
    parent = span_id.lower()
    ranks = [rank for rank, one in enumerate(found.planned) if one.parent_id == parent]
    if not ranks and not any(step.span_id == parent for step in found.outline.steps):
        raise missing("Span")
    return _listed({"success": True, "spanId": span_id}, "children", found, ranks, {"total": len(ranks)}, serving)


def _listed(
    first: dict[str, Any], name: str, found: Read, ranks: Sequence[int], more: dict[str, Any], serving: Services
) -> Response:
    """The events of these ranks under a name, between what stands before and behind; many are sent as they are read."""
    events = map(present_event, events_of(serving, found, ranks))
    if len(ranks) <= _AT_ONCE:
        return Answer({**first, name: list(events), **more})
    # What cannot be read at all is told by the status, which is sent with the first of it.
    begun = list(islice(events, _AT_ONCE))
    pages = chain([begun], iter(lambda: list(islice(events, _AT_ONCE)), []))
    return StreamingResponse(_pieces(first, name, pages, more), media_type=Answer.media_type)


def _pieces(
    first: dict[str, Any], name: str, pages: Iterator[list[dict[str, Any]]], more: dict[str, Any]
) -> Iterator[bytes]:
    yield written(first)[:-1] + b"," + written(name) + b":"
    yield from pieces_of_list(pages)
    yield b"," + written(more)[1:]


def _figures(found: Read, serving: Services) -> dict[str, Any]:
    return figures_of(
        [lean(event) for event in events_counted(serving, found)], found.outline.turns, found.summary.duration_ms
    )
