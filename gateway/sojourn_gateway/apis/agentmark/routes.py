"""The handlers of `/v1`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from sojourn_gateway.apis.agentmark import (
    datasets,
    experiments,
    exporting,
    files,
    keys,
    openapi,
    queues,
    scores,
    service,
)
from sojourn_gateway.apis.agentmark.parse import (
    parse_fields,
    parse_lines,
    parse_logs,
    parse_metrics,
    parse_paging,
    parse_points,
    parse_requests,
    parse_sessions,
    parse_spans,
    parse_traces,
)
from sojourn_gateway.apis.agentmark.present import (
    present_capabilities,
    present_content,
    present_graph,
    present_log,
    present_logged,
    present_page,
    present_request,
    present_session,
    present_session_item,
    present_span,
    present_trace,
    present_trace_item,
)
from sojourn_gateway.apis.agentmark.present_metrics import present_filter_schema, present_metrics
from sojourn_gateway.apis.agentmark.present_points import present_point
from sojourn_gateway.apis.agentmark.searches import search
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import Serving, path_parts

if TYPE_CHECKING:
    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.trace import Trace

__all__ = ["router"]

_SUNSET: Final = "Thu, 31 Dec 2027 23:59:59 GMT"

router = APIRouter()
# Before the routes below: one of a literal path stands before the one that takes any.
for _part in (scores, service, files, datasets, experiments, queues, keys, exporting, openapi):
    router.include_router(_part.router)


@router.get("/health")
async def health() -> Response:
    """Whether the gateway is up."""
    return JSONResponse({"status": "ok", "message": "Server Up"})


@router.get("/v1/capabilities")
async def capabilities(request: Request, serving: Serving) -> Response:
    """What this gateway offers, and that it is one of ours."""
    return JSONResponse(present_capabilities(str(request.base_url).rstrip("/"), serving.version))


@router.get("/v1/sessions")
def sessions(request: Request, serving: Serving) -> Response:
    """A page of sessions."""
    page = serving.queries.sessions(serving.project, parse_sessions(request.query_params))
    return JSONResponse(present_page([present_session_item(session) for session in page.items], page))


@router.get("/v1/sessions/{rest:rest}")
def session(request: Request, serving: Serving) -> Response:
    """One session, its traces or its logs: an id may hold `/`, so the path is read as it was sent."""
    parts = path_parts(request)[2:]
    if len(parts) > 1 and parts[-1] == "traces":
        return _session_traces(request, serving, "/".join(parts[:-1]))
    if len(parts) > 1 and parts[-1] == "logs":
        lines = serving.queries.session_logs(serving.project, parse_logs("/".join(parts[:-1]), request.query_params))
        return JSONResponse(present_page([present_log(line) for line in lines.items], lines))
    session_id = "/".join(parts)
    fields = parse_fields(request.query_params, ("summary", "spans", "content"), ("spans", "content"))
    read = serving.queries.session if "spans" in fields else serving.queries.session_facts
    found = read(serving.project, session_id)
    if found is None:
        raise HttpFault(404, "not_found", f"no session has the id {session_id[:600]!r}")
    return JSONResponse({"data": present_session(found, fields)})


@router.get("/v1/logs")
def logs(request: Request, serving: Serving) -> Response:
    """A page of log lines of all sessions."""
    page = serving.queries.logs(serving.project, parse_lines(request.query_params))
    return JSONResponse(present_page([present_logged(line) for line in page.items], page))


@router.get("/v1/traces")
def traces(request: Request, serving: Serving) -> Response:
    """A page of traces."""
    page = serving.queries.traces(serving.project, parse_traces(request.query_params))
    return JSONResponse(present_page([present_trace_item(trace) for trace in page.items], page))


@router.get("/v1/traces/{trace_id}")
def trace(trace_id: str, request: Request, serving: Serving) -> Response:
    """One trace with its spans."""
    fields = parse_fields(request.query_params, ("graph", "scores"), ())
    found = _found(serving, trace_id)
    grades = serving.queries.trace_scores(serving.project, found) if "scores" in fields else None
    return JSONResponse({"data": present_trace(found, fields, grades)})


@router.get("/v1/traces/{trace_id}/graph")
def graph(trace_id: str, serving: Serving) -> Response:
    """The nodes that the spans of a trace declare."""
    found = _found(serving, trace_id)
    headers = _deprecated(f"/v1/traces/{quote(trace_id, safe='')}?fields=graph")
    return JSONResponse({"data": present_graph(found)}, headers=headers)


@router.get("/v1/traces/{trace_id}/spans")
def trace_spans(trace_id: str, serving: Serving) -> Response:
    """The spans of a trace in order of their start."""
    found = _found(serving, trace_id)
    return JSONResponse({"data": [present_span(span, content=False) for span in found.spans]})


@router.get("/v1/traces/{trace_id}/spans/{span_id}")
def trace_span(trace_id: str, span_id: str, serving: Serving) -> Response:
    """What went into a span and came out of it."""
    found = serving.queries.span(serving.project, trace_id.lower(), span_id)
    if found is None:
        raise HttpFault(404, "not_found", f"no span of that trace has the id {span_id[:100]!r}")
    return JSONResponse({"data": present_content(found)})


@router.get("/v1/spans")
def spans(request: Request, serving: Serving) -> Response:
    """A page of spans of all traces."""
    page = serving.queries.spans(serving.project, parse_spans(request.query_params))
    return JSONResponse(present_page([present_span(span, content=False) for span in page.items], page))


@router.get("/v1/spans/{span_id}")
def span(span_id: str, serving: Serving) -> Response:
    """One span, by its id alone."""
    found = serving.queries.span_anywhere(serving.project, span_id)
    if found is None:
        raise HttpFault(404, "not_found", f"no span has the id {span_id[:100]!r}")
    return JSONResponse({"data": present_span(found)})


@router.get("/v1/requests")
def requests(request: Request, serving: Serving) -> Response:
    """A page of model calls."""
    page = serving.queries.spans(serving.project, parse_requests(request.query_params))
    return JSONResponse(present_page([present_request(span, serving.project) for span in page.items], page))


@router.get("/v1/metrics")
def metrics(request: Request, serving: Serving) -> Response:
    """What the calls of some time come to."""
    found = serving.queries.metrics(serving.project, parse_metrics(request.query_params))
    return JSONResponse({"data": present_metrics(found, extended=request.query_params.get("extended") == "true")})


@router.get("/v1/metrics/points")
def metric_points(request: Request, serving: Serving) -> Response:
    """A page of points, as programs measured them."""
    page = serving.queries.points(serving.project, parse_points(request.query_params))
    return JSONResponse(present_page([present_point(point) for point in page.items], page))


@router.get("/v1/filter-schema")
async def filter_schema() -> Response:
    """What can be filtered by, and how."""
    return JSONResponse({"data": present_filter_schema()})


@router.post("/v1/traces/search")
async def search_traces(request: Request, serving: Serving) -> Response:
    """As `GET /v1/traces`, with the filter in a body."""
    return await search("traces", request, serving)


@router.post("/v1/spans/search")
async def search_spans(request: Request, serving: Serving) -> Response:
    """As `GET /v1/spans`, with the filter in a body."""
    return await search("spans", request, serving)


@router.post("/v1/sessions/search")
async def search_sessions(request: Request, serving: Serving) -> Response:
    """As `GET /v1/sessions`, with the filter in a body."""
    return await search("sessions", request, serving)


def _found(serving: Services, trace_id: str) -> Trace:
    found = serving.queries.trace(serving.project, trace_id.lower())
    if found is None:
        raise HttpFault(404, "not_found", f"no trace has the id {trace_id[:100]!r}")
    return found


def _deprecated(successor: str) -> dict[str, str]:
    return {"Deprecation": "true", "Sunset": _SUNSET, "Link": f'<{successor}>; rel="successor-version"'}


def _session_traces(request: Request, serving: Serving, session_id: str) -> Response:
    limit, offset = parse_paging(request.query_params)
    page = serving.queries.session_traces(serving.project, session_id, limit, offset)
    headers = _deprecated(f"/v1/traces?session_id={quote(session_id, safe='')}")
    return JSONResponse(present_page([present_trace(trace) for trace in page.items], page), headers=headers)
