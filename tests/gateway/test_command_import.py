"""`sojourn import` through a running gateway: what it takes, what it leaves out, and what it says of both."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from sojourn.home import Home
from sojourn_gateway.command.importing import take_in
from sojourn_gateway.command.output import Output
from sojourn_gateway.command.stores import open_store
from sojourn_gateway.settings import Settings
from tests.gateway.commands import announce, run
from tests.gateway.exports import langfuse_files
from tests.gateway.sender import T0, event, logs, span, trace_id, traces

if TYPE_CHECKING:
    import pytest
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from tests.gateway.serving import Served


class _BadDisk(io.FileIO):
    """A file behind whose end nothing can be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(-1 if size is None else size)
        if not found:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return found


class _OnBadDisk(type(Path())):  # type: ignore[misc]  # before Python 3.12 only the class of the system can be inherited
    """The path of such a file."""

    def open(self, *_: Any, **__: Any) -> Any:  # the class above, which the original never gives
        return _BadDisk(str(self))


def _long_event() -> LogRecord:
    return event("long", "s", text="z" * 100_000)


def _score(at: int, reason: str) -> dict[str, Any]:
    told = {"id": f"s{at}", "resource_id": "t", "kind": "trace", "name": "kind", "score": at, "created_ns": T0 + at}
    return {**told, "reason": reason}


