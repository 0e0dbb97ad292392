"""What was acknowledged is what is shown, for any request that can be made; and no bytes at all make a 500."""

from __future__ import annotations

import base64
import math
import os
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from sojourn_gateway.engine.values import listed
from sojourn_gateway.model.trace import TracesAsk
from tests.gateway.sender import key_values, span, trace_id
from tests.gateway.serving import PROTOBUF

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hypothesis.strategies import SearchStrategy

    from sojourn_gateway.model.span import Json
    from tests.gateway.serving import Served

_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
QUICK = settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=_CHECKS)
LONG = settings(max_examples=400, deadline=None, derandomize=False, suppress_health_check=_CHECKS)

KNOWN = (
    "session.id",
    "user.id",
    "gen_ai.operation.name",
    "gen_ai.request.model",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.cost",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.prompt.0.content",
    "gen_ai.prompt.0.role",
    "llm.input_messages.0.message.content",
    "input.value",
    "output.value",
    "ai.prompt.messages",
    "sojourn.pending",
    "sojourn.kind",
    "agentmark.metadata.session_id",
    "mlflow.spanInputs",
    "langsmith.metadata.thread_id",
    "graph.node.id",
    "graph.node.parent_ids",
)
"""Keys that the mapping looks at, with whatever value."""

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        ["'; drop table spans; --", "\x00\x1b[31m\n", "{x:String}", "", "null", "[", '{"a": [', '[{"role": 1}]']
    ),
    st.sampled_from(['{"messages": {"role": []}}', "1e999", "-1", "NaN", "18446744073709551616", "[" * 300]),
)
NUMBERS = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**63, 2**64 - 1, 1_790_000_000_000_000_000])


def any_values() -> SearchStrategy[AnyValue]:
    """Every kind of value, nested."""
    plain = st.one_of(
        st.builds(AnyValue),
        st.builds(AnyValue, string_value=TEXTS),
        st.builds(AnyValue, bool_value=st.booleans()),
        st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
        st.builds(AnyValue, double_value=st.floats()),
        st.builds(AnyValue, bytes_value=st.binary(max_size=30)),
    )
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=4))),
            st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=attributes(inner, max_size=4))),
        ),
        max_leaves=8,
    )


def attributes(values: SearchStrategy[AnyValue], max_size: int = 8) -> SearchStrategy[list[KeyValue]]:
    """Attributes, no key twice."""
    pairs = st.builds(KeyValue, key=st.one_of(TEXTS, st.sampled_from(KNOWN)), value=values)
    return st.lists(pairs, max_size=max_size, unique_by=lambda pair: pair.key)


def spans() -> SearchStrategy[Span]:
    """Spans without their trace."""
    values = any_values()
    return st.builds(
        Span,
        parent_span_id=st.binary(max_size=9),
        name=TEXTS,
        kind=st.sampled_from([0, 1, 2, 3, 4, 5]),
        start_time_unix_nano=NUMBERS,
        end_time_unix_nano=NUMBERS,
        attributes=attributes(values),
        events=st.lists(
            st.builds(Span.Event, time_unix_nano=NUMBERS, name=TEXTS, attributes=attributes(values, 3)), max_size=3
        ),
        links=st.lists(
            st.builds(
                Span.Link,
                trace_id=st.binary(max_size=16),
                span_id=st.binary(max_size=8),
                trace_state=TEXTS,
                attributes=attributes(values, 2),
                flags=st.integers(0, 2**32 - 1),
            ),
            max_size=2,
        ),
        status=st.builds(Status, code=st.sampled_from([0, 1, 2]), message=TEXTS),
        trace_state=TEXTS,
        flags=st.integers(0, 2**32 - 1),
        dropped_attributes_count=st.integers(0, 2**32 - 1),
    )


def requests() -> SearchStrategy[list[ResourceSpans]]:
    """Requests of some resources, scopes and spans."""
    scope = st.builds(InstrumentationScope, name=TEXTS, version=TEXTS, attributes=attributes(any_values(), 2))
    return st.lists(
        st.builds(
            ResourceSpans,
            resource=st.builds(Resource, attributes=attributes(any_values(), 4)),
            scope_spans=st.lists(
                st.builds(ScopeSpans, scope=scope, spans=st.lists(spans(), min_size=1, max_size=4)), max_size=2
            ),
        ),
        min_size=1,
        max_size=3,
    )


