"""Errors in Kore's words: `{"success": false, "error": {"code", "message"}}`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from fastapi.responses import JSONResponse

from sojourn_gateway.asgi.faults import HttpFault

if TYPE_CHECKING:
    from fastapi import Request, Response

__all__ = ["PRESENTERS", "bad_parameter", "missing", "present_fault"]

_VALIDATION: Final = "VALIDATION_ERROR"
_CODES: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "QUEUE_FULL",
    503: "SERVICE_UNAVAILABLE",
}


def bad_parameter(name: str, problem: str) -> HttpFault:
    """400: a parameter, or a field of a body, cannot be understood."""
    return HttpFault(400, _VALIDATION, f"{name[:100]} {problem}")


def missing(what: str) -> HttpFault:
    """404: absent, or somebody else's."""
    return HttpFault(404, "NOT_FOUND", f"{what} not found")


def present_fault(request: Request, fault: HttpFault) -> Response:  # noqa: ARG001  # as its siblings
    """The envelope, and when to come back."""
    code = fault.code if fault.code == _VALIDATION else _CODES.get(fault.status, "INTERNAL_ERROR")
    told: dict[str, Any] = {"success": False, "error": {"code": code, "message": fault.message}}
    headers = dict(fault.headers)
    if fault.status == 429:
        wait_s = int(fault.extras.get("retry_after_seconds", 1))
        told["retryAfterMs"] = wait_s * 1000
        if "RateLimit-Limit" in headers:
            told["error"]["code"] = "RATE_LIMIT_EXCEEDED"
            headers["X-RateLimit-Remaining"] = headers["RateLimit-Remaining"]
            headers["X-RateLimit-Reset"] = str(int(time.time()) + wait_s)
    return JSONResponse(told, status_code=fault.status, headers=headers)


PRESENTERS: Final = (("/api/projects", present_fault), ("/api/public/analytics", present_fault))
