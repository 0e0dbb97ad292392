"""The handlers of `/v1/api-keys`: each project sees and makes its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentmark.bodies import parse_body
from sojourn_gateway.apis.agentmark.forms import Form
from sojourn_gateway.apis.agentmark.present import present_time
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.permissions import grants, is_permission
from sojourn_gateway.asgi.services import Serving  # noqa: TC001  # FastAPI reads the annotation at run time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.records import Key, NewKey

__all__ = ["parse_new_key", "router"]

router = APIRouter()


@router.get("/v1/api-keys")
def api_keys(serving: Serving) -> Response:
    """The project's keys, without the keys."""
    now_ns = time.time_ns()
    return JSONResponse({"data": [present_key(key, now_ns) for key in serving.access.keys.all(serving.project)]})


@router.post("/v1/api-keys")
async def create_api_key(request: Request, serving: Serving) -> Response:
    """Make a key that may at most what the caller may, for as long, and show it this once."""
    async with serving.intake.body(request) as body:
        name, permissions = parse_new_key(parse_body(body))
    for one in permissions:
        if not grants(serving.caller.permissions, one):
            raise HttpFault(403, "forbidden", f"this key cannot give away {one}, which it has not", permission=one)
    made = await run_in_threadpool(_make, serving, name, permissions)
    told = {**present_key(made.key, time.time_ns()), "plaintext_key": made.secret}
    return JSONResponse({"data": told}, status_code=201, headers={"Cache-Control": "no-store"})


@router.delete("/v1/api-keys/{key_id}")
def revoke_api_key(key_id: str, serving: Serving) -> Response:
    """Make a key open nothing any more."""
    if not serving.access.keys.revoke(serving.project, key_id):
        raise HttpFault(404, "not_found", f"no key has the id {key_id[:100]!r}")
    serving.access.forget()
    return Response(status_code=204)


def parse_new_key(told: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Name and permissions. Raises a 400."""
    form = Form(told)
    name = form.text("name", 255, required=True)
    permissions = form.texts("permissions", required=True) or ()
    if unknown := [one for one in permissions if not is_permission(one)]:
        form.fault("permissions", f"unknown: {', '.join(unknown)[:200]}")
    # A key is of one project, and projects have one environment each.
    form.text("app_id", 255, nullable=True)
    form.text("environment_name", 255, nullable=True)
    form.finish()
    return name or "", permissions


def _make(serving: Services, name: str, permissions: tuple[str, ...]) -> NewKey:
    """A key that opens nothing for longer than the caller's own does."""
    key_id = serving.caller.key_id
    own = None if key_id is None else serving.access.keys.find_id(serving.project, key_id)
    expires_ns = None if own is None else own.key.expires_ns
    return serving.access.keys.make(serving.project, name, permissions=permissions, expires_ns=expires_ns)


def present_key(key: Key, now_ns: int) -> dict[str, Any]:
    """What is known of a key."""

    def at(moment_ns: int | None) -> str | None:
        return None if moment_ns is None else present_time(moment_ns)

    return {
        "id": key.id,
        "name": key.name,
        "app_id": None,
        "permissions": list(key.permissions),
        "key_prefix": key.prefix,
        "created_at": present_time(key.created_ns),
        "last_used_at": at(key.last_used_ns),
        "expires_at": at(key.expires_ns),
        "revoked_at": at(key.revoked_ns),
        # ours
        "project": key.project,
        "state": key.state(now_ns),
    }
