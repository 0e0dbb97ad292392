"""Errors in the words of AgentOps: each version of its API has an envelope of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi.responses import JSONResponse

from sojourn_gateway.asgi.access import Unauthorized
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import path_of

if TYPE_CHECKING:
    from fastapi import Request, Response

__all__ = ["PRESENTERS", "bad_query", "bad_request", "missing"]

_KEYS: Final = {
    "missing": "API Key is Missing",
    "malformed": "Invalid API key format",
    "unknown": "Invalid API Key",
    "revoked": "Invalid API Key",
}
_BEARERS: Final = {
    "missing": "Authorization header is missing",
    "malformed": "Invalid token",
    "unknown": "Invalid token",
    "revoked": "Invalid token",
    "expired": "Token has expired",
}


def bad_request(message: str) -> HttpFault:
    """400."""
    return HttpFault(400, "invalid_request_body", message)


def bad_query(name: str, problem: str) -> HttpFault:
    """422: a parameter of the query cannot be understood."""
    return HttpFault(422, "invalid_query", f"{name}: {problem}")


def missing(what: str) -> HttpFault:
    """404."""
    return HttpFault(404, "not_found", f"{what} not found")


def present_message(request: Request, fault: HttpFault) -> Response:
    """Of `/v2`: where it happened, and what. A key that is not known is a bad request, a token of yesterday is not."""
    if isinstance(fault, Unauthorized) and fault.reason != "expired":
        fault = bad_request(_KEYS[fault.reason])
    return _answer(fault, {"path": path_of(request)[:1000], "message": fault.message})


def present_error(request: Request, fault: HttpFault) -> Response:  # noqa: ARG001  # as its siblings
    """Of `/v3`."""
    return _answer(fault, {"error": fault.message})


def present_public(request: Request, fault: HttpFault) -> Response:
    """Of `/public`, where nobody is unauthorized: a bearer that is missing or bad is a bad request."""
    if isinstance(fault, Unauthorized):
        fault = bad_request(_BEARERS[fault.reason])
    return present_detail(request, fault)


def present_detail(request: Request, fault: HttpFault) -> Response:  # noqa: ARG001  # as its siblings
    """Of `/v4`, whose client also looks for `error`."""
    return _answer(fault, {"detail": fault.message, "error": fault.message})


def _answer(fault: HttpFault, told: dict[str, str]) -> Response:
    return JSONResponse(told, status_code=fault.status, headers=fault.headers)


PRESENTERS: Final = (
    ("/v2", present_message),
    ("/v3", present_error),
    ("/v4", present_detail),
    ("/public", present_public),
)
