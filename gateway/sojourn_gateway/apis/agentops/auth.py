"""Where a key becomes a token: `/v3/auth/token` and `/public/v1/auth/access_token`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentops.bodies import read_json
from sojourn_gateway.apis.agentops.faults import bad_request
from sojourn_gateway.asgi.access import Unauthorized
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import SMALL, Serving

if TYPE_CHECKING:
    from sojourn_gateway.asgi.access import Caller
    from sojourn_gateway.asgi.services import Services

__all__ = ["check_bearer", "router"]

_AUDIENCE: Final = "authenticated"
_LIFETIME_S: Final = 30 * 24 * 3600
_PLAN: Final = "pro"
"""There are no plans here; the client advertises one for any other word."""

router = APIRouter()


@router.post("/v3/auth/token")
async def issue_token(request: Request, serving: Serving) -> Response:
    """A token of a key's project."""
    caller = await _caller(request, serving, unknown=403)
    project = await run_in_threadpool(serving.access.project_id, caller.project)
    told = {"token": _issue(serving, caller), "project_id": project, "project_prem_status": _PLAN}
    return JSONResponse(told)


@router.get("/v3/auth/token")
async def read_token(request: Request, serving: Serving) -> Response:
    """What a token says."""
    token = _bearer(request)
    if not token:
        raise HttpFault(401, "unauthorized", "Authorization header is missing")
    claims = await run_in_threadpool(serving.access.verify_token, token)
    payload = {
        "exp": claims.expires_s,
        "aud": claims.audience,
        "project_id": await run_in_threadpool(serving.access.project_id, claims.project),
        "project_prem_status": _PLAN,
        # The key itself is not known here: only its hash is kept.
        "api_key": claims.key_id,
    }
    expires = datetime.fromtimestamp(claims.expires_s, UTC).isoformat()
    return JSONResponse({"message": "Token is valid", "payload": payload, "expires_at": expires})


@router.post("/public/v1/auth/access_token")
async def issue_bearer(request: Request, serving: Serving) -> Response:
    """The same, as the public API has it."""
    caller = await _caller(request, serving, unknown=404)
    return JSONResponse({"bearer": _issue(serving, caller)})


def check_bearer(request: Request, serving: Services) -> None:
    """Raises `Unauthorized` for a token that does not hold.

    A gateway that asks for no keys takes whatever it does not know for its default project; but a token that it issued
    itself, and that is expired or was changed, was meant for another.
    """
    token = _bearer(request)
    if token.count(".") == 2:
        serving.access.verify_token(token)


async def _caller(request: Request, serving: Services, *, unknown: int) -> Caller:
    key = (await read_json(request, serving, SMALL)).get("api_key")
    if not isinstance(key, str) or not key:
        raise bad_request("api_key is required")
    try:
        return await run_in_threadpool(serving.access.resolve_key, key)
    except Unauthorized:
        if not _is_key(key):
            raise bad_request("Invalid API key format") from None
        raise HttpFault(unknown, "unauthorized", "Invalid API key") from None


def _is_key(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return text.startswith("sj_")
    return True


def _issue(serving: Services, caller: Caller) -> str:
    return serving.access.issue(caller, audience=_AUDIENCE, lifetime_s=_LIFETIME_S)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
