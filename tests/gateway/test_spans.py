"""What is sent comes back: every kind of attribute, ids, times, status, events, resource and scope."""

from __future__ import annotations

import base64
import gc
import tracemalloc
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sojourn.steps import SHAPES
from sojourn_gateway.engine.values import attributes_of
from sojourn_gateway.model.faults import Malformed
from sojourn_gateway.model.span import SpanEvent
from tests.gateway.sender import T0, key_values, span, trace_id, traces, usage

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from sojourn_gateway.model.span import Span as KeptSpan
    from tests.gateway.sender import Store


def kept(store: Store, sent: Span) -> KeptSpan:
    found = store.queries.span(store.project, sent.trace_id.hex(), sent.span_id.hex())
    assert found is not None
    return found


@pytest.mark.parametrize("name", sorted(name for name in SHAPES if name))
def test_every_kind_of_step_that_the_sdk_writes_is_known(store: Store, name: str) -> None:
    sent = span(trace_id(), attributes=dict(SHAPES[name].attributes))
    store.send(sent)
    assert kept(store, sent).step != "other"


def test_attributes_of_every_type_come_back_as_they_were(store: Store) -> None:
    told: dict[str, Any] = {
        "text": "héllo 'quoted' \n;--",
        "empty": "",
        "yes": True,
        "no": False,
        "zero": 0,
        "least": -(2**63),
        "most": 2**63 - 1,
        "beyond doubles": 2**53 + 1,
        "half": 0.5,
        "tiny": 5e-324,
        "whole": 3.0,
        "list": ["a", 1, 2.5, False, ["nested", {"deep": None}]],
        "empty list": [],
        "object": {"a": {"b": [1]}, "c": "d"},
        "empty object": {},
        "none": None,
        "key 'with' \"quotes\"; \\ and \n": "value",
        "emoji 🦊": "🦊",
    }
    sent = span(trace_id(), attributes=told)
    store.send(sent)
    assert kept(store, sent).attributes == told


def test_long_names_of_attributes_are_not_held_on_to() -> None:
    size, number = 100_000, 50
    tracemalloc.start()
    try:
        names = (str(one) * size for one in range(number))
        assert all(attributes_of({name.encode(): b"v"}, {}, {}, {}, {}) == {name: "v"} for name in names)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < number * size / 2


def test_bytes_and_numbers_that_json_lacks_become_text(store: Store) -> None:
    sent = span(
        trace_id(), attributes={"bytes": b"\x00\xff", "nan": float("nan"), "inf": float("inf"), "-inf": -float("inf")}
    )
    store.send(sent)
    assert kept(store, sent).attributes == {
        "bytes": base64.b64encode(b"\x00\xff").decode(),
        "nan": "NaN",
        "inf": "Infinity",
        "-inf": "-Infinity",
    }


def test_a_whole_span_comes_back(store: Store) -> None:
    trace = trace_id()
    root = span(trace, "root", attributes={"session.id": "s"})
    sent = span(
        trace,
        "chat gpt-4o-mini",
        parent=root,
        at_s=0.25,
        lasts_s=0.5,
        error="boom",
        attributes={
            **usage(
                1000,
                100,
                **{"gen_ai.usage.cache_read.input_tokens": 200, "gen_ai.usage.reasoning.output_tokens": 40},
            ),
            "gen_ai.response.finish_reasons": ["stop", "length"],
            "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
            "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"ho"}]}]',
            "gen_ai.system_instructions": '[{"type":"text","content":"be brief"}]',
            "user.id": "u",
            "error.type": "TimeoutError",
        },
    )
    event = sent.events.add(name="exception", time_unix_nano=T0 + 7)
    event.attributes.extend(key_values({"exception.type": "TimeoutError", "n": 3}))
    store.send(root, sent, resource={"service.name": "svc", "process.pid": 7, "host.name": "h"})

    found = kept(store, sent)

    assert found.trace_id == trace.hex()
    assert found.span_id == sent.span_id.hex()
    assert found.parent_id == root.span_id.hex()
    assert found.session_id == "s"
    assert (found.name, found.kind, found.step, found.operation) == ("chat gpt-4o-mini", 1, "model", "chat")
    assert (found.start_ns, found.end_ns) == (sent.start_time_unix_nano, sent.end_time_unix_nano)
    assert (found.status, found.status_message, found.error_type) == ("error", "boom", "TimeoutError")
    assert (found.provider, found.model) == ("openai", "gpt-4o-mini-2024-07-18")
    assert (found.tokens.input, found.tokens.output) == (1000, 100)
    assert (found.tokens.cache_read, found.tokens.reasoning) == (200, 40)
    assert found.cost == Decimal("0.000195")
    assert found.cost_source == "priced"
    assert (found.user_id, found.service) == ("u", "svc")
    assert found.finish_reasons == ("stop", "length")
    assert found.input == '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]'
    assert found.output == '[{"role":"assistant","parts":[{"type":"text","content":"ho"}]}]'
    assert found.system == '[{"type":"text","content":"be brief"}]'
    assert found.resource == {"service.name": "svc", "process.pid": 7, "host.name": "h"}
    assert found.events == (SpanEvent("exception", T0 + 7, {"exception.type": "TimeoutError", "n": 3}),)


