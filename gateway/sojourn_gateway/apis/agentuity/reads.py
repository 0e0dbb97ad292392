"""The handlers that read: sessions, their logs, threads, runs of evaluations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentops.json_text import Answer
from sojourn_gateway.apis.agentuity.faults import PREFIX, missing
from sojourn_gateway.apis.agentuity.parse import parse_conversations, parse_requests, parse_text
from sojourn_gateway.apis.agentuity.present import (
    present_eval,
    present_line,
    present_run,
    present_session,
    present_session_id,
    present_thread,
    present_whole,
)
from sojourn_gateway.apis.agentuity.runs import RunsAsk, all_runs, evals_of, find_run, runs_of
from sojourn_gateway.asgi.services import Services, Serving, path_parts
from sojourn_gateway.ingest.agentuity_runs import trace_id_of

if TYPE_CHECKING:
    from sojourn_gateway.model.request import Conversation
    from sojourn_gateway.model.request import Request as Served

__all__ = ["router"]

_MOST_LINES: Final = 10_000
_LONGEST: Final = 512
_HEX: Final = re.compile(r"(?:sess_)?([0-9a-fA-F]{32})")

router = APIRouter()


@router.get("/session")
def sessions(request: Request, serving: Serving) -> Response:
    """A page of sessions: every trace of the store is one."""
    ask = parse_requests(request.query_params)
    found = serving.queries.requests.page(serving.project, _own(serving), ask)
    return _data([present_session(one) for one in found])


@router.get("/session/{rest:rest}")
def session(request: Request, serving: Serving) -> Response:
    """A session with its agents, runs of evaluations, route and timeline."""
    found = _session(serving, _id(request, 1))
    trace = serving.queries.trace(serving.project, found.trace_id)
    if trace is None:
        raise missing("Session")
    runs = runs_of(serving, trace, present_session_id(found.trace_id, found.own_id))
    return _data(present_whole(found, trace, runs))


@router.get("/cli/session/{rest:rest}")
def logs(request: Request, serving: Serving) -> Response:
    """What was logged in a session, oldest first."""
    parts = _parts(request)
    if len(parts) < 4 or parts[-1] != "logs":
        raise missing("Route")
    found = _session(serving, "/".join(parts[2:-1]))
    lines = serving.queries.requests.logs(serving.project, found.trace_id, _MOST_LINES)
    return _data([present_line(line) for line in lines])


@router.get("/thread")
def threads(request: Request, serving: Serving) -> Response:
    """A page of threads: every session of the store is one."""
    ask = parse_conversations(request.query_params)
    found = serving.queries.requests.conversations(serving.project, _own(serving), ask)
    return _data([present_thread(one) for one in found])


@router.get("/thread/{rest:rest}")
def thread(request: Request, serving: Serving) -> Response:
    """One thread."""
    return _data(present_thread(_thread(serving, _id(request, 1))))


@router.delete("/thread/{rest:rest}")
async def delete_thread(request: Request, serving: Serving) -> Response:
    """Take a thread off the lists. Its sessions stay; erasing them is `DELETE /v1/sessions/{id}`."""
    found = await run_in_threadpool(_thread, serving, _id(request, 1))
    who = serving.caller.key_id or ""
    await run_in_threadpool(serving.queries.requests.put_away, serving.project, found.id, who)
    return Answer({"success": True})


@router.get("/cli/eval-run")
def eval_runs(request: Request, serving: Serving) -> Response:
    """The newest runs of evaluations."""
    query = request.query_params
    ask = RunsAsk(
        org=parse_text(query, "orgId"),
        project=parse_text(query, "projectId"),
        agent=parse_text(query, "agentId"),
        eval_id=parse_text(query, "evalId"),
        session=parse_text(query, "sessionId"),
    )
    return _data([present_run(run) for run in all_runs(serving, ask)])


@router.get("/cli/eval-run/{rest:rest}")
def eval_run(request: Request, serving: Serving) -> Response:
    """One run."""
    return _data(present_run(find_run(serving, _id(request, 2))))


@router.get("/cli/eval")
def evals(request: Request, serving: Serving) -> Response:
    """The evaluations of which there are runs."""
    query = request.query_params
    ask = RunsAsk(
        org=parse_text(query, "orgId"), project=parse_text(query, "projectId"), agent=parse_text(query, "agentId")
    )
    return _data([present_eval(runs) for runs in evals_of(all_runs(serving, ask))])


@router.get("/cli/eval/{rest:rest}")
def one_eval(request: Request, serving: Serving) -> Response:
    """One evaluation."""
    wanted = RunsAsk(eval_id=_id(request, 2))
    runs = all_runs(serving, wanted) if wanted.eval_id else []
    if not runs:
        raise missing("Eval")
    return _data(present_eval(runs))


def _data(told: Any) -> Response:
    return Answer({"success": True, "data": told})


def _own(serving: Services) -> str:
    return serving.access.project_id(serving.project)


def _parts(request: Request) -> list[str]:
    parts = path_parts(request)
    return parts[1:] if parts[0] == PREFIX.strip("/") else parts


def _id(request: Request, behind: int) -> str:
    """What stands behind so many segments; an id may hold an encoded `/`."""
    found = "/".join(_parts(request)[behind:])
    return found if len(found) <= _LONGEST else ""


def _session(serving: Services, session_id: str) -> Served:
    as_trace = _HEX.fullmatch(session_id)
    trace_id = as_trace[1].lower() if as_trace else trace_id_of(session_id).hex()
    found = serving.queries.requests.find(serving.project, _own(serving), trace_id)
    if found is None or (not as_trace and found.own_id != session_id):
        raise missing("Session")
    return found


def _thread(serving: Services, thread_id: str) -> Conversation:
    found = serving.queries.requests.conversation(serving.project, _own(serving), thread_id) if thread_id else None
    if found is None:
        raise missing("Thread")
    return found
