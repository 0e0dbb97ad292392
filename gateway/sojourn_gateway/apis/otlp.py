"""OTLP over HTTP: where exporters send spans and logs, as protobuf or JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.asgi.faults import HttpFault, present_fault, translate
from sojourn_gateway.asgi.services import Serving  # noqa: TC001  # FastAPI reads the annotation at run time
from sojourn_gateway.ingest import otlp_json
from sojourn_gateway.model.faults import GatewayFault, Malformed

if TYPE_CHECKING:
    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.ingest import Receipt

__all__ = ["router"]

Signal = Literal["traces", "logs"]
Notation = Literal["protobuf", "json"]

PROTOBUF: Final = "application/x-protobuf"
_NOTATIONS: Final[dict[str, Notation]] = {
    PROTOBUF: "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
}
_REJECTED: Final = {"traces": "rejectedSpans", "logs": "rejectedLogRecords"}
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_RPC_CODES: Final = {400: 3, 413: 8, 415: 3, 429: 8, 503: 14}
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


async def _export(signal: Signal, request: Request, serving: Services) -> Response:
    notation = _NOTATIONS.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
    if notation is None:
        raise HttpFault(415, "unsupported_media_type", f"Content-Type must be {PROTOBUF} or application/json")
    request_id = parse_request_id(request.headers.get("x-request-id"))
    try:
        async with serving.intake.body(request) as body:
            if notation == "json":
                body = await run_in_threadpool(otlp_json.to_protobuf, signal, body)
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


def present_receipt(signal: Signal, notation: Notation, receipt: Receipt, request_id: str) -> Response:
    """What was taken in, in the notation of the request; what was not, and why, as partial success."""
    refused = sum(number for number, _ in receipt.rejected)
    reasons = "; ".join(f"{number}: {reason}" for number, reason in receipt.rejected)[:2000]
    if notation == "json":
        partial = {_REJECTED[signal]: str(refused), "errorMessage": reasons} if refused else {}
        return JSONResponse({"data": {"requestId": request_id}, "partialSuccess": partial})
    if signal == "traces":
        spans = ExportTraceServiceResponse()
        if refused:
            spans.partial_success.rejected_spans = refused
            spans.partial_success.error_message = reasons
        return Response(spans.SerializeToString(), media_type=PROTOBUF)
    logs = ExportLogsServiceResponse()
    if refused:
        logs.partial_success.rejected_log_records = refused
        logs.partial_success.error_message = reasons
    return Response(logs.SerializeToString(), media_type=PROTOBUF)


def present_refusal(notation: Notation, fault: HttpFault) -> Response:
    """A refusal of the whole request: the envelope, or for protobuf a `google.rpc.Status`."""
    if notation == "json":
        return present_fault(fault)
    status = _varint_field(1, _RPC_CODES.get(fault.status, 13)) + _text_field(2, fault.message)
    return Response(status, status_code=fault.status, headers=fault.headers, media_type=PROTOBUF)


def _named(fault: GatewayFault, notation: Notation) -> HttpFault:
    told = translate(fault)
    if isinstance(fault, Malformed):
        told.code = "invalid_otlp_payload" if notation == "json" else "protobuf_decode_failed"
    return told


# Two fields of a message that the installed packages do not ship; protobuf's encoding of them is five lines.
def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varint_field(tag: int, number: int) -> bytes:
    return _varint(tag << 3) + _varint(number)


def _text_field(tag: int, text: str) -> bytes:
    data = text.encode()
    return _varint(tag << 3 | 2) + _varint(len(data)) + data
