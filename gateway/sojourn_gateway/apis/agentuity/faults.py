"""Errors in the words of Agentuity: `{"success": false, "code": ..., "message": ...}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi.responses import JSONResponse

from sojourn_gateway.asgi.faults import HttpFault

if TYPE_CHECKING:
    from fastapi import Request, Response

__all__ = ["PREFIX", "PRESENTERS", "bad_request", "missing", "present_error"]

PREFIX: Final = "/agentuity"
"""Where the whole contract is served once more, for clients whose base has a path."""

_CODES: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMITED",
    503: "SERVICE_UNAVAILABLE",
}


def bad_request(message: str) -> HttpFault:
    """400."""
    return HttpFault(400, "bad_request", message)


def missing(what: str) -> HttpFault:
    """404: there is none, it is gone, or it is somebody else's."""
    return HttpFault(404, "not_found", f"{what} not found")


def present_error(request: Request, fault: HttpFault) -> Response:  # noqa: ARG001  # as every contract's
    """The envelope of failure."""
    code = _CODES.get(fault.status, "INTERNAL_ERROR" if fault.status >= 500 else "BAD_REQUEST")
    told = {"success": False, "code": code, "message": fault.message}
    return JSONResponse(told, status_code=fault.status, headers=fault.headers)


PRESENTERS: Final = tuple((prefix, present_error) for prefix in ("/session", "/thread", "/evalrun", "/cli", PREFIX))
