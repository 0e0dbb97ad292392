"""`POST /v1/<resource>/search`: a list with its filter in the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentmark.bodies import parse_search
from sojourn_gateway.apis.agentmark.present import (
    present_page,
    present_score,
    present_session_item,
    present_span,
    present_trace_item,
)
from sojourn_gateway.model.score import ScoresAsk
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.spans_ask import SpansAsk

if TYPE_CHECKING:
    from fastapi import Request, Response

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.trace import TracesAsk
    from sojourn_gateway.model.where import Resource

__all__ = ["search"]


async def search(resource: Resource, request: Request, serving: Services) -> Response:
    """The page that the body asks for, shaped as the list of that resource."""
    async with serving.intake.body(request) as body:
        ask = parse_search(resource, body)
    return JSONResponse(await run_in_threadpool(_page, serving, ask))


def _page(serving: Services, ask: TracesAsk | SpansAsk | SessionsAsk | ScoresAsk) -> dict[str, Any]:
    queries, project = serving.queries, serving.project
    match ask:
        case SpansAsk():
            spans = queries.spans(project, ask)
            return present_page([present_span(span, content=False) for span in spans.items], spans)
        case SessionsAsk():
            sessions = queries.sessions(project, ask)
            return present_page([present_session_item(session) for session in sessions.items], sessions)
        case ScoresAsk():
            scores = queries.scores(project, ask)
            return present_page([present_score(score) for score in scores.items], scores)
        case _:
            traces = queries.traces(project, ask)
            return present_page([present_trace_item(trace) for trace in traces.items], traces)
