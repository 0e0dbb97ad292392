"""What leaves as OTLP comes back as it was, from any endpoint that takes OTLP; JSON lines and Parquet say the same."""

from __future__ import annotations

import importlib
import io
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

from sojourn_gateway.engine import exporting
from sojourn_gateway.engine.exporting import Chosen
from sojourn_gateway.ingest.scores import NewScore, Scorebook
from sojourn_gateway.keeping.exports import export
from sojourn_gateway.keeping.importing import read_file
from sojourn_gateway.keeping.made import Request
from sojourn_gateway.model.faults import GatewayFault
from tests.gateway.sender import SECOND, T0, Store, end, event, key_values, span, trace_id, usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from sojourn_gateway.keeping.exports import Format, What

EVERY_KIND: dict[str, Any] = {
    "session.id": "s",
    "text": 'with "quotes", \n and \N{SNOWMAN}',
    "empty": "",
    "number": -(2**63),
    "zero": 0,
    "fraction": 0.1,
    "endless": math.inf,
    "yes": True,
    "no": False,
    "nothing": None,
    "bytes": b"\x00\xff",
    "list": ["a", 1, 2.5, True, ["deep"], {"k": None}],
    "no list": [],
    "keys": {"a": {"b": [1]}},
    "gen_ai.prompt": "a prompt, which lies with the content",
}


def rows_of(content: bytes) -> list[dict[str, Any]]:
    """The rows of a file of Parquet."""
    # Its modules have no types.
    parquet: Any = importlib.import_module("pyarrow.parquet")
    found: list[dict[str, Any]] = parquet.read_table(io.BytesIO(content)).to_pylist()
    return found


def leave(store: Store, what: What, shape: Format, **chosen: Any) -> bytes:
    """A file with what is chosen."""
    return b"".join(export(store.engine, store.project, what, shape, Chosen(**chosen)))


def requests_in(content: bytes) -> list[Request]:
    """What a file of our own holds."""
    found = list(read_file(io.BytesIO(content), "file"))
    requests = [one for one in found if isinstance(one, Request)]
    assert requests == found
    return requests


def come_back(store: Store, content: bytes) -> Store:
    """A project of its own, into which the file was taken."""
    other = Store(store.engine, store.ingest, store.queries)
    for one in requests_in(content):
        other.post(one.signal, one.body)
    return other


def sent(store: Store) -> Span:
    """A span with a value of every kind, events and links, and a child in a session of its own; and some logs."""
    root = span(trace_id(), "root", attributes=EVERY_KIND, error="it failed", at_s=0.000000001)
    root.trace_state, root.flags = "k=v", 257
    root.dropped_attributes_count, root.dropped_events_count, root.dropped_links_count = 1, 2, 3
    root.attributes.extend(key_values({"text": "the same key again"}))
    root.events.add(
        name="happened", time_unix_nano=T0 + 1, attributes=key_values({"a": 1})
    ).dropped_attributes_count = 4
    root.links.add(trace_id=trace_id(), span_id=b"12345678", attributes=key_values({"why": "because"}))
    child = span(root.trace_id, "child", parent=root, at_s=1, attributes={"session.id": "t", **usage()})
    unfinished = span(trace_id(), "unfinished", lasts_s=None, attributes={"session.id": "s"})
    store.send(root, child, unfinished, resource={"service.name": "shop", "host": ["a", "b"]})
    line = event("", "s", at_s=2, level={"nested": [1, None]})
    line.body.kvlist_value.values.extend(key_values({"said": "it"}))
    line.severity_number, line.severity_text = SeverityNumber.SEVERITY_NUMBER_ERROR, "ERROR"
    line.trace_id, line.span_id, line.observed_time_unix_nano = root.trace_id, root.span_id, T0 + 5
    store.tell(event("session.start", "s", at_s=-1), line, end("s", "Fail", at_s=3), resource={"service.name": "shop"})
    return root


def rows(store: Store) -> list[dict[str, Any]]:
    """Everything that is kept of the spans and log records, by column."""
    spans = [row for page in exporting.span_pages(store.engine, store.project, Chosen()) for row in page]
    logs = [row for page in exporting.log_pages(store.engine, store.project, Chosen()) for row in page]
    return [*spans, *logs]


@pytest.mark.parametrize("shape", ["otlp", "otlp-json"])
def test_what_left_as_otlp_comes_back_as_it_was(store: Store, shape: Format) -> None:
    sent(store)
    files = leave(store, "traces", shape), leave(store, "logs", shape)
    other = come_back(store, files[0])
    for one in requests_in(files[1]):
        other.post(one.signal, one.body)
    assert len(rows(store)) == 6
    assert rows(other) == rows(store)
    for session in ("s", "t"):
        assert other.session(session) == store.session(session)


