"""What OTLP answers in protobuf: what was taken in, and the status of a refusal; the same over HTTP and over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from sojourn_gateway.engine.wire import bytes_field, number_field

if TYPE_CHECKING:
    from sojourn_gateway.ingest import Receipt
    from sojourn_gateway.ingest.otlp_json import Sent

__all__ = ["refused", "retry_info", "rpc_status", "serialise_receipt", "words"]

_LONGEST: Final = 2000
_RETRY_INFO: Final = b"type.googleapis.com/google.rpc.RetryInfo"


def refused(receipt: Receipt) -> int:
    """How many were left out."""
    return sum(number for number, _ in receipt.rejected)


def words(receipt: Receipt) -> str:
    """Why some were left out, and what of the others was cut; empty when all is as it was sent."""
    told = [f"{number}: {reason}" for number, reason in receipt.rejected]
    return "; ".join([*told, *receipt.warnings])[:_LONGEST]


def serialise_receipt(signal: Sent, receipt: Receipt) -> bytes:
    """What was taken in; what was not, and why, as partial success. One that rejects none is a warning."""
    number, said = refused(receipt), words(receipt)
    match signal:
        case "traces":
            spans = ExportTraceServiceResponse()
            if number or said:
                spans.partial_success.rejected_spans = number
                spans.partial_success.error_message = said
            return spans.SerializeToString()
        case "logs":
            records = ExportLogsServiceResponse()
            if number or said:
                records.partial_success.rejected_log_records = number
                records.partial_success.error_message = said
            return records.SerializeToString()
        case "metrics":
            points = ExportMetricsServiceResponse()
            if number or said:
                points.partial_success.rejected_data_points = number
                points.partial_success.error_message = said
            return points.SerializeToString()


def rpc_status(code: int, message: str, retry_after_s: int | None = None) -> bytes:
    """A `google.rpc.Status`; with a time to wait, it bears a `RetryInfo`. No installed package ships these messages."""
    status = number_field(1, code) + bytes_field(2, message.encode())
    if retry_after_s is not None:
        status += bytes_field(3, bytes_field(1, _RETRY_INFO) + bytes_field(2, retry_info(retry_after_s)))
    return status


def retry_info(retry_after_s: int) -> bytes:
    """A `google.rpc.RetryInfo`."""
    return bytes_field(1, number_field(1, retry_after_s))
