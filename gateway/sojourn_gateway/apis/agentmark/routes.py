"""The handlers of `/v1`."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from sojourn_gateway.apis.agentmark.parse import parse_fields, parse_paging, parse_sessions, parse_traces
from sojourn_gateway.apis.agentmark.present import (
    present_capabilities,
    present_page,
    present_session,
    present_session_item,
    present_trace,
    present_trace_item,
)
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import Serving, path_parts

__all__ = ["router"]

_SUNSET: Final = "Thu, 31 Dec 2027 23:59:59 GMT"

router = APIRouter()


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


@router.get("/v1/sessions/{rest:path}")
def session(request: Request, serving: Serving) -> Response:
    """One session, or its traces: an id may hold `/`, so the path is read as it was sent."""
    parts = path_parts(request)[2:]
    if len(parts) > 1 and parts[-1] == "traces":
        return _session_traces(request, serving, "/".join(parts[:-1]))
    session_id = "/".join(parts)
    fields = parse_fields(request.query_params, ("summary", "spans", "content"), ("spans", "content"))
    found = serving.queries.session(serving.project, session_id)
    if found is None:
        raise HttpFault(404, "not_found", f"no session has the id {session_id[:600]!r}")
    return JSONResponse({"data": present_session(found, fields)})


@router.get("/v1/traces")
def traces(request: Request, serving: Serving) -> Response:
    """A page of traces."""
    page = serving.queries.traces(serving.project, parse_traces(request.query_params))
    return JSONResponse(present_page([present_trace_item(trace) for trace in page.items], page))


@router.get("/v1/traces/{trace_id}")
def trace(trace_id: str, request: Request, serving: Serving) -> Response:
    """One trace with its spans."""
    fields = parse_fields(request.query_params, ("graph", "scores"), ())
    found = serving.queries.trace(serving.project, trace_id.lower())
    if found is None:
        raise HttpFault(404, "not_found", f"no trace has the id {trace_id[:100]!r}")
    return JSONResponse({"data": present_trace(found, fields)})


def _session_traces(request: Request, serving: Serving, session_id: str) -> Response:
    limit, offset = parse_paging(request.query_params)
    page = serving.queries.session_traces(serving.project, session_id, limit, offset)
    successor = f"/v1/traces?session_id={quote(session_id, safe='')}"
    deprecated = {"Deprecation": "true", "Sunset": _SUNSET, "Link": f'<{successor}>; rel="successor-version"'}
    return JSONResponse(present_page([present_trace(trace) for trace in page.items], page), headers=deprecated)
