"""Whatever comes in: a clear answer, and the next request is served as if nothing had been."""

from __future__ import annotations

import gzip
import http.client
import json
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sojourn import semconv
from sojourn_gateway.engine.values import TOO_DEEP
from sojourn_gateway.ingest.limits import LARGEST_RESOURCE, LONGEST_NAME, LONGEST_VALUE, MOST_ATTRIBUTES, MOST_EVENTS
from tests.gateway.sender import T0, event, key_values, logs, span, trace_id, traces
from tests.gateway.serving import PROTOBUF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gateway.serving import Served

JSON = "application/json"
HOSTILE = [
    "'; drop table sojourn.spans; --",
    '"quoted" \\back\\slash',
    "{project:String} %s %(x)s ${x}",
    "nul\x00 bell\x07 escape\x1b[31m new\nline\ttab",
    "\u202eright to left \ufeff\u2028",
    "<script>alert(1)</script>",
    "..\\../../etc/passwd",
    "",
    " ",
    "`]])}} :=",
    "🜂 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 한국어",
    "k" * 2000,
]


def partial(answer: Any) -> tuple[int, str]:
    """What an answer says of spans that were not kept, or not wholly."""
    assert answer.status_code == 200, answer.text
    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    return told.rejected_spans, told.error_message


def kept(gateway: Served, *spans: Span, resource: dict[str, Any] | None = None) -> tuple[int, str]:
    """Send spans; what the answer says of them."""
    return partial(gateway.send(traces(spans, resource)))


def shown(gateway: Served, trace: bytes) -> list[dict[str, Any]]:
    """The spans of a trace as `/v1` shows them."""
    assert gateway.engine.settle(60)
    found: list[dict[str, Any]] = gateway.data(f"/v1/traces/{trace.hex()}")["spans"]
    return found


@pytest.fixture
def serves_on(gateway: Served) -> Iterator[Served]:
    """A gateway that must take in, and show, a good span behind whatever the test did."""
    yield gateway
    good = trace_id()
    assert kept(gateway, span(good, "good")) == (0, "")
    assert [one["name"] for one in shown(gateway, good)] == ["good"]
    for path in ("/v1/sessions", "/v1/spans"):
        assert gateway.get(path, limit=100).status_code == 200


