"""Children that are forked, whoever forks them: a journal, counts and an identity of their own in the same session."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

import sojourn
from sojourn import exits, faults, journal, semconv
from sojourn.journal import Kind
from tests.core.journalled import plain, read_home
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


def step(name: str) -> None:
    sojourn.record(sojourn.ActionEvent(name))


def recorded(*names: str) -> None:
    for name in names:
        step(name)
    sojourn.flush(0)


def in_child(act: Callable[[], None]) -> int:
    """Runs a function in a forked child, which then ends without a word; returns its exit status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            faults.raise_them(True)
            act()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def resources(home: Path) -> dict[str, tuple[object, object]]:
    """By the name of each step: the pid and the instance that it says it was recorded in."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    found: dict[str, tuple[object, object]] = {}
    for path in journal.paths(home / "journal"):
        for frame in journal.read(path)[1]:
            if frame.kind is Kind.TRACES:
                for part in ExportTraceServiceRequest.FromString(frame.payload).resource_spans:
                    facts = plain(part.resource.attributes)
                    for scope in part.scope_spans:
                        for span in scope.spans:
                            found[span.name] = (facts[semconv.PROCESS_PID], facts[semconv.SERVICE_INSTANCE_ID])
    return found


def test_a_child_says_who_it_is_and_joins_the_session(home: Path) -> None:
    session = sojourn.init()
    step("parent")
    assert in_child(lambda: recorded("child", "child again")) == 0
    sojourn.flush(0)

    told = resources(home)
    assert told["parent"][0] == os.getpid()
    assert told["child"] == told["child again"]
    assert told["child"][0] != told["parent"][0]
    assert told["child"][1] != told["parent"][1]
    assert [join[semconv.SESSION_ID] for join in read_home(home).named(semconv.SESSION_JOIN)] == [session.session_id]


def test_a_grandchild_is_a_process_of_its_own_too(home: Path) -> None:
    sojourn.init()

    def child() -> None:
        step("child")
        sojourn.flush(0)
        assert in_child(lambda: recorded("grandchild")) == 0

    assert in_child(child) == 0
    assert len({pid for pid, _ in resources(home).values()}) == 2
    assert len({instance for _, instance in resources(home).values()}) == 2


def test_a_child_counts_what_it_does_itself() -> None:
    session = sojourn.init(max_calls=100)
    step("parent")
    assert session.get_analytics()["Actions"] == 1

    def child() -> None:
        step("child")
        assert session.get_analytics()["Actions"] == 1
        assert session.meter is not None
        assert session.meter.limits.max_calls == 100

    assert in_child(child) == 0
    assert session.get_analytics()["Actions"] == 1


def test_a_child_that_records_nothing_leaves_no_trace_and_takes_nothing_from_its_parent(home: Path) -> None:
    """Closing in the child must neither remove the parent's journal nor wait for what the parent delivers."""
    sojourn.init()
    step("before")
    sojourn.flush(0)
    assert in_child(sojourn.shutdown) == 0
    step("after")
    sojourn.flush(0)

    found = read_home(home)
    assert [span.name for span in found.spans] == ["before", "after"]
    assert found.named(semconv.SESSION_JOIN) == []
    assert found.named(semconv.SESSION_END) == []
    assert len(journal.paths(home / "journal")) == 1


def test_locks_that_other_threads_held_at_the_fork_stop_no_child() -> None:
    session = sojourn.init()
    enough = threading.Event()

    def work() -> None:
        while not enough.is_set():
            with sojourn.extract({"baggage": "session.id=asked"}):
                session.add_tags("t")
            sojourn.start_session().end_session("Success")
            session.get_analytics()
            sojourn.flush(0)

    def child() -> None:
        with sojourn.extract({"baggage": "session.id=asked"}):
            step("child")
        sojourn.start_session().end_session("Success")
        session.add_tags("t")
        session.get_analytics()
        sojourn.shutdown()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(15):
            pid = os.fork()
            if pid == 0:
                try:
                    child()
                finally:
                    os._exit(0)
            until(lambda pid=pid: os.waitpid(pid, os.WNOHANG)[0])  # type: ignore[misc]  # its own pid
    finally:
        enough.set()
        worker.join()


def test_a_fork_waits_for_what_our_threads_are_importing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child could never import what another thread was importing when it was forked."""
    # A thread that gets no processor for a while must not be given up here.
    monkeypatch.setattr(exits, "_PATIENCE_S", 120)
    sojourn.init()
    begun, forked = threading.Event(), threading.Event()
    order: list[str] = []

    def load() -> None:
        with exits.loading():
            begun.set()
            forked.wait(0.2)
            order.append("loaded")

    loader = threading.Thread(target=load)
    loader.start()
    begun.wait()
    assert in_child(lambda: None) == 0
    order.append("forked")
    forked.set()
    loader.join()

    assert order == ["loaded", "forked"]
    assert not exits.loading().locked()


def test_what_a_child_of_multiprocessing_recorded_last_is_kept(home: Path) -> None:
    """Such a child ends by `os._exit`, and asks nobody but those who registered with multiprocessing."""
    sojourn.init()
    child = multiprocessing.get_context("fork").Process(target=step, args=("child",))
    child.start()
    child.join()

    assert child.exitcode == 0
    assert [span.name for span in read_home(home).spans] == ["child"]


def test_every_worker_of_a_forked_pool_records_in_the_session(home: Path) -> None:
    session = sojourn.init()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(step, [f"job {number}" for number in range(20)]))

    found = read_home(home)
    assert sorted(span.name for span in found.spans) == sorted(f"job {number}" for number in range(20))
    assert {plain(span.attributes)[semconv.SESSION_ID] for span in found.spans} == {session.session_id}
    assert found.named(semconv.SESSION_END) == []


def test_a_pool_that_is_terminated_loses_nothing_that_its_workers_finished(home: Path) -> None:
    sojourn.init()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(step, [f"job {number}" for number in range(10)])

    until(lambda: len(read_home(home).spans) == 10)


def test_a_session_that_a_child_starts_is_its_own_to_end(home: Path) -> None:
    outer = sojourn.init()

    def child() -> None:
        inner = sojourn.start_session(name="inner")
        step("child")
        assert inner.owned
        sojourn.shutdown()

    assert in_child(child) == 0
    sojourn.flush(0)

    ended = {told[semconv.SESSION_ID] for told in read_home(home).named(semconv.SESSION_END)}
    assert len(ended) == 1
    assert outer.session_id not in ended
    assert read_home(home).named(semconv.SESSION_JOIN) == []


def test_a_fork_inside_a_request_keeps_the_requests_session(home: Path) -> None:
    sojourn.init(auto_start_session=False)
    with sojourn.extract({"baggage": "session.id=asked"}):
        assert in_child(lambda: recorded("child")) == 0

    [span] = read_home(home).spans
    assert plain(span.attributes)[semconv.SESSION_ID] == "asked"
