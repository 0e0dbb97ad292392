"""What the handlers of every surface work with, and the door that each request passes before them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import unquote, urlsplit

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.asgi.access import NOBODY, Caller, Unauthorized
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.guard import HEADERS
from sojourn_gateway.asgi.permissions import grants, needed
from sojourn_gateway.model.thresholds import Thresholds

if TYPE_CHECKING:
    from sojourn_gateway.asgi.access import Access
    from sojourn_gateway.asgi.intake import Intake
    from sojourn_gateway.asgi.throttle import Throttle
    from sojourn_gateway.ingest import Ingest
    from sojourn_gateway.ingest.metric_points import Pointbook
    from sojourn_gateway.ingest.scores import Scorebook
    from sojourn_gateway.keeping import Keeper
    from sojourn_gateway.query import Queries
    from sojourn_gateway.records import Records
    from sojourn_gateway.records.folders import Folders

__all__ = ["OPEN", "SMALL", "Services", "Serving", "admit", "path_of", "path_parts"]

OPEN: Final = frozenset(
    {
        "/health",
        "/v1/health/ingestion",
        "/v1/health/files",
        "/v1/capabilities",
        "/v1/pricing",
        "/v1/openapi.json",
        # Where a client of AgentOps gives its key in the body.
        "/v3/auth/token",
        "/public/v1/auth/access_token",
        "/sign-in",
        "/sign-out",
    }
)
"""Paths that ask for no key: they tell nothing of a project, or are where a key is given."""

SMALL: Final = 64 * 1024
"""Bytes of a body that somebody without a key may send, or that says little: one that waits keeps no sender out."""

_READING: Final = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Services:
    """One gateway's insides, and the project that the request at hand speaks of."""

    ingest: Ingest
    queries: Queries
    intake: Intake
    project: str
    version: str
    scores: Scorebook
    access: Access
    records: Records
    points: Pointbook
    keeper: Keeper
    throttle: Throttle | None
    folders: Folders
    caller: Caller = NOBODY
    thresholds: Thresholds = field(default_factory=Thresholds)


# Async, although it may await nothing: FastAPI would send a plain function through a thread.
async def admit(request: Request) -> Services:
    """The services as this request may use them: with its caller's project. Raises `HttpFault`.

    A dependency of the whole application, so that no handler can forget it.
    """
    found = request.app.state.services
    assert isinstance(found, Services)
    path = path_of(request)
    if path in OPEN:
        caller = Caller(found.project)
    else:
        try:
            caller = await found.access.admit(request.headers, request.cookies)
        except Unauthorized:
            # Apart from those who sign in from there: behind a proxy all may have one address.
            if found.throttle is not None:
                await _count(request, found.throttle, f"refused {_address(request)}")
            raise
    _refuse_foreign_pages(request, caller)
    if found.throttle is not None and path != "/health":
        await _count(request, found.throttle, caller.key_id or _address(request))
    permission = needed(request.method, path)
    if path not in OPEN and not grants(caller.permissions, permission):
        raise HttpFault(403, "forbidden", f"this key has no permission {permission}", permission=permission)
    return replace(found, project=caller.project, caller=caller)


Serving = Annotated[Services, Depends(admit)]


def path_of(request: Request) -> str:
    """The decoded path, by which routes are found. `Request.url` is made of the `Host` header as well."""
    path: str = request.scope["path"]
    return path


def path_parts(request: Request) -> list[str]:
    """The decoded segments of the path as it was sent, so that an id may hold an encoded `/`."""
    raw: bytes = request.scope.get("raw_path") or path_of(request).encode()
    return [unquote(part) for part in raw.decode("latin-1").split("/")[1:]]


def _refuse_foreign_pages(request: Request, caller: Caller) -> None:
    """A page of another origin must change nothing here: its browser adds a cookie, or is on this very machine.

    A request with a key of its own was made by somebody who has it.
    """
    if request.method in _READING or (caller.key_id is not None and not caller.by_cookie):
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        # What the browser saw itself. A proxy may have changed the Host header.
        is_ours = site in ("same-origin", "none")
    else:
        is_ours = origin is None or _netloc(origin) == request.headers.get("host", "").lower()
    if not is_ours:
        raise HttpFault(403, "forbidden", "a page of another origin may change nothing here")


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "local"


async def _count(request: Request, throttle: Throttle, who: str) -> None:
    if throttle.waits:
        standing = await run_in_threadpool(throttle.count, who)
    else:
        standing = throttle.count(who)
    request.scope[HEADERS].update(standing.headers())
