"""Errors as an HTTP answer: `{"error": {"code", "message", ...}}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from sojourn_gateway.model.faults import GatewayFault, Malformed, Overloaded, TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HttpFault", "present_fault", "translate"]


class HttpFault(Exception):
    """An answer that is an error; `extras` stand beside code and message."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        **extras: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.extras = extras


def present_fault(fault: HttpFault) -> JSONResponse:
    """The error envelope."""
    told = {"error": {"code": fault.code, "message": fault.message, **fault.extras}}
    return JSONResponse(told, status_code=fault.status, headers=fault.headers)


def translate(fault: GatewayFault) -> HttpFault:
    """A fault of ingest or engine in the words of HTTP."""
    match fault:
        case Malformed():
            return HttpFault(400, "invalid_otlp_payload", str(fault))
        case TooLarge():
            return HttpFault(413, "payload_too_large", str(fault))
        case Overloaded():
            wait = {"Retry-After": str(fault.retry_after_s)}
            return HttpFault(429, "rate_limited", str(fault), headers=wait, retry_after_seconds=fault.retry_after_s)
        case _:
            return HttpFault(503, "service_unavailable", str(fault), headers={"Retry-After": "1"})
