"""Files of any size and health: a record at a time, and a broken one costs only itself."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from sojourn_gateway.keeping import json_pieces, made, otlp_requests
from sojourn_gateway.keeping.importing import Grades, Left, read_file
from sojourn_gateway.keeping.json_pieces import Broken, Head, Record
from sojourn_gateway.keeping.made import Request
from tests.gateway.exports import langfuse_files
from tests.gateway.importing import read_items
from tests.gateway.sender import key_values, span, trace_id, traces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn_gateway.keeping.importing import Item


def pieces(text: str | bytes) -> list[Record | Head | Broken]:
    """The pieces of a file, of which the lists `a` and `b` are told element by element."""
    content = text.encode() if isinstance(text, str) else text
    return list(json_pieces.json_pieces(io.BytesIO(content), {"a", "b"}))


def values(text: str | bytes) -> list[Any]:
    """What its records are."""
    return [piece.value for piece in pieces(text) if isinstance(piece, Record)]


def spans_in(found: list[Item]) -> int:
    """How many spans were read."""
    return sum(item.items for item in found if isinstance(item, Request) and item.signal == "traces")


def left_in(found: list[Item]) -> list[str]:
    """What was left out."""
    return [f"{item.place}: {item.why}" for item in found if isinstance(item, Left)]


def test_a_document_gives_its_lists_element_by_element_and_then_what_stands_beside_them() -> None:
    told: dict[str, Any] = {
        "x": {"deep": ["[", "}"]},
        "a": [{"n": 1}, {"n": 'a "quoted" \\ text'}],
        "y": 1.5,
        "b": [],
        "z": "ä\n",
    }

    found = pieces(json.dumps(told, indent=2))

    assert found == [
        Record("a[0]", "a", {"n": 1}),
        Record("a[1]", "a", {"n": 'a "quoted" \\ text'}),
        Head("the document", {"x": told["x"], "y": 1.5, "z": "ä\n"}, ("a", "b")),
    ]


def test_a_list_gives_its_elements_also_where_they_are_cut_between_two_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_pieces, "_CHUNK", 3)
    told: list[Any] = [{"text": 'an \\"escaped\\" text', "n": [1, {"m": "}"}]}, -1.5e3, True, None, "ü", [], {}]

    assert values(json.dumps(told)) == told


def test_lines_are_read_one_by_one_and_a_broken_one_costs_itself() -> None:
    found = pieces('{"n": 1}\n{"n": \n\n{"a": [{"n": 2}], "m": 3}\nnothing\n')

    assert [piece for piece in found if not isinstance(piece, Broken)] == [
        Head("line 1", {"n": 1}, ()),
        Record("line 4, a[0]", "a", {"n": 2}),
        Head("line 4", {"m": 3}, ("a",)),
    ]
    assert [piece.place for piece in found if isinstance(piece, Broken)] == ["line 2", "line 5"]


def test_documents_may_stand_one_behind_the_other() -> None:
    assert values('[{"n": 1}]\n[2]') == [{"n": 1}, 2]


def test_a_broken_first_line_costs_itself() -> None:
    found = pieces('{"n": 1, "text": "never clo\n{"n": 2}\n')

    assert [type(piece) for piece in found] == [Broken, Head]


@pytest.mark.parametrize(
    ("text", "kept", "why"),
    [
        ('[{"n": 1}, {"n": 2}, {"n": ', 2, "the file ends in the middle"),
        ('[{"n": 1}, {"n": 2} {"n": 3}]', 2, "the file has '{' where ',' must stand"),
        ('[{"n": 1}, {"n": 02}, {"n": 3}]', 2, "no JSON"),
        ('[{"n": 1}]\nmore', 1, "neither a list nor an object of JSON"),
        ('[{"n": 1}, "never\nclosed"]', 1, "a text is never closed"),
        ("[1, ]", 1, "no value stands here"),
        ("what", 0, "neither a list nor an object of JSON"),
    ],
)
def test_what_is_broken_in_a_document_is_told_and_what_is_whole_is_kept(text: str, kept: int, why: str) -> None:
    found = pieces(text)

    assert len([piece for piece in found if isinstance(piece, Record)]) == kept
    (broken,) = [piece for piece in found if isinstance(piece, Broken)]
    assert why in broken.why


def test_a_document_that_ends_too_early_still_says_what_stood_before() -> None:
    found = pieces('{"x": 1, "a": [{"n": 1}, {"n"')

    assert [type(piece) for piece in found] == [Record, Head, Broken]


def test_a_record_that_is_too_long_is_gone_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_pieces, "_LONGEST", 1000)
    monkeypatch.setattr(json_pieces, "_CHUNK", 64)
    long = {"text": "x" * 5000, "inner": {"more": ["y" * 3000]}}

    for text in (json.dumps([{"n": 1}, long, {"n": 2}]), f'{{"n": 1}}\n{json.dumps(long)}\n{{"n": 2}}\n'):
        found = pieces(text)
        told = [
            piece.value if isinstance(piece, Record) else piece.members
            for piece in found
            if not isinstance(piece, Broken)
        ]
        assert told == [{"n": 1}, {"n": 2}]
        assert ["larger than" in piece.why for piece in found if isinstance(piece, Broken)] == [True]


def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "_BYTES_AT_ONCE", 256 * 1024)
    record = json.dumps(langfuse_files.generation(input="word " * 4_000)).encode()
    whole = io.BytesIO(b"[" + b",".join([record] * 400) + b"]")
    tracemalloc.start()
    try:
        number = sum(item.items for item in read_file(whole, "file") if isinstance(item, Request))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert number == 400
    assert most < 4 * 1024 * 1024 < len(whole.getvalue()) / 1.5


def test_what_is_too_large_for_a_gateway_costs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "_BYTES_AT_ONCE", 64 * 1024)
    small, large = langfuse_files.generation(), langfuse_files.generation(input="word " * 40_000)
    found = read_items(json.dumps([small, small, large, small]))

    requests = [item for item in found if isinstance(item, Request)]
    assert sum(one.items for one in requests) == 4
    assert [one.items for one in requests if len(one.body) > 64 * 1024] == [1]
    # A score is as large as what was said of it.
    grade = {"id": "", "name": "n", "value": 1, "traceId": "t", "timestamp": "2026-01-01T00:00:00Z"}
    grades = [{**grade, "id": f"s{number}", "comment": "word " * 8_000} for number in range(10)]
    scored = [len(item.scores) for item in read_items(json.dumps(grades)) if isinstance(item, Grades)]
    assert scored == [2] * 5


def otlp_json(*spans: dict[str, Any]) -> dict[str, Any]:
    """A request in JSON."""
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


def step(**more: Any) -> dict[str, Any]:
    """A span in JSON."""
    times = {"startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000"}
    return {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "s", **times, **more}


@pytest.mark.parametrize("indent", [None, 2])
def test_of_otlp_in_json_only_the_broken_span_is_lost(indent: int | None) -> None:
    found = read_items(json.dumps(otlp_json(step(), step(spanId="no hex"), step(name="t")), indent=indent))

    assert spans_in(found) == 2
    assert len(left_in(found)) == 1
    assert "spans[1]" in left_in(found)[0]


def test_a_broken_span_does_not_tear_the_others_apart() -> None:
    spans = [step(spanId=f"{number:016x}" if number != 700 else "no hex") for number in range(1, 2001)]

    found = read_items(json.dumps(otlp_json(*spans)))

    assert spans_in(found) == 1999
    assert len(found) < 20
    assert [place.partition(":")[0] for place in left_in(found)] == ["resourceSpans[0].scopeSpans[0].spans[699]"]


def test_otlp_in_json_lines_may_hold_spans_and_logs() -> None:
    logs: dict[str, Any] = {
        "resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1790000000000000000"}]}]}]
    }
    points: dict[str, Any] = {"resourceMetrics": [{"scopeMetrics": []}]}

    found = read_items("".join(f"{json.dumps(one)}\n" for one in (otlp_json(step()), logs, points)))

    assert [(item.signal, item.items) for item in found if isinstance(item, Request)] == [("traces", 1), ("logs", 1)]
    assert left_in(found) == [
        "line 3, resourceMetrics[0]: points of metrics are not taken from files: send them to /v1/metrics"
    ]


def test_otlp_in_protobuf_keeps_what_stands_before_a_cut() -> None:
    body = traces([span(trace_id())]) + traces([span(trace_id())])

    found = read_items(body[:-3])

    assert spans_in(found) == 1
    assert left_in(found) == ["file, behind byte 0: it ends in the middle of a resource"]


def test_metrics_in_protobuf_are_no_log_records() -> None:
    metric = Metric(name="requests", gauge=Gauge(data_points=[NumberDataPoint(as_int=1, time_unix_nano=1)]))
    resource = ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[metric])])
    body = ExportMetricsServiceRequest(resource_metrics=[resource]).SerializeToString()

    for content, place in ((body, "file"), (prefixed(body), "file, frame 1 at byte 0")):
        assert left_in(read_items(content)) == [
            f"{place}: holds neither spans nor log records; points of metrics are sent to /v1/metrics"
        ]
        assert [item for item in read_items(content) if isinstance(item, Request)] == []


def test_a_resource_that_is_no_otlp_costs_itself() -> None:
    one = traces([span(trace_id())])

    broken = b"\x0a\x03\x12\x7fx"

    for content, number, at in ((one + broken + one, 2, len(one)), (broken + one + one, 1, 0)):
        found = read_items(content)
        assert spans_in(found) == 2
        (left,) = (item for item in found if isinstance(item, Left))
        assert left.place == f"file, resource {number} at byte {at}"
        assert (left.why, left.damaged) == ("it is no OTLP in protobuf, or holds nothing", True)


def prefixed(*bodies: bytes) -> bytes:
    """Requests with the length of each before it."""
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


def test_a_file_with_the_length_of_each_request_before_it_is_read() -> None:
    found = read_items(prefixed(traces([span(trace_id()), span(trace_id())]), traces([span(trace_id())])))

    assert (spans_in(found), left_in(found)) == (3, [])


def test_a_broken_frame_costs_itself_and_is_told_with_its_number_and_place() -> None:
    one = traces([span(trace_id())])
    at = 4 + len(one)

    found = read_items(prefixed(one, b"nonsense", one))

    assert spans_in(found) == 2
    (left,) = (item for item in found if isinstance(item, Left))
    assert (left.place, left.damaged) == (f"file, frame 2 at byte {at}", True)


@pytest.mark.parametrize(
    ("end", "kept", "why"),
    [
        (b"\x00\x00", 1, "the file ends in the middle of its length"),
        (
            b"\x7f\xff\xff\xff",
            1,
            "it says to be 2,147,483,647 bytes long, as no request is; it and what follows is left out",
        ),
        (prefixed(traces([span(trace_id())]) * 2)[:-3], 2, "it ends in the middle of a resource"),
        (prefixed(traces([span(trace_id())]) + b"lost")[:-4], 2, "the file ends in the middle of it"),
        (prefixed(b"lost")[:-4], 1, "the file ends in the middle of it"),
    ],
    # Their bytes hold ids made at random, and each worker must name the tests alike.
    ids=["in a length", "of no length", "in a resource", "where a resource ends", "behind a length"],
)
def test_where_a_file_of_frames_cannot_be_read_on_it_says_so(end: bytes, kept: int, why: str) -> None:
    """What stands whole before that is kept."""
    one = traces([span(trace_id())])

    found = read_items(prefixed(one) + end)

    assert spans_in(found) == kept
    (left,) = left_in(found)
    assert left.startswith(f"file, frame 2 at byte {4 + len(one)}")
    assert left.endswith(why)


def test_a_large_resource_is_cut_into_requests_that_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_requests, "_MOST_ITEMS", 3)
    sent = [span(trace_id(), f"step {number}") for number in range(8)]
    scopes = [
        ScopeSpans(scope=InstrumentationScope(name="first"), spans=sent[:7], schema_url="of the scope"),
        ScopeSpans(scope=InstrumentationScope(name="second"), spans=sent[7:]),
    ]
    resource = ResourceSpans(
        resource=Resource(attributes=key_values({"service.name": "shop"})), scope_spans=scopes, schema_url="of all"
    )
    body = ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString()

    for content in (body, prefixed(body)):
        found = [item for item in read_items(content) if isinstance(item, Request)]
        assert [item.items for item in found] == [3, 3, 2]
        read = [one for item in found for one in ExportTraceServiceRequest.FromString(item.body).resource_spans]
        assert all((one.resource, one.schema_url) == (resource.resource, "of all") for one in read)
        assert [one.scope_spans[0].scope.name for one in read] == ["first"] * 3 + ["second"]
        assert {one.scope_spans[0].schema_url for one in read[:3]} == {"of the scope"}
        assert [told for one in read for told in one.scope_spans[0].spans] == sent


@pytest.mark.parametrize("blank", ["\n", "\n\n\r\n ", "\n\t"])
def test_json_behind_a_line_break_is_json(blank: str) -> None:
    for content in (otlp_json(step()), [otlp_json(step())]):
        for indent in (None, 1):
            found = read_items(blank + json.dumps(content, indent=indent))
            assert (spans_in(found), left_in(found)) == (1, [])


@pytest.mark.parametrize("length", b"{[]")
@pytest.mark.parametrize("of_resource", b'" \n')
def test_a_resource_whose_lengths_read_as_json_is_no_json(length: int, of_resource: int) -> None:
    """A brace is a number as well, and so are a quote and a blank."""
    known = Resource(attributes=key_values({"k": "v" * max(of_resource - 9, 0)}))
    assert known.ByteSize() == max(of_resource, 9)
    told = Span(trace_id=trace_id(), span_id=b"s" * 8, name="n")
    one = ResourceSpans(resource=known, scope_spans=[ScopeSpans(spans=[told])])
    told.name = "n" * (1 + length - one.ByteSize())
    one = ResourceSpans(resource=known, scope_spans=[ScopeSpans(spans=[told])])
    assert one.ByteSize() == length
    found = read_items(ExportTraceServiceRequest(resource_spans=[one]).SerializeToString())
    assert (spans_in(found), left_in(found)) == (1, [])


def test_scores_of_our_own_export_come_back() -> None:
    row = {"id": "s", "resource_id": "x", "kind": "session", "name": "n", "score": 1.0, "label": "", "reason": "r"}
    rows = [{**row, "source": "api", "user_id": "", "created_ns": 1790000000000000000}, {**row, "created_ns": "soon"}]

    found = read_items("".join(f"{json.dumps(one)}\n" for one in rows))

    assert [item.scores[0].reason for item in found if isinstance(item, Grades)] == ["r"]
    assert left_in(found) == ["line 2: `created_ns` must be nanoseconds since 1970"]


def test_other_lines_of_our_own_exports_say_what_to_export() -> None:
    (left,) = left_in(read_items('{"trace_id": "a", "span_id": "b", "start_ns": 1, "step": "model", "x": 1}\n'))

    assert "what comes back is the format otlp" in left


@pytest.mark.parametrize("content", [b"hello", b"\xff\xd8\xff", gzip.compress(b"{}", mtime=0)])
def test_a_file_of_another_kind_is_told_to_be_one(content: bytes) -> None:
    assert left_in(read_items(content)) == ["file: neither OTLP in protobuf nor JSON"]


def test_an_empty_file_holds_nothing() -> None:
    assert read_items(b"") == []


def test_a_packed_file_is_read_as_it_is_unpacked() -> None:
    packed = io.BytesIO(gzip.compress(langfuse_files.of_api().encode()))
    with gzip.open(packed, "rb") as file:
        found: Iterator[Item] = read_file(file, "file")  # type: ignore[arg-type]  # a GzipFile reads as files do
        assert spans_in(list(found)) == 4