def test_bodies_that_are_none_are_answered_400_each_in_its_notation(serves_on: Served) -> None:
    good = traces([span(trace_id())] * 3)
    for body in (good[:-1], good[: len(good) // 2], b"\xff" * 100, good + b"tail", b"\x00", b"\x08\x05", b"text"):
        answer = serves_on.send(body)
        assert (answer.status_code, answer.headers["content-type"]) == (400, PROTOBUF), body[:20]
        assert b"OTLP" in answer.content
        answer = serves_on.send(body, content_type=JSON)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_otlp_payload")


def test_requests_that_hold_nothing_are_accepted(serves_on: Served) -> None:
    resource_only = ExportTraceServiceRequest()
    resource_only.resource_spans.add().resource.attributes.extend(key_values({"service.name": "idle"}))
    for body in (b"", resource_only.SerializeToString(), traces([])):
        assert partial(serves_on.send(body)) == (0, "")
    assert serves_on.send(b'{"resourceSpans": []}', content_type=JSON).json()["partialSuccess"] == {}
    assert serves_on.send(b"", content_type=JSON).status_code == 400


def test_fields_of_a_newer_version_are_passed_over_and_none_of_ours_can_be_sent(serves_on: Served) -> None:
    """Fields from 16 on beside a resource are ours: a sender that writes them must not reach another project."""
    trace = trace_id()
    request = ExportTraceServiceRequest.FromString(traces([span(trace, "new", attributes={"a": 1})]))
    newer = b"\xfa\x07\x03new"  # field 127
    ours = b"\x82\x01\x07another" + b"\x88\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + b"\xa2\x01\x07foreign"
    by_resource = request.resource_spans[0].SerializeToString()
    for extra in (newer, ours):
        item = by_resource + extra
        assert partial(serves_on.send(b"\x0a" + varint(len(item)) + item + newer)) == (0, "")
        (found,) = shown(serves_on, trace)
        assert (found["name"], found["attributes"], found["session_id"]) == ("new", {"a": 1}, None)
    assert serves_on.services.queries.trace("another", trace.hex()) is None


def test_ids_of_wrong_length_cost_their_span_alone(serves_on: Served) -> None:
    good = trace_id()
    bad = {
        (b"t" * 15, b"s" * 8): "a trace id has 15 bytes, not 16",
        (b"t" * 17, b"s" * 8): "a trace id has 17 bytes, not 16",
        (b"", b"s" * 8): "a trace id has 0 bytes, not 16",
        (bytes(16), b"s" * 8): "a trace id is all zeros",
        (b"t" * 16, b"s" * 7): "a span id has 7 bytes, not 8",
        (b"t" * 16, bytes(8)): "a span id is all zeros",
    }
    spans = [Span(trace_id=trace, span_id=identity, name="bad") for trace, identity in bad]

    refused, words = kept(serves_on, *spans, span(good, "good"))

    assert (refused, words.split("; ")) == (len(bad), [f"1: {reason}" for reason in bad.values()])
    assert [one["name"] for one in shown(serves_on, good)] == ["good"]


def test_a_parent_id_of_wrong_length_and_broken_links_are_no_reason_to_refuse(serves_on: Served) -> None:
    trace = trace_id()
    odd = span(trace, "odd", parent=b"123")
    odd.links.add(trace_id=b"short", span_id=b"")

    assert kept(serves_on, odd, span(trace, "long", parent=b"1" * 30)) == (0, "")
    assert {one["name"] for one in shown(serves_on, trace)} == {"odd", "long"}


def test_ten_thousand_attributes_are_cut_to_the_limit_and_marked(serves_on: Served) -> None:
    trace = trace_id()
    wide = span(trace, attributes={f"key.{number:05}": number for number in range(10_000)})
    wide.dropped_attributes_count = 5

    refused, words = kept(serves_on, wide, span(trace, "neighbour"))

    lost = 10_000 - MOST_ATTRIBUTES
    assert (refused, words) == (0, f"1 kept in part: left out or cut: {lost} attributes")
    (found,) = (one for one in shown(serves_on, trace) if one["name"] != "neighbour")
    assert found["attributes"][semconv.TRUNCATED] == f"left out or cut: {lost} attributes"
    assert len(found["attributes"]) == MOST_ATTRIBUTES + 1
    assert found["attributes"]["key.04095"] == 4095
    (row,) = serves_on.engine.rows(
        "select lost_attributes from sojourn.spans where trace_id = toFixedString(unhex({trace:String}), 16) "
        "and lost_attributes > 0",
        {"trace": trace.hex()},
    )
    assert row == (lost + 5,)


def test_too_many_events_too_long_names_and_texts_are_cut_and_marked(serves_on: Served) -> None:
    trace = trace_id()
    many = span(trace, "é" * LONGEST_NAME)
    many.events.extend(Span.Event(name="e", time_unix_nano=T0) for _ in range(MOST_EVENTS + 3))
    long = span(trace, "long", attributes={"text": "é" * LONGEST_VALUE, "n" * 10_000: 1, "short": "s"})
    long.attributes.append(
        KeyValue(
            key="list", value=AnyValue(array_value=ArrayValue(values=[AnyValue(bytes_value=b"x" * LONGEST_VALUE)]))
        )
    )

    refused, words = kept(serves_on, many, long)

    assert refused == 0
    assert "3 events" in words
    first, second = sorted(shown(serves_on, trace), key=lambda one: len(one["name"]))
    assert first["attributes"]["text"] == "é" * (LONGEST_VALUE // 2)
    assert first["attributes"]["short"] == "s"
    assert first["attributes"][semconv.TRUNCATED] == (
        "left out or cut: 1 long texts, 1 attributes with a long name, 1 long lists or objects"
    )
    assert second["name"] == "é" * (LONGEST_NAME // 2)
    assert len(second["events"]) == MOST_EVENTS
    assert second["attributes"][semconv.TRUNCATED] == "left out or cut: 1 the name of the span, 3 events"


def test_an_event_or_link_beyond_the_limit_is_left_out_whole_and_counted(serves_on: Served) -> None:
    trace = trace_id()
    sent = span(trace)
    large, small = key_values({"text": "x" * LONGEST_VALUE}), key_values({"text": "y"})
    for attributes in (large, small):
        sent.events.add(name="e", time_unix_nano=T0).attributes.extend(attributes)
        sent.links.add(trace_id=trace_id(), span_id=b"linked-1").attributes.extend(attributes)

    refused, words = kept(serves_on, sent)

    assert refused == 0
    assert "left out or cut: 1 events, 1 links" in words
    (found,) = shown(serves_on, trace)
    assert [one["attributes"] for one in found["events"]] == [{"text": "y"}]
    assert len(found["links"]) == 1
    rows = serves_on.engine.rows(
        "select lost_events, lost_links from sojourn.spans where trace_id = unhex({trace:String})",
        {"trace": trace.hex()},
    )
    assert list(rows) == [(1, 1)]


def test_a_log_line_beyond_the_limits_is_cut_and_marked(serves_on: Served) -> None:
    record = event("", "s-long")
    record.attributes.extend(key_values({f"a{number}": number for number in range(MOST_ATTRIBUTES + 1)}))
    record.body.string_value = "y" * (LONGEST_VALUE + 1)

    assert serves_on.send(logs([record]), signal="logs").status_code == 200

    assert serves_on.engine.settle(60)
    (line,) = serves_on.data("/v1/sessions/s-long/logs")
    assert line["message"] == "y" * LONGEST_VALUE
    assert line["attributes"][semconv.TRUNCATED] == "left out or cut: 3 attributes, 1 the body"


def test_a_resource_beyond_the_limit_costs_its_own_spans(serves_on: Served) -> None:
    good = trace_id()
    bad = traces([span(trace_id()), span(trace_id())], {"a": "x" * LARGEST_RESOURCE})

    refused, words = partial(serves_on.send(bad + traces([span(good)])))

    assert (refused, words) == (2, "2: a resource is larger than 1024 KiB")
    assert len(shown(serves_on, good)) == 1


def test_lists_and_objects_of_a_thousand_levels_are_shown_in_part_and_say_so(serves_on: Served) -> None:
    deep: bytes = AnyValue(string_value="bottom").SerializeToString()
    for level in range(1000):
        # A list of one, an object of one, by turns; written by hand, since the library refuses such depth.
        inner = b"\x0a" + varint(len(deep)) + deep
        if level % 2:
            pair = b"\x0a\x01k\x12" + varint(len(deep)) + deep
            inner = b"\x0a" + varint(len(pair)) + pair
        deep = (b"\x32" if level % 2 else b"\x2a") + varint(len(inner)) + inner
    trace = trace_id()
    pair = b"\x0a\x04deep\x12" + varint(len(deep)) + deep
    field = b"\x4a" + varint(len(pair)) + pair
    an_event = Span.Event(name="e", time_unix_nano=T0).SerializeToString() + b"\x1a" + varint(len(pair)) + pair
    told = span(trace, "deep").SerializeToString() + field + b"\x5a" + varint(len(an_event)) + an_event
    scope = b"\x12" + varint(len(told)) + told
    resource = b"\x0a" + varint(len(pair)) + pair
    by_resource = b"\x0a" + varint(len(resource)) + resource + b"\x12" + varint(len(scope)) + scope

    assert partial(serves_on.send(b"\x0a" + varint(len(by_resource)) + by_resource)) == (0, "")

    (found,) = shown(serves_on, trace)
    assert levels_of(found["attributes"]["deep"]) == 64
    assert levels_of(found["events"][0]["attributes"]["deep"]) == 64


def test_numbers_that_json_cannot_say_have_names(serves_on: Served) -> None:
    trace = trace_id()
    odd = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "-0": -0.0, "tiny": 5e-324, "int": -(2**63)}
    usage = {f"gen_ai.usage.{kind}_tokens": math.nan for kind in ("input", "output")}

    assert kept(serves_on, span(trace, attributes={**odd, **usage, "list": [math.inf]})) == (0, "")

    told = shown(serves_on, trace)[0]["attributes"]
    assert (told["nan"], told["inf"], told["-inf"], told["list"]) == ("NaN", "Infinity", "-Infinity", ["Infinity"])
    assert (told["-0"], told["tiny"], told["int"]) == (0.0, 5e-324, -(2**63))


YEAR_2200 = 7_258_118_400 * 10**9


TIMES = [
    (T0, T0 - 10**9),  # ends before it starts
    (0, T0),
    (1, 2),  # 1970
    (0, 0),
    (YEAR_2200, YEAR_2200 + 5),
    (2**63, 2**63 - 1),
    (2**64 - 1, 2**64 - 1),
    (2**64 - 1, 1),
    (1, 2**64 - 1),
]


def test_any_time_is_kept_and_breaks_no_list(serves_on: Served) -> None:
    sent: dict[tuple[int, int], bytes] = {}
    spans: list[Span] = []
    for start, end in TIMES:
        sent[start, end] = trace = trace_id()
        odd = span(trace, "odd", attributes={"session.id": f"s-{start}-{end}"})
        odd.start_time_unix_nano, odd.end_time_unix_nano = start, end
        spans.append(odd)

    assert kept(serves_on, *spans) == (0, "")

    for (start, end), trace in sent.items():
        assert len(shown(serves_on, trace)) == 1
        found = serves_on.services.queries.trace(serves_on.project, trace.hex())
        assert found is not None
        assert [(one.start_ns, one.end_ns) for one in found.spans] == [(start, end or None)]
        assert serves_on.data(f"/v1/sessions/s-{start}-{end}")["span_count"] == 1
        assert serves_on.get(f"/sessions/s-{start}-{end}").status_code == 200
    assert serves_on.get("/").status_code == 200
    for by in ("start", "end", "latency_ms"):
        assert len(serves_on.data("/v1/sessions", sort_by=by, limit=50)) == len(TIMES)


def test_hostile_texts_come_back_as_they_are(serves_on: Served) -> None:
    sent: dict[str, bytes] = {}
    requests: list[bytes] = []
    for text in HOSTILE:
        sent[text] = trace = trace_id()
        hostile = span(trace, text, error=text, attributes={text: text, "session.id": f"s{text}.", "user.id": text})
        hostile.events.add(name=text, time_unix_nano=T0).attributes.extend(key_values({text: {text: [text]}}))
        hostile.trace_state = text
        requests.append(traces([hostile], {text: text, "service.name": text}))

    assert partial(serves_on.send(b"".join(requests))) == (0, "")

    for text, trace in sent.items():
        (found,) = shown(serves_on, trace)
        assert (found["name"], found["status_message"], found["service_name"]) == (text, text, text)
        assert found["attributes"][text] == text
        assert [(one["name"], one["attributes"]) for one in found["events"]] == [(text, {text: {text: [text]}})]
        assert serves_on.get("/v1/sessions", name=text or "x").status_code == 200
        session = quote(f"s{text}."[:512], safe="")
        assert serves_on.get(f"/v1/sessions/{session}").status_code == 200
    assert serves_on.get("/").status_code == 200


def test_text_that_is_no_utf_8_is_marked_wherever_it_stands(serves_on: Served) -> None:
    trace = trace_id()
    body = traces(
        [span(trace, "name-XXXX", attributes={"key-XXXX": "value-XXXX", "session.id": "s-XXXX"}, error="why-XXXX")],
        {"service.name": "service-XXXX"},
    )

    assert partial(serves_on.send(body.replace(b"XXXX", b"\xff\xc3\x28\x80"))) == (0, "")

    (found,) = shown(serves_on, trace)
    marked = "\ufffd\ufffd(\ufffd"
    assert found["name"] == f"name-{marked}"
    assert found["attributes"][f"key-{marked}"] == f"value-{marked}"
    assert (found["status_message"], found["service_name"]) == (f"why-{marked}", f"service-{marked}")
    assert serves_on.get("/").status_code == 200


def test_of_a_key_that_came_twice_one_is_shown_and_nothing_fails(serves_on: Served) -> None:
    trace = trace_id()
    twice = span(trace)
    for value in ("a", "b", 1, 2.5, True, [1], {"k": 1}, b"x", None):
        twice.attributes.extend(key_values({"twice": value, "gen_ai.usage.input_tokens": value, "session.id": value}))

    assert kept(serves_on, twice) == (0, "")

    assert "twice" in shown(serves_on, trace)[0]["attributes"]


def test_other_methods_and_notations_are_refused_with_those_that_there_are(gateway: Served) -> None:
    for method in ("HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
        answer = gateway.client.request(method, "/v1/logs", content=b"{}" if method in ("PUT", "PATCH") else None)
        assert answer.status_code == 405
        assert "POST" in answer.headers["Allow"]
        assert method == "HEAD" or answer.json()["error"]["code"] == "method_not_allowed"
    assert gateway.send(b'{"resourceSpans": []}', content_type=PROTOBUF).status_code == 400
    assert gateway.send(traces([span(b"t" * 16)]), content_type=JSON).status_code == 400


def test_a_hundred_megabytes_are_refused_with_the_limit_in_words(gateway: Served) -> None:
    """As a plain client sends them, which reads no answer before it has sent all."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=120)
    size = 100 * 1024 * 1024
    piece = b" " * 1024 * 1024
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Type", JSON)
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    for _ in range(size // len(piece)):
        connection.send(piece)
    answer = connection.getresponse()

    assert answer.status == 413
    assert json.loads(answer.read())["error"] == {
        "code": "payload_too_large",
        "message": "the body is larger than 64 MiB; send smaller batches",
    }
    connection.close()
    assert gateway.send(b"").status_code == 200


def test_a_body_under_a_wrong_encoding_is_refused_and_the_next_is_served(serves_on: Served) -> None:
    body = traces([span(trace_id())])
    for sent, said in ((body, "gzip"), (body, "zstd"), (body, "deflate"), (gzip.compress(body), "")):
        headers = {"Content_Encoding": said} if said else {}
        answer = serves_on.send(sent, **headers)
        assert (answer.status_code, answer.headers["content-type"]) == (400, PROTOBUF)


def test_a_sender_that_hangs_up_in_the_middle_harms_nobody(serves_on: Served) -> None:
    for said in ("1000", "0", "-5", "many", "99999999999999999999"):
        connection = http.client.HTTPConnection("127.0.0.1", serves_on.port, timeout=120)
        connection.putrequest("POST", "/v1/traces")
        connection.putheader("Content-Type", PROTOBUF)
        connection.putheader("Content-Length", said)
        connection.endheaders()
        connection.send(b"\x0a")
        connection.close()


def levels_of(value: Any) -> int:
    """How deep a list of one, or an object of one, is shown."""
    levels = 0
    while value != TOO_DEEP:
        value = value["k"] if "k" in value else value[0]
        levels += 1
    return levels


def varint(number: int) -> bytes:
    """A length as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
