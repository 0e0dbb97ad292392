"""The gateway as one ASGI application: ingest, APIs and pages over one engine."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from importlib.metadata import version
from os import getpid
from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from sojourn.home import Gateway, Home
from sojourn_gateway.apis import agentops, agentuity, keeping, kore, openapi, otlp
from sojourn_gateway.apis.agentmark import routes as agentmark
from sojourn_gateway.asgi.access import Access, Unauthorized
from sojourn_gateway.asgi.contracts import Contracts
from sojourn_gateway.asgi.faults import HttpFault, present_fault, translate
from sojourn_gateway.asgi.guard import Guard, standing_headers
from sojourn_gateway.asgi.intake import Intake
from sojourn_gateway.asgi.paths import methods_of
from sojourn_gateway.asgi.services import Services, admit, path_of
from sojourn_gateway.asgi.throttle import Throttle
from sojourn_gateway.engine import Engine
from sojourn_gateway.ingest import Ingest, Pickup
from sojourn_gateway.ingest.metric_points import Pointbook
from sojourn_gateway.ingest.scores import Scorebook
from sojourn_gateway.keeping import Keeper, Policy
from sojourn_gateway.keeping.rounds import Rounds
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.query import Queries
from sojourn_gateway.records import Records
from sojourn_gateway.records.folders import Folders
from sojourn_gateway.settings import Settings
from sojourn_gateway.sweeper import Sweeper
from sojourn_gateway.web import pages, sign_in

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["create_app"]

_log = logging.getLogger("sojourn.gateway")
_RATE = "6000/minute"
"""What a key may ask when keys are demanded and no setting says otherwise."""
_CONTRACTS = Contracts((*agentops.PRESENTERS, *agentuity.PRESENTERS, *kore.PRESENTERS))
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
    records = Records.of(home, chosen.records)
    rate = chosen.rate_limit or (_RATE if chosen.require_keys else "off")
    throttle = None if rate == "off" else Throttle(rate, chosen.rate_store)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        if chosen.require_keys or chosen.records:
            # Now, so that what is wrong is said at the start; else with the first key that somebody shows.
            await run_in_threadpool(records.open)
        opened: Engine = await run_in_threadpool(_open, home, chosen) if engine is None else engine
        try:
            ingest = Ingest(opened, most_waiting_bytes=chosen.max_held_bytes // 2)
            try:
                intake = Intake(chosen.max_body_bytes, chosen.max_held_bytes)
                queries, scores = Queries(opened), Scorebook(opened)
                keeper = Keeper(opened, home, Policy(chosen.keep_days, chosen.keep_size))
                await run_in_threadpool(keeper.resume)
                app.state.services = Services(
                    ingest=ingest,
                    queries=queries,
                    intake=intake,
                    project=chosen.project,
                    version=release,
                    scores=scores,
                    access=Access(records, chosen.project, required=chosen.require_keys),
                    records=records,
                    points=Pointbook(opened),
                    keeper=keeper,
                    throttle=throttle,
                    folders=Folders(home, chosen.project, chosen.files),
                    thresholds=chosen.thresholds,
                )
                app.state.agentops = agentops.Door.open(home)
                sweeper = Sweeper(Pickup(ingest, home), chosen.pickup_every_s)
                rounds = Rounds(keeper, home, chosen.least_free)
                sweeper.start()
                rounds.start()
                announced = None if url is None else Gateway(url=url, pid=getpid())
                if announced is not None:
                    home.announce(announced)
                try:
                    yield
                finally:
                    if announced is not None:
                        home.withdraw(announced)
                    await run_in_threadpool(sweeper.stop)
                    await run_in_threadpool(rounds.stop)
            finally:
                await run_in_threadpool(ingest.close)
        finally:
            await run_in_threadpool(records.close)
            if throttle is not None:
                await run_in_threadpool(throttle.close)
            if engine is None:
                await run_in_threadpool(opened.close)

    # FastAPI's own documentation pages load their scripts from elsewhere.
    app = FastAPI(
        title="Sojourn",
        version=release,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(admit)],
    )
    app.add_middleware(Guard, version=release, hosts=chosen.allowed_hosts if chosen.require_keys else None)
    app.include_router(agentmark.router)
    app.include_router(agentops.router)
    app.include_router(agentuity.router)
    app.include_router(kore.router)
    app.include_router(keeping.router)
    app.include_router(openapi.router)
    app.include_router(otlp.router)
    app.include_router(pages.router)
    app.include_router(sign_in.router)
    app.mount("/assets", pages.assets)
    _answer_faults(app, release)
    return app


def _open(home: Home, chosen: Settings) -> Engine:
    return Engine.open(home, chosen.engine, prices=chosen.price_list())


def _answer_faults(app: FastAPI, release: str) -> None:
    @app.exception_handler(HttpFault)
    async def _known(request: Request, fault: HttpFault) -> Response:
        return _present(request, fault)

    @app.exception_handler(GatewayFault)
    async def _ours(request: Request, fault: GatewayFault) -> Response:
        return _present(request, translate(fault))

    @app.exception_handler(HTTPException)
    async def _routing(request: Request, fault: HTTPException) -> Response:
        message = f"no such route: {request.method} {path_of(request)[:200]}"
        headers = fault.headers
        if fault.status_code == 405:
            message = f"{path_of(request)[:200]} does not take {request.method}"
            headers = {**(headers or {}), "Allow": ", ".join(methods_of(request, app.routes))}
        elif fault.status_code != 404:
            message = str(fault.detail)
        code = _CODES.get(fault.status_code, "internal_error")
        return _present(request, HttpFault(fault.status_code, code, message, headers=headers))

    @app.exception_handler(ClientDisconnect)
    async def _gone(request: Request, fault: ClientDisconnect) -> Response:
        _log.debug("%s went away from %s: %r", request.client, path_of(request), fault)
        return Response(status_code=400)

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, fault: Exception) -> Response:
        # Starlette raises it again behind the answer, so that the server logs it whole.
        told = HttpFault(500, "internal_error", f"the gateway failed ({type(fault).__name__}); its log says more")
        # This answer passes outside the guard, which else writes them.
        told.headers.update(standing_headers(release))
        return _present(request, told)


def _present(request: Request, fault: HttpFault) -> Response:
    path = path_of(request)
    present = _CONTRACTS.presenter(path)
    if present is not None:
        return present(request, fault)
    if (refused := otlp.present_at_door(request, fault)) is not None:
        return refused
    is_page = path == "/" or path.startswith(("/sessions", "/spans", "/metrics"))
    if is_page and isinstance(fault, Unauthorized) and request.method == "GET":
        return sign_in.send_to_sign_in(request)
    accepts = request.headers.get("accept", "")
    if is_page or ("text/html" in accepts and not path.startswith("/v1/")):
        return pages.present_error(fault)
    return present_fault(fault)
