"""OTLP over HTTP: where exporters send spans, logs and metrics, as protobuf or JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from sojourn import semconv
from sojourn_gateway.apis.otlp_answers import refused, rpc_status, serialise_receipt, words
from sojourn_gateway.asgi.faults import HttpFault, present_fault, translate
from sojourn_gateway.asgi.services import Serving, path_of
from sojourn_gateway.ingest import otlp_json
from sojourn_gateway.ingest.told_beside import tell_beside
from sojourn_gateway.model.faults import GatewayFault, Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.ingest import Receipt
    from sojourn_gateway.ingest.otlp_json import Sent

__all__ = ["present_at_door", "router"]

Notation = Literal["protobuf", "json"]

PROTOBUF: Final = "application/x-protobuf"
_NOTATIONS: Final[dict[str, Notation]] = {
    PROTOBUF: "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
}
_REJECTED: Final[dict[Sent, str]] = {
    "traces": "rejectedSpans",
    "logs": "rejectedLogRecords",
    "metrics": "rejectedDataPoints",
}
_PATHS: Final = frozenset(f"/v1/{signal}" for signal in _REJECTED)
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_PR_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_LONGEST_FACT: Final = 256
_RPC_CODES: Final = {400: 3, 401: 16, 403: 7, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}
"""The codes of google.rpc that say what an HTTP status says; 13, internal, for all others."""

router = APIRouter()


@router.post("/v1/traces")
async def export_traces(request: Request, serving: Serving) -> Response:
    """Take spans in."""
    return await _export("traces", request, serving)


@router.post("/v1/logs")
async def export_logs(request: Request, serving: Serving) -> Response:
    """Take session events and logs in."""
    return await _export("logs", request, serving)


@router.post("/v1/metrics")
async def export_metrics(request: Request, serving: Serving) -> Response:
    """Take points of metrics in."""
    return await _export("metrics", request, serving)


async def _export(signal: Sent, request: Request, serving: Services) -> Response:
    notation = _notation(request)
    if notation is None:
        raise HttpFault(415, "unsupported_media_type", f"Content-Type must be {PROTOBUF} or application/json")
    request_id = parse_request_id(request.headers.get("x-request-id"))
    try:
        async with serving.intake.body(request) as body:
            if notation == "json":
                body = await run_in_threadpool(otlp_json.to_protobuf, signal, body)
            if signal == "traces" and (facts := parse_facts(request.headers)):
                body = await run_in_threadpool(tell_beside, body, facts)
            if signal == "metrics":
                receipt = await run_in_threadpool(serving.points.keep, serving.project, body)
            else:
                receipt = await serving.ingest.submit(signal, serving.project, body)
    except GatewayFault as fault:
        answer = present_refusal(notation, _named(fault, notation))
    except HttpFault as fault:
        answer = present_refusal(notation, fault)
    else:
        answer = present_receipt(signal, notation, receipt, request_id)
    answer.headers["X-Request-Id"] = request_id
    return answer


def parse_request_id(said: str | None) -> str:
    """The sender's own id when it is fit to be sent back, else a fresh one."""
    return said if said is not None and _REQUEST_ID.fullmatch(said) else str(uuid4())


def parse_facts(headers: Mapping[str, str]) -> Mapping[str, str]:
    """What AgentMark's SDK says in headers of where its spans come from, as attributes of their resource.

    A pull request has an environment of its own, whatever else is named. A number that is none is as good as not sent:
    for its sake no span is refused.
    """
    environment = headers.get("x-agentmark-environment", "").strip()[:_LONGEST_FACT]
    number = headers.get("x-agentmark-pr-number", "").strip()
    facts: dict[str, str] = {}
    if _PR_NUMBER.fullmatch(number):
        environment = f"pr-{number}"
        facts[f"{semconv.METADATA_PREFIX}pr_number"] = number
    if environment:
        facts |= {semconv.ENVIRONMENT: environment, f"{semconv.METADATA_PREFIX}environment": environment}
    return facts


def present_receipt(signal: Sent, notation: Notation, receipt: Receipt, request_id: str) -> Response:
    """What was taken in, in the notation of the request; what was not, and why, as partial success."""
    if notation == "protobuf":
        return Response(serialise_receipt(signal, receipt), media_type=PROTOBUF)
    number, said = refused(receipt), words(receipt)
    partial = {_REJECTED[signal]: str(number), "errorMessage": said} if number or said else {}
    return JSONResponse({"data": {"requestId": request_id}, "partialSuccess": partial})


def present_refusal(notation: Notation, fault: HttpFault) -> Response:
    """A refusal of the whole request: the envelope, or for protobuf a `google.rpc.Status`."""
    if notation == "json":
        return present_fault(fault)
    status = rpc_status(_RPC_CODES.get(fault.status, 13), fault.message)
    return Response(status, status_code=fault.status, headers=fault.headers, media_type=PROTOBUF)


def present_at_door(request: Request, fault: HttpFault) -> Response | None:
    """What came before a handler, such as a bad key, in the notation of the sender; None where no exporter asks."""
    if request.method != "POST" or path_of(request) not in _PATHS:
        return None
    answer = present_refusal(_notation(request) or "json", fault)
    answer.headers["X-Request-Id"] = parse_request_id(request.headers.get("x-request-id"))
    return answer


def _notation(request: Request) -> Notation | None:
    return _NOTATIONS.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())


def _named(fault: GatewayFault, notation: Notation) -> HttpFault:
    told = translate(fault)
    if isinstance(fault, Malformed):
        told.code = "invalid_otlp_payload" if notation == "json" else "protobuf_decode_failed"
    return told
