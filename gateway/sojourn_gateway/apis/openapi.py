"""The OpenAPI document of each contract, at `/openapi/<contract>.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from sojourn_gateway.apis.agentmark import openapi as agentmark
from sojourn_gateway.apis.agentops import openapi as agentops
from sojourn_gateway.apis.agentuity import openapi as agentuity
from sojourn_gateway.apis.kore import openapi as kore
from sojourn_gateway.asgi.faults import HttpFault

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["CONTRACTS", "documents", "router"]

CONTRACTS: Final = ("agentmark", "agentops", "agentuity", "kore")

router = APIRouter()


@router.get("/openapi/{name}")
async def openapi(name: str, request: Request) -> Response:
    """One of them."""
    found = documents(request.app).get(name.removesuffix(".json")) if name.endswith(".json") else None
    if found is None:
        known = ", ".join(f"/openapi/{contract}.json" for contract in CONTRACTS)
        raise HttpFault(404, "not_found", f"no such document; there are {known}")
    return JSONResponse(found)


def documents(app: FastAPI) -> dict[str, dict[str, Any]]:
    """All of them, by the name of the contract; `agentmark` is our own, which goes beyond it."""
    return {
        "agentmark": agentmark.document(app),
        "agentops": agentops.document(),
        "agentuity": agentuity.document(),
        "kore": kore.document(),
    }