def test_files_are_taken_in_and_what_is_broken_in_them_is_named(
    gateway: Served, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(gateway, home)
    whole, half, none = tmp_path / "whole.json.gz", tmp_path / "half.jsonl", tmp_path / "none.txt"
    whole.write_bytes(gzip.compress(langfuse_files.of_api().encode()))
    half.write_text('{"what": 1}\n' + langfuse_files.of_tables()["observations.jsonl"] + '{"id": ')
    none.write_text("nothing")
    files = (str(whole), str(half))

    done = run(capsys, "import", *files, "--project", gateway.project)
    assert done.status == 0
    assert done.lines == [f"{whole}: 4 spans, 3 scores taken in", f"{half}: 3 spans, 1 score taken in"]
    assert done.err.splitlines()[:2] == [
        "  2 records left out:",
        "    line 1: an object with what is of no kind that is known",
    ]
    again = run(capsys, "import", *files, str(none), "--project", gateway.project, "--json")

    assert again.status == 1
    assert [(one["spans"], one["scores"], one["left_out"]) for one in again.told] == [(4, 3, 0), (3, 1, 2), (0, 0, 1)]
    assert gateway.engine.settle(60)
    assert gateway.get("/v1/scores").json()["pagination"]["total"] == 4
    session = gateway.data(f"/v1/sessions/{langfuse_files.SESSION}")
    assert (session["span_count"], session["total_tokens"], session["cost_usd"]) == (4, 160, "0.0042")


def test_a_file_that_is_not_there_keeps_no_other_out(
    gateway: Served, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(gateway, home)
    there = tmp_path / "there.json"
    there.write_text(langfuse_files.of_api())
    files = (str(tmp_path / "missing.json"), str(there))

    done = run(capsys, "import", *files, "--project", gateway.project, "--json")

    assert done.status == 1
    assert [(one["spans"], one["left_out"]) for one in done.told] == [(0, 0), (4, 0)]
    assert done.told[0]["unread"] == "there is no such file"
    told = run(capsys, "import", *files, "--project", gateway.project)
    assert told.status == 1
    assert told.err == f"{files[0]}: there is no such file\n"
    assert told.lines == [f"{files[1]}: 4 spans, 3 scores taken in"]


def test_only_the_operator_may_keep_scores_under_ids_of_their_own(gateway: Served) -> None:
    assert gateway.client.post("/v1/operator/scores", json=[]).status_code == 403


def test_a_file_whose_compression_is_cut_is_said_to_be_and_gives_what_stands_before(
    gateway: Served, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(gateway, home)
    cut = tmp_path / "cut.json.gz"
    cut.write_bytes(gzip.compress(langfuse_files.of_tables()["observations.jsonl"].encode(), 0)[:-30])

    (told,) = run(capsys, "import", str(cut), "--project", gateway.project, "--json").told

    assert told["spans"] == 2
    line, rest = told["reasons"]
    assert line["place"] == "line 3"
    assert "its compression is broken" in rest["why"]


def test_batches_that_the_gateway_finds_too_large_go_by_halves_and_only_what_is_too_large_alone_is_left_out(
    small_gateway: Served, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(small_gateway, home)
    trace = trace_id()
    large = span(trace, "the long one", attributes={"said": "x" * 100_000})
    small = [span(trace, f"step {at}", attributes={"said": "y" * 1_000}) for at in range(200)]
    spans, lines, scores = tmp_path / "spans.otlp", tmp_path / "logs.otlp", tmp_path / "scores.jsonl"
    service = {"service.name": "halved"}
    spans.write_bytes(traces([*small[:50], large, *small[50:]], service))
    lines.write_bytes(logs([event("said", "s", text="z" * 1_000) for _ in range(100)] + [_long_event()], service))
    scores.write_text("".join(json.dumps(_score(at, "r" * 1_000)) + "\n" for at in range(100)))
    files = (str(spans), str(lines), str(scores))

    done = run(capsys, "import", *files, "--project", small_gateway.project)

    assert done.status == 0
    assert done.lines == [
        f"{spans}: 200 spans taken in",
        f"{lines}: 100 log records taken in",
        f"{scores}: 100 scores taken in",
    ]
    left, of_spans, *rest = done.err.splitlines()
    assert left == "  1 record left out:"
    assert of_spans.startswith(f"    span 'the long one', {large.span_id.hex()} of trace {trace.hex()}: the gateway at")
    assert of_spans.endswith(" refused (413): the body is larger than 64 KiB")
    assert rest[0] == left
    assert rest[1].startswith("    log record 'long' of 2026-09-21T14:13:20.000+00:00: the gateway at")
    assert small_gateway.engine.settle(60)
    (kept,) = small_gateway.get("/v1/traces").json()["data"]
    assert kept["span_count"] == 200
    told = {one["name"] for one in small_gateway.get("/v1/spans", trace_id=trace.hex(), limit=500).json()["data"]}
    assert told == {one.name for one in small}
    assert small_gateway.get("/v1/scores").json()["pagination"]["total"] == 100


def test_a_span_that_is_halved_out_of_many_scopes_takes_its_own_along(
    small_gateway: Served, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(small_gateway, home)
    trace, path = trace_id(), tmp_path / "spans.otlp"
    scopes = [
        ScopeSpans(scope=InstrumentationScope(name=f"{at}" * 10_000), spans=[span(trace, f"step {at}")])
        for at in range(10)
    ]
    path.write_bytes(ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=scopes)]).SerializeToString())

    done = run(capsys, "import", str(path), "--project", small_gateway.project)

    assert (done.lines, done.err) == ([f"{path}: 10 spans taken in"], "")
    assert small_gateway.engine.settle(60)
    told = {one["name"] for one in small_gateway.data("/v1/spans", trace_id=trace.hex())}
    assert told == {f"step {at}" for at in range(10)}


def test_of_much_that_is_too_large_some_is_named_and_the_rest_is_a_number(
    small_gateway: Served, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(small_gateway, home)
    scores = tmp_path / "scores.jsonl"
    scores.write_text("".join(json.dumps(_score(at, "r" * 70_000)) + "\n" for at in range(12)))

    done = run(capsys, "import", str(scores), "--project", small_gateway.project)

    assert done.status == 1
    assert done.lines == [f"{scores}: nothing taken in"]
    first, *named, more = done.err.splitlines()
    assert first == "  12 records left out:"
    assert [line.partition(": ")[0] for line in named] == ["    score 'kind' of trace t"] * 10
    assert more == "    ... and 2 more"


def test_a_file_that_breaks_before_anything_is_taken_says_so_and_what_was_left_out(
    gateway: Served, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(gateway, home)
    path = tmp_path / "breaks.jsonl"
    path.write_text('{"what": 1}\n' * 3)
    project = ("--project", gateway.project)
    assert run(capsys, "import", str(path), *project).err.splitlines()[0] == "  3 records left out:"

    capsys.readouterr()
    with open_store(Home(home), Settings(), gateway.project) as store:
        status = take_in(store, Output(json=False), [_OnBadDisk(path)])
    told = capsys.readouterr()

    assert status == 1
    assert told.out == ""
    assert told.err.splitlines() == [
        f"{path}: cannot be read: {os.strerror(errno.EIO)}",
        "  3 records left out:",
        *(f"    line {line}: an object with what is of no kind that is known" for line in (1, 2, 3)),
    ]
