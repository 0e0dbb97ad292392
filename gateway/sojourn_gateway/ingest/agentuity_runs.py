"""What a runtime of Agentuity tells by hand becomes OTLP, so that it enters by the same door as everything else.

A request becomes a span of its own trace, an evaluation a span beside it. Their ids are computed from the ids that the
runtime gave, so that what is told again replaces what is there; what is done replaces what was begun.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from sojourn import semconv
from sojourn_gateway.engine import agentuity
from sojourn_gateway.engine.values import as_json
from sojourn_gateway.ingest.attributes import encode_attributes
from sojourn_gateway.ingest.limits import LONGEST_VALUE
from sojourn_gateway.model.faults import TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue

    from sojourn_gateway.model.span import Json

__all__ = ["Told", "encode_evaluation", "encode_request", "evaluation_span_id", "request_span_id", "trace_id_of"]

SERVICE: Final = "agentuity"
_OURS: Final = re.compile(r"sess_([0-9a-f]{32})")
_FAILS_FROM: Final = 500
_NS_PER_MS: Final = 1_000_000
_MOST_PROMOTED: Final = 200
"""Of metadata: attributes of their own, by which filters find the span. All of it is in what was told."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was told at the begin of something, and when it was done; None: it is not done yet."""

    begun: Mapping[str, Json]
    done: Mapping[str, Json] | None = None


def trace_id_of(session_id: str) -> bytes:
    """The trace of a request: the one that the id is made of, else that of a hash of it."""
    found = _OURS.fullmatch(session_id)
    return bytes.fromhex(found[1]) if found else sha256(session_id.encode()).digest()[:16]


def request_span_id(session_id: str) -> bytes:
    """The span that a request told by hand becomes."""
    return sha256(f"session {session_id}".encode()).digest()[:8]


def evaluation_span_id(run_id: str) -> bytes:
    """The span that an evaluation told by hand becomes."""
    return sha256(f"evalrun {run_id}".encode()).digest()[:8]


def encode_request(told: Told) -> bytes:
    """An OTLP request with the span of a request. Raises `TooLarge` when it says more than is kept whole."""
    begun, done = told.begun, told.done
    status = int((done or {}).get("statusCode") or 0)
    error = str((done or {}).get("error") or "")
    thread = (begun if done is None or "threadId" not in done else done).get("threadId")
    attributes: dict[str, Any] = {
        semconv.REQUEST_BEGUN: _whole(begun),
        semconv.HTTP_METHOD: begun["method"],
        "url.path": begun["url"],
        semconv.URL_TEMPLATE: begun["routeId"],
        # The session of the store; no name of Agentuity's own, which could not be taken back.
        semconv.SESSION_ID: thread,
        **_owner(begun),
        agentuity.ENV: begun["environment"],
        semconv.ERROR_TYPE: str(status) if status >= _FAILS_FROM else None,
    }
    attributes |= _promoted((done or {}).get("metadata", begun.get("metadata", {})))
    if done is not None:
        attributes |= {semconv.REQUEST_DONE: _whole(done), semconv.HTTP_STATUS: status or None}
    span = Span(
        trace_id=trace_id_of(begun["id"]),
        span_id=request_span_id(begun["id"]),
        name=f"{begun['method']} {begun['url']}".strip() or "request",
        kind=Span.SPAN_KIND_SERVER,
        status=_status(failed=bool(error) or status >= _FAILS_FROM, message=error, done=done is not None),
        attributes=_attributes(attributes, pending=done is None),
    )
    return _encoded(span, told)


def encode_evaluation(told: Told) -> bytes:
    """An OTLP request with the span of an evaluation. Raises as `encode_request` does."""
    begun, done = told.begun, told.done
    error = str((done or {}).get("error") or "")
    attributes: dict[str, Any] = {
        semconv.EVALUATION_BEGUN: _whole(begun),
        agentuity.EVAL_ID: begun["evalId"],
        agentuity.EVAL_IDENTIFIER: begun["evalIdentifier"],
        agentuity.EVAL_RUN_ID: begun["id"],
        **_owner(begun),
    }
    if done is not None:
        attributes[semconv.EVALUATION_DONE] = _whole(done)
        if "result" in done:
            attributes[semconv.OUTPUT] = as_json(done["result"])
    parent = begun.get("spanId")
    span = Span(
        trace_id=trace_id_of(begun["sessionId"]),
        span_id=evaluation_span_id(begun["id"]),
        # Behind the request in every tree, and no root that would speak for the whole trace.
        parent_span_id=bytes.fromhex(parent) if parent else request_span_id(begun["sessionId"]),
        name=f"evaluate {begun['evalIdentifier'] or begun['evalId']}",
        kind=Span.SPAN_KIND_INTERNAL,
        status=_status(failed=bool(error), message=error, done=done is not None),
        attributes=_attributes(attributes, pending=done is None),
    )
    return _encoded(span, told)


def _whole(told: Mapping[str, Json]) -> str:
    """What was told, in one attribute. Half of it would say nothing, not even whether all went well."""
    written = as_json(told)
    if len(written.encode()) > LONGEST_VALUE:
        raise TooLarge(f"what is told of one request or evaluation may be {LONGEST_VALUE // 2**20} MiB at most")
    return written


def _promoted(metadata: Mapping[str, Json]) -> dict[str, Any]:
    found = islice(metadata.items(), _MOST_PROMOTED)
    return {f"{semconv.METADATA_PREFIX}{key}": _plain(value) for key, value in found}


def _owner(begun: Mapping[str, Json]) -> dict[str, Any]:
    return {
        agentuity.ORG: begun["orgId"],
        agentuity.PROJECT: begun["projectId"],
        agentuity.DEPLOYMENT: begun.get("deploymentId"),
        agentuity.DEVMODE: begun["devmode"],
    }


def _status(*, failed: bool, message: str, done: bool) -> Status | None:
    if not done:
        return None
    return Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_OK, message=message)


def _plain(value: Json) -> Any:
    return value if isinstance(value, str | bool | int | float) else as_json(value)


def _attributes(told: Mapping[str, Any], *, pending: bool) -> list[KeyValue]:
    known = {key: _plain(value) for key, value in told.items() if value not in (None, "")}
    if pending:
        known[semconv.PENDING] = True
    return encode_attributes(known)


def _encoded(span: Span, told: Told) -> bytes:
    span.start_time_unix_nano = int(told.begun["timestamp"]) * _NS_PER_MS
    if told.done is not None:
        # Clocks that were set back tell of an answer before the question.
        span.end_time_unix_nano = max(int(told.done["timestamp"]) * _NS_PER_MS, span.start_time_unix_nano)
    resource = Resource(attributes=encode_attributes({semconv.SERVICE_NAME: SERVICE}))
    by_scope = ScopeSpans(scope=InstrumentationScope(name=SERVICE), spans=[span])
    by_resource = ResourceSpans(resource=resource, scope_spans=[by_scope])
    return ExportTraceServiceRequest(resource_spans=[by_resource]).SerializeToString()
