"""From the end of a span to its frame in the journal."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

import sojourn
from sojourn import faults, journal, recorder, semconv
from sojourn.client import get_client
from tests.core.collector import Collector
from tests.core.journalled import plain, read_home
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def tracer() -> Tracer:
    client = get_client()
    assert client is not None
    return client.provider.get_tracer("test")


def test_a_finished_span_reaches_the_journal_without_being_asked_for(home: Path) -> None:
    session = sojourn.init()
    assert session is not None
    tracer().start_span("step", kind=SpanKind.CLIENT, attributes={"a": 1}).end()

    [span] = until(lambda: read_home(home).spans)
    assert span.name == "step"
    assert plain(span.attributes) == {"a": 1, semconv.SESSION_ID: session.session_id}


def test_a_session_id_that_the_span_brings_is_kept(home: Path) -> None:
    sojourn.init()
    tracer().start_span("step", attributes={semconv.SESSION_ID: "mine"}).end()
    sojourn.flush(0)

    [span] = read_home(home).spans
    assert plain(span.attributes) == {semconv.SESSION_ID: "mine"}


def test_a_span_without_a_running_session_is_kept_without_an_id(home: Path) -> None:
    sojourn.init(auto_start_session=False)
    tracer().start_span("step").end()
    sojourn.flush(0)

    [span] = read_home(home).spans
    assert plain(span.attributes) == {}


def test_a_span_that_stays_open_is_told_as_pending_and_its_end_follows(home: Path) -> None:
    sojourn.init()
    span = tracer().start_span("slow", attributes={"a": 1})

    [pending] = until(lambda: read_home(home).pending)
    assert pending.end_time_unix_nano == 0
    assert plain(pending.attributes)[semconv.PENDING] is True
    span.set_attribute("b", 2)
    span.end()
    sojourn.flush(0)

    found = read_home(home)
    [finished] = found.spans
    assert finished.span_id == pending.span_id
    assert plain(finished.attributes).keys() == {"a", "b", semconv.SESSION_ID}
    assert len(found.pending) == 1


def test_what_is_open_at_the_end_is_left_as_pending(home: Path) -> None:
    sojourn.init()
    span = tracer().start_span("cut off")
    sojourn.shutdown()

    assert [pending.name for pending in read_home(home).pending] == ["cut off"]
    span.end()


def test_many_spans_from_many_threads_all_arrive(home: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    sojourn.init()

    def work(worker: int) -> None:
        for number in range(250):
            tracer().start_span(f"{worker}-{number}").end()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    sojourn.flush(0)

    names = [span.name for span in read_home(home).spans]
    assert len(names) == 2000
    assert len(set(names)) == 2000


def test_one_exception_on_its_way_up_through_spans_is_one_error() -> None:
    session = sojourn.init()
    assert session is not None
    with pytest.raises(KeyError), tracer().start_as_current_span("outer"), tracer().start_as_current_span("inner"):
        raise KeyError("k")
    lone = tracer().start_span("lone")
    lone.set_status(Status(StatusCode.ERROR))
    lone.end()

    assert session.get_analytics()["Errors"] == 2


def test_a_home_that_cannot_be_written_falls_back_to_memory_and_says_so_once(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.write_text("a file where the folder should be")
    session = sojourn.init()
    assert session is not None
    for _ in range(3):
        session.record(sojourn.LLMEvent(model="m", cost=0.5))
        sojourn.flush(0)

    assert session.end_session("Success") == "1.500000"
    assert [message for message in caplog.messages if "in memory only" in message] == caplog.messages[:1]
    assert faults.counted()["recorder.journal"] >= 1


def test_a_forked_child_writes_a_journal_of_its_own_and_ends_nothing(home: Path) -> None:
    session = sojourn.init()
    assert session is not None
    tracer().start_span("before").end()
    pid = os.fork()
    if pid == 0:
        try:
            tracer().start_span("in the child").end()
            sojourn.shutdown()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    tracer().start_span("after").end()
    sojourn.flush(0)

    found = read_home(home)
    assert sorted(span.name for span in found.spans) == ["after", "before", "in the child"]
    assert {plain(span.attributes)[semconv.SESSION_ID] for span in found.spans} == {session.session_id}
    assert found.named(semconv.SESSION_END) == []
    assert len(journal.paths(home / "journal")) == 2
    assert session.is_running


def test_events_recorded_faster_than_they_can_be_written_are_all_kept(home: Path) -> None:
    sojourn.init()
    many = 3 * recorder.MAX_WAITING
    for number in range(many):
        sojourn.record(sojourn.ActionEvent(action_type=f"{number}"))
    sojourn.flush(0)

    assert [span.name for span in read_home(home).spans] == [f"{number}" for number in range(many)]


def test_an_open_span_is_told_as_pending_also_when_the_clock_was_set_back(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sojourn.init()
    span = tracer().start_span("slow")
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 3600 * 10**9)

    until(lambda: read_home(home).pending)
    span.end()


def test_a_journal_tells_of_a_session_before_it_tells_of_its_spans(home: Path) -> None:
    """Whoever finds the journal of a process that was killed between two writes must know what to end."""
    session = sojourn.init()
    session.record(sojourn.ActionEvent())
    sojourn.flush(0)

    [path] = journal.paths(home / "journal")
    first, *rest = journal.read(path)[1]
    assert first.kind is journal.Kind.LOGS
    assert journal.Kind.TRACES in {frame.kind for frame in rest}


def test_a_flush_that_could_not_write_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "PATIENCE_S", 0.1)
    has_begun, may_end = threading.Event(), threading.Event()
    with Collector() as collector:
        sojourn.init(endpoint=collector.url)
        until(lambda: sojourn.flush(120))
        # A disk that takes its time, without one.
        writes: Any = vars(vars(get_client())["_recorder"])["_lock"]  # pyright: ignore[reportUnknownVariableType]  # of `vars`

        def write() -> None:
            with writes:
                has_begun.set()
                may_end.wait(120)

        writing = threading.Thread(target=write)
        writing.start()
        try:
            assert has_begun.wait(120)
            sojourn.record(sojourn.ActionEvent(action_type="after"))
            assert not sojourn.flush(120)
            assert sojourn.health().faults["recorder.slow"] > 0
        finally:
            may_end.set()
            writing.join()
        until(lambda: sojourn.flush(120))
        assert [span.name for span in collector.taken.spans] == ["after"]
