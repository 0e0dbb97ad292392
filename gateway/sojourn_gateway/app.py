"""The gateway as one ASGI application: ingest, APIs and pages over one engine."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from importlib.metadata import version
from os import getpid
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from sojourn.home import Gateway, Home
from sojourn_gateway.apis import agentmark, otlp
from sojourn_gateway.asgi.faults import HttpFault, present_fault, translate
from sojourn_gateway.asgi.guard import Guard, standing_headers
from sojourn_gateway.asgi.intake import Intake
from sojourn_gateway.asgi.services import Services
from sojourn_gateway.engine import Engine
from sojourn_gateway.ingest import Ingest, Pickup
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.query import Queries
from sojourn_gateway.settings import Settings
from sojourn_gateway.sweeper import Sweeper
from sojourn_gateway.web import pages

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["create_app"]

_log = logging.getLogger("sojourn.gateway")
_CODES = {400: "invalid_request_body", 404: "not_found", 405: "method_not_allowed"}


def create_app(
    home: Home, settings: Settings | None = None, *, engine: Engine | None = None, url: str | None = None
) -> FastAPI:
    """The application that serves `home`.

    An `engine` that is given stays the caller's to close; without one the home's is opened when the application
    starts (which raises `EngineHeld` while another process has it). With a `url`, programs that record into this home
    are told to deliver there for as long as the application runs.
    """
    chosen = settings or Settings()
    release = version("sojourn")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        opened: Engine = await run_in_threadpool(Engine.open, home) if engine is None else engine
        try:
            ingest = Ingest(opened)
            try:
                intake = Intake(chosen.max_body_bytes, chosen.max_held_bytes)
                app.state.services = Services(ingest, Queries(opened), intake, chosen.project, release)
                sweeper = Sweeper(Pickup(ingest, home), chosen.pickup_every_s)
                sweeper.start()
                announced = None if url is None else Gateway(url=url, pid=getpid())
                if announced is not None:
                    home.announce(announced)
                try:
                    yield
                finally:
                    if announced is not None:
                        home.withdraw(announced)
                    await run_in_threadpool(sweeper.stop)
            finally:
                await run_in_threadpool(ingest.close)
        finally:
            if engine is None:
                await run_in_threadpool(opened.close)

    # FastAPI's own documentation pages load their scripts from elsewhere.
    app = FastAPI(title="Sojourn", version=release, lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(Guard, version=release)
    app.include_router(agentmark.router)
    app.include_router(otlp.router)
    app.include_router(pages.router)
    app.mount("/assets", pages.assets)
    _answer_faults(app, release)
    return app


def _answer_faults(app: FastAPI, release: str) -> None:
    @app.exception_handler(HttpFault)
    async def _known(request: Request, fault: HttpFault) -> Response:
        return _present(request, fault)

    @app.exception_handler(GatewayFault)
    async def _ours(request: Request, fault: GatewayFault) -> Response:
        return _present(request, translate(fault))

    @app.exception_handler(HTTPException)
    async def _routing(request: Request, fault: HTTPException) -> Response:
        message = f"no such route: {request.method} {request.url.path[:200]}"
        if fault.status_code == 405:
            message = f"{request.url.path[:200]} does not take {request.method}"
        elif fault.status_code != 404:
            message = str(fault.detail)
        code = _CODES.get(fault.status_code, "internal_error")
        return _present(request, HttpFault(fault.status_code, code, message, headers=fault.headers))

    @app.exception_handler(ClientDisconnect)
    async def _gone(request: Request, fault: ClientDisconnect) -> Response:
        _log.debug("%s went away from %s: %r", request.client, request.url.path, fault)
        return Response(status_code=400)

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, fault: Exception) -> Response:
        # Starlette raises it again behind the answer, so that the server logs it whole.
        told = HttpFault(500, "internal_error", f"the gateway failed ({type(fault).__name__}); its log says more")
        # This answer passes outside the guard, which else writes them.
        told.headers.update(standing_headers(release))
        return _present(request, told)


def _present(request: Request, fault: HttpFault) -> Response:
    is_page = request.url.path == "/" or request.url.path.startswith(("/sessions", "/spans"))
    accepts = request.headers.get("accept", "")
    if is_page or ("text/html" in accepts and not request.url.path.startswith("/v1/")):
        return pages.present_error(fault)
    return present_fault(fault)