def said(value: AnyValue) -> Json:
    """A value as `/v1` shows it."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            number = value.double_value
            if math.isfinite(number):
                return number
            return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "array_value":
            return [said(one) for one in value.array_value.values]
        case "kvlist_value":
            return as_object(value.kvlist_value.values)
        case _:
            return None


def as_object(pairs: Iterable[KeyValue]) -> dict[str, Json]:
    return {pair.key: said(pair.value) for pair in pairs}


def typed(value: Any) -> Any:
    """A value that equals another only when the types are the same, all the way down: 1, 1.0 and true are three."""
    if isinstance(value, list):
        return [typed(one) for one in listed(value)]
    if isinstance(value, dict):
        return {key: typed(one) for key, one in cast("dict[str, Any]", value).items()}
    return type(value).__name__, value


def check_exactness(gateway: Served, request: list[ResourceSpans]) -> None:
    sent: dict[tuple[str, str], tuple[Span, ResourceSpans]] = {}
    for by_resource in request:
        for by_scope in by_resource.scope_spans:
            trace = trace_id()
            for one in by_scope.spans:
                one.trace_id, one.span_id = trace, os.urandom(8)
                sent[trace.hex(), one.span_id.hex()] = one, by_resource

    answer = gateway.send(ExportTraceServiceRequest(resource_spans=request).SerializeToString())

    assert answer.status_code == 200, answer.text
    assert ExportTraceServiceResponse.FromString(answer.content) == ExportTraceServiceResponse()
    assert gateway.engine.settle(60)
    for trace_hex in {trace_hex for trace_hex, _ in sent}:
        shown = {one["id"]: one for one in gateway.data(f"/v1/traces/{trace_hex}")["spans"]}
        read = gateway.services.queries.trace(gateway.project, trace_hex)
        assert read is not None
        kept = {one.span_id: one for one in read.spans}
        assert shown.keys() == kept.keys() == {span_hex for trace, span_hex in sent if trace == trace_hex}
        for span_hex, found in shown.items():
            told, by_resource = sent[trace_hex, span_hex]
            own = kept[span_hex]
            assert typed(found["attributes"]) == typed(as_object(told.attributes))
            assert [(one["name"], typed(one["attributes"])) for one in found["events"]] == [
                (one.name, typed(as_object(one.attributes))) for one in told.events
            ]
            assert [(one["trace_id"], one["span_id"], typed(one["attributes"])) for one in found["links"]] == [
                (one.trace_id.hex(), one.span_id.hex(), typed(as_object(one.attributes))) for one in told.links
            ]
            assert [one.time_ns for one in own.events] == [one.time_unix_nano for one in told.events]
            assert (found["name"], found["status"], found["status_message"], found["span_kind"]) == (
                told.name,
                ("UNSET", "OK", "ERROR")[told.status.code],
                told.status.message,
                str(told.kind),
            )
            pending = told.end_time_unix_nano == 0 or as_object(told.attributes).get("sojourn.pending") is True
            assert (own.start_ns, own.end_ns) == (
                told.start_time_unix_nano,
                None if pending else told.end_time_unix_nano,
            )
            assert typed(dict(own.resource)) == typed(as_object(by_resource.resource.attributes))


@QUICK
@given(request=requests())
def test_what_was_acknowledged_is_shown_as_it_was_sent(gateway: Served, request: list[ResourceSpans]) -> None:
    check_exactness(gateway, request)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@LONG
@given(request=requests())
def test_what_was_acknowledged_is_shown_as_it_was_sent_for_long(gateway: Served, request: list[ResourceSpans]) -> None:
    check_exactness(gateway, request)


SEED = ExportTraceServiceRequest(
    resource_spans=[
        ResourceSpans(
            resource=Resource(attributes=key_values({"service.name": "shop", "session.id": "s"})),
            scope_spans=[
                ScopeSpans(
                    scope=InstrumentationScope(name="scope"),
                    spans=[
                        span(b"t" * 16, span_id=b"s" * 8, attributes={"a": 1, "b": [1.5, {"k": "v"}], "c": b"\xff"})
                    ],
                )
            ],
        )
    ]
).SerializeToString()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good request with bytes changed, cut, doubled or put in."""
    body = bytearray(SEED)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(body) - 1, 0)))
        match draw(st.sampled_from(["change", "cut", "insert", "double", "end"])):
            case "change":
                body[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del body[at : at + draw(st.integers(1, 8))]
            case "insert":
                body[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "double":
                body[at:at] = body[at : at + draw(st.integers(1, 40))]
            case _:
                del body[max(at, 1) :]
    return bytes(body)


BODIES = st.one_of(st.binary(max_size=200), mutated())
WAYS = st.tuples(
    st.sampled_from(["traces", "logs", "metrics"]),
    st.sampled_from([PROTOBUF, "application/json"]),
    st.sampled_from(["", "gzip", "deflate", "zstd"]),
)


def check_answer(gateway: Served, bodies: list[bytes], ways: list[tuple[str, str, str]]) -> None:
    for body, (signal, content_type, encoding) in zip(bodies, ways, strict=False):
        headers = {"Content_Encoding": encoding} if encoding else {}
        answer = gateway.send(body, signal=signal, content_type=content_type, **headers)
        assert answer.status_code in (200, 400, 413, 415), (body, signal, content_type, encoding, answer.text)
    assert gateway.engine.settle(60)
    for path in ("/v1/sessions", "/v1/traces", "/v1/spans", "/"):
        assert gateway.get(path).status_code == 200
    for told in gateway.services.queries.traces(gateway.project, TracesAsk(limit=5)).items:
        assert gateway.get(f"/v1/traces/{told.id}").status_code == 200


@QUICK
@given(
    bodies=st.lists(mutated(), min_size=10, max_size=10),
    others=st.lists(BODIES, min_size=10, max_size=10),
    ways=st.lists(WAYS, min_size=10, max_size=10),
)
def test_no_bytes_make_more_than_a_refusal(
    gateway: Served, bodies: list[bytes], others: list[bytes], ways: list[tuple[str, str, str]]
) -> None:
    check_answer(gateway, [*bodies, *others], [("traces", PROTOBUF, "")] * 10 + ways)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@LONG
@given(
    bodies=st.lists(mutated(), min_size=20, max_size=20),
    others=st.lists(BODIES, min_size=20, max_size=20),
    ways=st.lists(WAYS, min_size=20, max_size=20),
)
def test_no_bytes_make_more_than_a_refusal_for_long(
    gateway: Served, bodies: list[bytes], others: list[bytes], ways: list[tuple[str, str, str]]
) -> None:
    check_answer(gateway, [*bodies, *others], [("traces", PROTOBUF, "")] * 20 + ways)
