"""What AgentMark's TypeScript SDK says in headers of where its spans come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sojourn_gateway.ingest.told_beside import tell_beside
from tests.gateway.sender import span, trace_id, traces

if TYPE_CHECKING:
    from tests.gateway.serving import Served

JSON = """{"resourceSpans": [{"resource": {"attributes": [
    {"key": "service.name", "value": {"stringValue": "agentmark-client"}}]}, "scopeSpans": [{"spans": [
    {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "greet",
     "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000"}]}]}]}"""


def test_the_environment_of_a_header_is_metadata_and_is_found_by(gateway: Served) -> None:
    elsewhere = traces([span(trace_id(), "other")])
    assert gateway.send(JSON.encode(), content_type="application/json", X_Agentmark_Environment="staging").is_success
    assert gateway.send(elsewhere, X_Agentmark_Environment="production").is_success
    assert gateway.send(traces([span(trace_id(), "none")])).is_success

    found = gateway.data("/v1/traces", filter="metadata.environment = staging")

    assert [one["name"] for one in found] == ["greet"]
    (told,) = gateway.data("/v1/spans", filter="metadata.environment = staging")
    whole = gateway.data(f"/v1/traces/{told['trace_id']}/spans/{told['id']}")
    assert whole["metadata"] == {"environment": "staging"}


def test_a_pull_request_has_an_environment_of_its_own(gateway: Served) -> None:
    body = traces([span(trace_id(), "greet")])
    assert gateway.send(body, X_Agentmark_Environment="staging", X_Agentmark_Pr_Number="1234").is_success

    (found,) = gateway.data("/v1/spans", filter="metadata.pr_number = 1234")

    whole = gateway.data(f"/v1/traces/{found['trace_id']}/spans/{found['id']}")
    assert whole["metadata"] == {"environment": "pr-1234", "pr_number": "1234"}


@pytest.mark.parametrize("number", ["", "many", "-1", "1" * 30])
def test_no_span_is_refused_for_a_number_that_is_none(gateway: Served, number: str) -> None:
    assert gateway.send(traces([span(trace_id(), "greet")]), X_Agentmark_Pr_Number=number).is_success

    (found,) = gateway.data("/v1/spans")

    assert gateway.data(f"/v1/traces/{found['trace_id']}/spans/{found['id']}")["metadata"] == {}


def test_what_a_resource_says_itself_it_goes_on_saying() -> None:
    body = traces([span(trace_id(), "one")], {"deployment.environment.name": "its own"}) + traces(
        [span(trace_id(), "two")]
    )

    told = ExportTraceServiceRequest.FromString(
        tell_beside(body, {"deployment.environment.name": "a header's", "more": "x"})
    )

    said = [{pair.key: pair.value.string_value for pair in one.resource.attributes} for one in told.resource_spans]
    assert said == [
        {"deployment.environment.name": "its own", "more": "x"},
        {"deployment.environment.name": "a header's", "more": "x"},
    ]
    assert [one.scope_spans[0].spans[0].name for one in told.resource_spans] == ["one", "two"]


def test_a_request_that_cannot_be_read_stays_as_it_is() -> None:
    assert tell_beside(b"\x0a\x05no", {"a": "b"}) == b"\x0a\x05no"


def test_a_body_that_is_none_is_refused_as_it_is_without_a_header(gateway: Served) -> None:
    assert gateway.send(b"\x12\x00").status_code == 400
    assert gateway.send(b"\x12\x00", X_Agentmark_Environment="staging").status_code == 400


def test_a_request_of_so_many_resources_that_a_header_would_swell_it_is_too_large(gateway: Served) -> None:
    empty = b"\x0a\x00" * 100_000
    assert gateway.send(empty).is_success
    answer = gateway.send(empty, X_Agentmark_Environment="e" * 256)
    assert answer.status_code == 413
    assert b"the request holds 100000 resources: send it in parts" in answer.content
