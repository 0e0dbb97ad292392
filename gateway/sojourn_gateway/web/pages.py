"""The handlers of the pages."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.staticfiles import StaticFiles

from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import Serving, path_parts
from sojourn_gateway.web.inspector import inspect
from sojourn_gateway.web.session_page import view_session
from sojourn_gateway.web.sessions_page import parse_wish, view_sessions

__all__ = ["assets", "present_error", "router"]

_ASSETS: Final = Path(__file__).parent / "assets"

router = APIRouter()
assets = StaticFiles(directory=_ASSETS)


@router.get("/")
@router.get("/sessions")
def sessions(request: Request, serving: Serving) -> Response:
    """The list of sessions."""
    wish = parse_wish(request.query_params)
    page = serving.queries.sessions(serving.project, wish.ask())
    view = view_sessions(wish, page, time.time_ns())
    origin = str(request.base_url).rstrip("/")
    return _render("sessions.html", view=view, origin=origin, version=serving.version)


@router.get("/sessions/{rest:path}")
def session(request: Request, serving: Serving) -> Response:
    """One session; the path is read as it was sent, since an id may hold `/`."""
    session_id = "/".join(path_parts(request)[1:])
    found = serving.queries.session(serving.project, session_id)
    if found is None:
        raise HttpFault(404, "not_found", f"No session has the id {session_id[:600]}.")
    query = request.query_params
    view = view_session(
        found,
        time.time_ns(),
        view="conversation" if query.get("view") == "conversation" else "timeline",
        span_id=query.get("span", ""),
        everything=query.get("rows") == "all",
    )
    return _render("session.html", view=view, version=serving.version)


@router.get("/spans/{trace_id}/{span_id}")
def span(trace_id: str, span_id: str, request: Request, serving: Serving) -> Response:
    """One step's panel alone, for a page that already stands."""
    found = serving.queries.span(serving.project, trace_id, span_id)
    if found is None:
        raise HttpFault(404, "not_found", f"No span {span_id[:64]} in a trace {trace_id[:64]}.")
    query = request.query_params
    session_id = query.get("session") or found.session_id or trace_id
    view = "conversation" if query.get("view") == "conversation" else ""
    return _render("inspector.html", inspector=inspect(session_id, found, view))


def present_error(fault: HttpFault) -> Response:
    """A page that says what went wrong."""
    page = _render("error.html", fault=fault, version="")
    page.status_code = fault.status
    page.headers.update(fault.headers)
    return page


def _render(template: str, **values: object) -> Response:
    html = _environment().get_template(template).render(values)
    # What is shown was recorded in private: no cache on disk keeps it.
    return HTMLResponse(html, headers={"Cache-Control": "no-store"})


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # An asset's address changes with its content, so that no browser shows an old style after an upgrade.
    stamp = max(int(path.stat().st_mtime) for path in _ASSETS.iterdir())
    environment = Environment(
        loader=PackageLoader("sojourn_gateway.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def asset(name: str) -> str:
        return f"/assets/{name}?{stamp:x}"

    helpers: dict[str, Any] = {"asset": asset}
    environment.globals.update(helpers)
    return environment
