"""OTLP/JSON says the same as protobuf, in the spellings that senders use."""

from __future__ import annotations

import base64
import json
from typing import Any, cast

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sojourn_gateway.engine.values import listed
from sojourn_gateway.ingest.otlp_json import to_protobuf
from sojourn_gateway.model.faults import Malformed
from tests.gateway.sender import event, key_values, logs, span, trace_id, traces


def as_json(message: Any) -> dict[str, Any]:
    """What an exporter of OTLP/JSON writes: as protobuf's JSON, but ids in hex."""

    told: dict[str, Any] = MessageToDict(message, use_integers_for_enums=True)
    in_hex(told)
    return told


def in_hex(value: Any) -> None:
    """Write the ids in some JSON in hex, in place."""
    if isinstance(value, list):
        for item in listed(value):
            in_hex(item)
    elif isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        for key, item in members.items():
            if key in {"traceId", "spanId", "parentSpanId"}:
                members[key] = base64.b64decode(item).hex()
            else:
                in_hex(item)


def one_of_everything() -> ExportTraceServiceRequest:
    trace = trace_id()
    parent = span(trace)
    sent = span(
        trace,
        parent=parent,
        error="no",
        attributes={
            "s": "é",
            "b": True,
            "i": -(2**63),
            "d": 1.5,
            "list": [1, "a", [None]],
            "object": {"traceId": "not an id"},
            "bytes": b"\x00\x01",
        },
    )
    sent.events.add(name="e", time_unix_nano=2**63).attributes.extend(key_values({"a": 1}))
    sent.links.add(trace_id=trace, span_id=parent.span_id)
    return ExportTraceServiceRequest.FromString(traces([parent, sent], {"service.name": "svc"}))


def test_traces_in_json_are_the_same_as_in_protobuf() -> None:
    request = one_of_everything()
    body = json.dumps(as_json(request)).encode()
    assert ExportTraceServiceRequest.FromString(to_protobuf("traces", body)) == request


def test_logs_in_json_are_the_same_as_in_protobuf() -> None:
    record = event("session.start", "s", sojourn__session__tags=["a"])
    record.trace_id, record.span_id = trace_id(), b"12345678"
    request = ExportLogsServiceRequest.FromString(logs([record]))
    body = json.dumps(as_json(request)).encode()
    assert ExportLogsServiceRequest.FromString(to_protobuf("logs", body)) == request


@pytest.mark.parametrize(
    ("told", "number"),
    [(2, 2), ("2", 2), ("STATUS_CODE_ERROR", 2), ("ERROR", 2), ("error", 2), ("OK", 1), ("UNSET", 0)],
)
def test_a_status_may_be_a_number_or_a_name(told: Any, number: int) -> None:
    assert _only_span({"status": {"code": told}}).status.code == number


@pytest.mark.parametrize(("told", "number"), [(3, 3), ("SPAN_KIND_CLIENT", 3), ("CLIENT", 3), ("client", 3)])
def test_a_kind_may_be_a_number_or_a_name(told: Any, number: int) -> None:
    assert _only_span({"kind": told}).kind == number


@pytest.mark.parametrize("told", [5, "5", 5.0])
def test_a_number_may_be_text(told: Any) -> None:
    sent = _only_span({"startTimeUnixNano": told, "attributes": [{"key": "n", "value": {"intValue": told}}]})
    assert (sent.start_time_unix_nano, sent.attributes[0].value.int_value) == (5, 5)


def test_ids_may_be_in_capitals_and_names_in_snake_case_and_unknown_fields_are_left_out() -> None:
    body = {"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": "AB" * 16, "span_id": "CD" * 8, "new": 1}]}]}]}
    request = ExportTraceServiceRequest.FromString(to_protobuf("traces", json.dumps(body).encode()))
    assert request.resource_spans[0].scope_spans[0].spans[0].trace_id == b"\xab" * 16


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "`resourceSpans`"),
        (b"{}", "`resourceSpans`"),
        (b'{"resourceSpans": {}}', "`resourceSpans`"),
        (b'{"resourceSpans": [1]}', "OTLP traces"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": -1}]}]}]}', "OTLP traces"),
        (
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}',
            r"resourceSpans\[0\].scopeSpans\[0\].spans\[0\].traceId",
        ),
        (b'{"resourceSpans": [' + b'{"a":' * 95 + b"1" + b"}" * 95 + b"]}", "nested"),
    ],
)
def test_what_is_no_otlp_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        to_protobuf("traces", body)


def _only_span(told: dict[str, Any]) -> Any:
    whole = {"traceId": "ab" * 16, "spanId": "cd" * 8, **told}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [whole]}]}]}).encode()
    request = ExportTraceServiceRequest.FromString(to_protobuf("traces", body))
    return request.resource_spans[0].scope_spans[0].spans[0]