def test_a_file_in_protobuf_is_one_request_of_any_size(store: Store) -> None:
    root = sent(store)
    request = ExportTraceServiceRequest.FromString(leave(store, "traces", "otlp"))
    spans = [one for resource in request.resource_spans for scope in resource.scope_spans for one in scope.spans]
    (found,) = [one for one in spans if one.name == "root"]

    def told(one: Span) -> dict[str, list[bytes]]:
        by_key: dict[str, list[bytes]] = {}
        for pair in one.attributes:
            by_key.setdefault(pair.key, []).append(pair.value.SerializeToString())
        return by_key

    assert told(found) == told(root)
    del found.attributes[:], root.attributes[:]
    assert found == root


def test_coming_back_twice_changes_nothing(store: Store) -> None:
    sent(store)
    before = rows(store)
    sent_kinds: tuple[What, ...] = ("traces", "logs")
    for what in sent_kinds:
        for one in requests_in(leave(store, what, "otlp")):
            store.post(one.signal, one.body)
    assert rows(store) == before
    assert store.session("s").summary.span_count == 2


def test_a_session_leaves_with_its_own_spans_and_logs_only(store: Store) -> None:
    sent(store)
    other = come_back(store, leave(store, "traces", "otlp", session_id="t"))
    assert [one.name for one in other.session("t").spans] == ["child"]
    assert other.queries.session(other.project, "s") is None
    assert leave(store, "logs", "otlp", session_id="t") == b""
    logs = ExportLogsServiceRequest.FromString(leave(store, "logs", "otlp", session_id="s"))
    assert len(logs.resource_logs[0].scope_logs[0].log_records) == 3


def test_spans_keep_their_sessions_though_more_of_their_trace_arrives_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = trace_id()
    outer = span(trace, "outer", attributes={"session.id": "a"})
    inner = span(trace, "inner", parent=outer, at_s=1, attributes={"session.id": "b"})
    store.send(outer, inner)
    pages = list(exporting.trace_pages(store.engine, store.project, Chosen()))
    store.send(span(trace, "late", parent=inner, at_s=2))

    def before(*_: object) -> Iterator[Any]:
        """The pages as they were before the span that came late."""
        return iter(pages)

    monkeypatch.setattr(exporting, "trace_pages", before)

    (page,) = exporting.span_pages(store.engine, store.project, Chosen())

    assert {(one["name"], one["session_id"]) for one in page} == {
        (b"outer", b"a"), (b"inner", b"b"), (b"late", b"b")
    }  # fmt: skip
    assert len(page) == 3


def test_a_span_of_time_chooses_traces_by_their_begin(store: Store) -> None:
    for minute in range(3):
        store.send(span(trace_id(), f"at {minute}", at_s=60 * minute, attributes={"session.id": "s"}))
    content = leave(store, "traces", "jsonl", since_ns=T0 + 60 * SECOND, until_ns=T0 + 120 * SECOND)
    assert [json.loads(line)["name"] for line in content.splitlines()] == ["at 1"]


def test_json_lines_and_parquet_hold_the_same_rows(store: Store) -> None:
    root = sent(store)
    scores = Scorebook(store.engine)
    scores.keep(store.project, [NewScore(root.trace_id.hex(), "tone", 0.5)])
    expected: dict[What, int] = {"traces": 3, "logs": 3, "scores": 1}
    for what, number in expected.items():
        lines = [json.loads(line) for line in leave(store, what, "jsonl").splitlines()]
        table = rows_of(leave(store, what, "parquet"))
        assert len(lines) == number
        assert [row.keys() for row in table] == [line.keys() for line in lines]
        for row, line in zip(table, lines, strict=True):
            for name, value in line.items():
                nested = isinstance(value, dict | list)
                assert (json.loads(row[name]) if nested else row[name]) == value, name


def test_pages_do_not_lose_or_double_what_stands_at_their_edges(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_SPANS_AT_ONCE", 3)
    monkeypatch.setattr(exporting, "_ROWS_AT_ONCE", 2)
    for number in range(5):
        trace = trace_id()
        store.send(*(span(trace, f"{number}-{one}", attributes={"session.id": f"s{number % 2}"}) for one in range(2)))
    store.tell(*(event("session.start", f"s{number}", at_s=number // 2) for number in range(5)))
    names = [json.loads(line)["name"] for line in leave(store, "traces", "jsonl").splitlines()]
    assert sorted(names) == [f"{number}-{one}" for number in range(5) for one in range(2)]
    assert len(leave(store, "logs", "jsonl").splitlines()) == 5


def test_nothing_to_leave_is_an_empty_file(store: Store) -> None:
    assert leave(store, "traces", "otlp") == b""
    assert leave(store, "traces", "jsonl") == b""
    assert rows_of(leave(store, "traces", "parquet")) == []


def test_otlp_has_no_scores(store: Store) -> None:
    with pytest.raises(GatewayFault, match="no word for scores"):
        leave(store, "scores", "otlp")
