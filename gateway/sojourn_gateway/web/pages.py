"""The handlers of the pages."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.permissions import grants
from sojourn_gateway.asgi.services import SMALL, Serving, path_parts
from sojourn_gateway.model.log import LogsAsk
from sojourn_gateway.model.page import Page
from sojourn_gateway.model.score import ScoresAsk
from sojourn_gateway.query.filters import BadFilter
from sojourn_gateway.web.grades import GRADES, BadGrade, parse_grade
from sojourn_gateway.web.inspector import inspect
from sojourn_gateway.web.links import session_href
from sojourn_gateway.web.log import LINES
from sojourn_gateway.web.metrics_page import GROUPS, parse_metrics_wish, view_metrics
from sojourn_gateway.web.rendering import ASSETS, render
from sojourn_gateway.web.session_page import view_session
from sojourn_gateway.web.session_read import parse_session_wish, parse_view, read_conversation, read_session
from sojourn_gateway.web.sessions_page import PAGE_SIZE, parse_wish, view_sessions
from sojourn_gateway.web.transcript import write_transcript

if TYPE_CHECKING:
    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.ingest.scores import NewScore
    from sojourn_gateway.model.score import Score

__all__ = ["assets", "present_error", "router"]

router = APIRouter()
assets = StaticFiles(directory=ASSETS)


@router.get("/")
@router.get("/sessions")
def sessions(request: Request, serving: Serving) -> Response:
    """The list of sessions."""
    wish = parse_wish(request.query_params)
    fault = ""
    try:
        page = serving.queries.sessions(serving.project, wish.ask())
    except BadFilter as bad:
        page, fault = Page((), 0, PAGE_SIZE, 0), str(bad)
    view = view_sessions(wish, page, time.time_ns(), fault=fault)
    origin = str(request.base_url).rstrip("/")
    signed_in = serving.caller.by_cookie
    answer = render("sessions.html", view=view, origin=origin, version=serving.version, signed_in=signed_in)
    if fault:
        answer.status_code = 400
    return answer


@router.get("/metrics")
def metrics(request: Request, serving: Serving) -> Response:
    """Calls, tokens, cost and latency over time, and how it stands with the store."""
    wish, now_ns, fault = parse_metrics_wish(request.query_params), time.time_ns(), ""
    found = None
    try:
        # One more than is shown tells that there are more.
        ask = replace(wish.ask(now_ns), groups=GROUPS + 1)
        found = serving.queries.metrics(serving.project, ask)
    except BadFilter as bad:
        ask, fault = replace(wish, filter="").ask(now_ns), str(bad)
    facts = serving.queries.facts(serving.project)
    # What waits is counted over all projects: for who has the run of the gateway.
    is_operator = grants(serving.caller.permissions, "operator.read")
    behind = serving.keeper.state().behind if is_operator else 0
    view = view_metrics(wish, ask, found, facts, behind=behind, now_ns=now_ns, fault=fault)
    answer = render("metrics.html", view=view, version=serving.version, signed_in=serving.caller.by_cookie)
    if fault:
        answer.status_code = 400
    return answer


@router.get("/sessions/{rest:rest}")
def session(request: Request, serving: Serving) -> Response:
    """One session; the path is read as it was sent, since an id may hold `/`."""
    session_id = "/".join(path_parts(request)[1:])
    if request.query_params.get("as") == "markdown":
        return _markdown(serving, session_id)
    wish, now_ns = parse_session_wish(request.query_params), time.time_ns()
    read = read_session(serving.queries, serving.project, session_id, wish, now_ns)
    if read is None:
        raise HttpFault(404, "not_found", f"No session has the id {session_id[:600]}.")
    lines = None
    if wish.view == "logs":
        offset = request.query_params.get("offset", "")
        first = int(offset) if re.fullmatch(r"\d{1,9}", offset, re.ASCII) else 0
        lines = serving.queries.session_logs(serving.project, LogsAsk(session_id, limit=LINES, offset=first))
    scores = _scores(serving, ScoresAsk(limit=GRADES, session_id=session_id))
    view = view_session(read, wish, now_ns, project=serving.project, lines=lines, scores=scores)
    return render("session.html", view=view, version=serving.version, signed_in=serving.caller.by_cookie)


def _markdown(serving: Services, session_id: str) -> Response:
    found = read_conversation(serving.queries, serving.project, session_id)
    if found is None:
        raise HttpFault(404, "not_found", f"No session has the id {session_id[:600]}.")
    return PlainTextResponse(
        write_transcript(*found).encode("utf-8", "replace"),
        media_type="text/markdown",
        headers={"Cache-Control": "no-store"},
    )


@router.post("/sessions/{rest:rest}")
async def grade(request: Request, serving: Serving) -> Response:
    """Keep the score that a form gives, and go back to where it was given."""
    session_id = "/".join(path_parts(request)[1:])
    async with serving.intake.body(request, SMALL) as body:
        try:
            new, span_id, view = parse_grade(body, session_id)
        except BadGrade as fault:
            raise HttpFault(400, "invalid_request_body", f"No score was kept: {fault}.") from None
    await run_in_threadpool(_keep, serving, session_id, new)
    shown = parse_view(view)
    return RedirectResponse(session_href(session_id, view="" if shown == "timeline" else shown, span=span_id), 303)


@router.get("/spans/{trace_id}/{span_id}")
def span(trace_id: str, span_id: str, request: Request, serving: Serving) -> Response:
    """One step's panel alone, for a page that already stands."""
    found = serving.queries.span(serving.project, trace_id, span_id)
    if found is None:
        raise HttpFault(404, "not_found", f"No span {span_id[:64]} in a trace {trace_id[:64]}.")
    query = request.query_params
    session_id = query.get("session") or found.session_id or trace_id
    view = parse_view(query.get("view"))
    scores = _scores(serving, ScoresAsk(limit=GRADES, resource_id=found.span_id, kind="span")).items
    shown = "" if view == "timeline" else view
    return render("inspector.html", inspector=inspect(session_id, found, shown, scores=scores))


def _scores(serving: Services, ask: ScoresAsk) -> Page[Score]:
    """The scores that a page shows: none to a key that may not read any."""
    if not grants(serving.caller.permissions, "score.read"):
        return Page((), 0, ask.limit, ask.offset)
    return serving.queries.scores(serving.project, ask)


def _keep(serving: Services, session_id: str, new: NewScore) -> None:
    if serving.queries.session_summary(serving.project, session_id) is None:
        raise HttpFault(404, "not_found", f"No session has the id {session_id[:600]}.")
    if new.kind == "span" and not serving.queries.has_step(serving.project, session_id, new.resource_id):
        raise HttpFault(
            404, "not_found", f"No score was kept: no step of this session has the id {new.resource_id[:64]}."
        )
    serving.scores.keep(serving.project, [new])


def present_error(fault: HttpFault) -> Response:
    """A page that says what went wrong."""
    page = render("error.html", fault=fault, version="")
    page.status_code = fault.status
    page.headers.update(fault.headers)
    return page