def test_text_that_is_no_utf8_is_marked_and_costs_nothing_else(store: Store) -> None:
    sent = span(trace_id(), "good", attributes={"a": "XYZ", "b": "kept"})
    body = traces([sent]).replace(b"XYZ", b"X\xffZ")
    assert store.post("traces", body).accepted == 1
    assert kept(store, sent).attributes == {"a": "X\ufffdZ", "b": "kept"}


def test_unknown_fields_and_empty_requests_are_taken(store: Store) -> None:
    assert store.post("traces", b"").accepted == 0
    sent = span(trace_id())
    request = ExportTraceServiceRequest.FromString(traces([sent]))
    # Field 100 of the request, of a later version of OTLP.
    assert store.post("traces", request.SerializeToString() + b"\xa2\x06\x01x").accepted == 1
    assert kept(store, sent).name == "step"


@pytest.mark.parametrize("body", [b"not protobuf", b"\x0a\xff", b'{"resourceSpans": []}', b"\x08\x05"])
def test_a_body_that_is_no_request_is_malformed(store: Store, body: bytes) -> None:
    with pytest.raises(Malformed, match="OTLP"):
        store.post("traces", body)


def test_a_span_without_a_valid_id_is_refused_with_the_reason_and_its_neighbours_are_kept(store: Store) -> None:
    good = span(trace_id())
    receipt = store.send(
        span(b"short"),
        span(bytes(16)),
        good,
        span(trace_id(), span_id=b"123"),
        span(b"much longer than sixteen bytes"),
    )
    assert receipt.accepted == 1
    assert {reason: count for count, reason in receipt.rejected} == {
        "a trace id has 5 bytes, not 16": 1,
        "a trace id is all zeros": 1,
        "a span id has 3 bytes, not 8": 1,
        "a trace id has 30 bytes, not 16": 1,
    }
    assert kept(store, good).name == "step"


@pytest.mark.parametrize(("start", "end"), [(0, 1), (1, 2**64 - 1), (2**64 - 2, 2**64 - 1), (T0, T0 - 1)])
def test_times_out_of_the_ordinary_are_kept(store: Store, start: int, end: int) -> None:
    sent = span(trace_id(), attributes={"session.id": "odd times"})
    sent.start_time_unix_nano, sent.end_time_unix_nano = start, end
    store.send(sent)
    found = kept(store, sent)
    assert (found.start_ns, found.end_ns) == (start, end)
    assert [one.id for one in store.list()] == ["odd times"]


@pytest.mark.parametrize("value", [-5, 2**62, "many", "17", 17.0, True, None, [1]])
def test_token_counts_that_are_no_counts_do_not_break_sums(store: Store, value: Any) -> None:
    attributes = {**usage(), "gen_ai.usage.input_tokens": value, "session.id": "s"}
    store.send(span(trace_id(), attributes=attributes))
    expected = 17 if value in ("17", 17.0) else 10**12 if value == 2**62 else 0
    assert store.session("s").summary.tokens.input == expected


def test_many_attributes_and_many_events_are_kept(store: Store) -> None:
    sent = span(trace_id(), attributes={f"k{n}": n for n in range(4000)})
    for n in range(1000):
        sent.events.add(name=f"e{n}", time_unix_nano=T0 + n)
    store.send(sent)
    found = kept(store, sent)
    assert len(found.attributes) == 4000
    assert [event.name for event in found.events[:2]] == ["e0", "e1"]
    assert len(found.events) == 1000


def test_old_spellings_are_understood(store: Store) -> None:
    attributes = {
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.prompt_tokens": 30,
        "gen_ai.usage.completion_tokens": 4,
        "gen_ai.usage.cache_creation.input_tokens": 5,
        "gen_ai.conversation.id": "the conversation",
    }
    sent = span(trace_id(), attributes=attributes)
    store.send(sent)
    found = kept(store, sent)
    assert (found.provider, found.step, found.session_id) == ("openai", "model", "the conversation")
    assert (found.tokens.input, found.tokens.output, found.tokens.cache_write) == (30, 4, 5)


@pytest.mark.parametrize(
    ("attributes", "step"),
    [
        ({"gen_ai.operation.name": "embeddings"}, "embedding"),
        ({"gen_ai.operation.name": "execute_tool"}, "tool"),
        ({"gen_ai.operation.name": "invoke_agent"}, "agent"),
        ({"gen_ai.operation.name": "retrieval"}, "retrieval"),
        ({"sojourn.kind": "chain"}, "chain"),
        ({"sojourn.kind": "action"}, "action"),
        ({"sojourn.kind": "operation"}, "task"),
        ({"sojourn.kind": "unheard of"}, "other"),
        ({}, "other"),
    ],
)
def test_steps_are_named(store: Store, attributes: dict[str, Any], step: str) -> None:
    sent = span(trace_id(), attributes=attributes)
    store.send(sent)
    assert kept(store, sent).step == step


@pytest.mark.parametrize("ids", [("zz", "00"), ("00" * 16, "00" * 8), ("", ""), ("é", "é")])
def test_ids_that_are_not_there_answer_none(store: Store, ids: tuple[str, str]) -> None:
    assert store.queries.span(store.project, *ids) is None
    assert store.queries.trace(store.project, ids[0]) is None
    assert store.queries.session(store.project, ids[0]) is None


def test_another_project_sees_nothing(store: Store) -> None:
    sent = span(trace_id(), attributes={"session.id": "mine"})
    store.send(sent)
    assert store.queries.session("somebody else", "mine") is None
    assert store.queries.trace("somebody else", sent.trace_id.hex()) is None
