"""One thing that goes wrong costs itself: no other record, no other request, and never the program."""

from __future__ import annotations

import contextvars
import itertools
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider

import sojourn
from sojourn import faults, journal, recorder, semconv
from sojourn.client import get_client
from sojourn.content import ContentPolicy
from sojourn.home import Home
from sojourn.memory import MemoryJournal
from sojourn.testing import captured
from tests.core.collector import Collector, Reply, Request
from tests.core.journalled import read_home
from tests.waiting import until

if TYPE_CHECKING:
    from opentelemetry.context import Context


def run(program: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in {**os.environ, **variables}.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False, timeout=300
    )


# --- what cannot be written -------------------------------------------------------------------------------------------


def test_a_log_line_that_cannot_be_encoded_costs_itself_only(home: Path) -> None:
    sojourn.init(capture_logs=True)
    odd: dict[str, Any] = {"name": "shop", "levelno": 30, "levelname": "WARNING", "msg": "odd", "threadName": (1,)}
    logging.getLogger("shop").handle(logging.makeLogRecord(odd))
    logging.getLogger("shop").warning("even")
    sojourn.record(sojourn.ActionEvent("after"))
    sojourn.flush(0)

    told = read_home(home)
    assert [span.name for span in told.spans] == ["after"]
    assert [name for name, _ in told.events if name in {"session.start", ""}] == ["session.start", ""]
    assert sojourn.health().dropped == 1


@pytest.mark.parametrize("odd", [{}, {"name": "shop", "created": 1.7e12}, {"name": "shop", "created": -1.0}])
def test_a_record_of_log_lines_that_a_program_makes_itself_is_taken_as_it_is(odd: dict[str, Any]) -> None:
    with captured() as seen:
        sojourn.init(capture_logs=True)
        made: dict[str, Any] = {"levelno": 30, "levelname": "WARNING", "msg": "by hand", **odd}
        logging.getLogger("shop").handle(logging.makeLogRecord(made))
        [line] = seen.logs
    assert line.message == "by hand"
    assert 0 < line.time_ns < 2**63


def test_large_spans_come_apart_so_that_every_frame_can_be_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_FRAME_BYTES", 10_000)
    session = sojourn.init()
    for number in range(20):
        session.record(sojourn.ActionEvent(f"step {number}", params="x" * 4000))
        session.set_metadata({"large": "x" * 4000})
    sojourn.flush(0)

    told = read_home(home)
    assert [span.name for span in told.spans] == [f"step {number}" for number in range(20)]
    assert len([name for name, _ in told.events if name == semconv.SESSION_UPDATE]) >= 20
    frames = [frame for path in journal.paths(home / "journal") for frame in journal.read(path)[1]]
    assert max(len(frame.payload) for frame in frames) <= 10_000


def test_a_span_larger_than_any_frame_is_counted_as_lost_and_hides_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_FRAME_BYTES", 10_000)
    monkeypatch.setattr(recorder, "MAX_FRAME", 20_000)
    session = sojourn.init()
    session.record(sojourn.ActionEvent("huge", params="x" * 40_000))
    session.record(sojourn.ActionEvent("after"))
    sojourn.flush(0)

    assert [span.name for span in read_home(home).spans] == ["after"]
    assert sojourn.health().dropped == 1


def test_what_stands_behind_damage_in_a_journal_is_set_aside_and_not_removed(home: Path) -> None:
    program = "import sojourn, sys; sojourn.init(endpoint=sys.argv[1]); sojourn.record(sojourn.ActionEvent('before'))"
    answer = Reply(503)

    def decide(request: Request) -> Reply:
        return answer

    with Collector(decide) as collector:
        subprocess.run([sys.executable, "-c", program, collector.url], check=True, env=os.environ)
        [left] = journal.paths(home / "journal")
        # A bit of the last frame turns over.
        damaged = bytearray(left.read_bytes())
        damaged[-1] ^= 1
        left.write_bytes(bytes(damaged))
        answer = Reply()
        sojourn.init(endpoint=collector.url)
        sojourn.record(sojourn.ActionEvent("own"))
        aside = left.with_suffix(".damaged")
        until(aside.exists)
    assert aside.read_bytes() == bytes(damaged)


def test_memory_in_place_of_a_journal_may_be_written_by_a_signal_handler_in_the_middle_of_a_write() -> None:
    again: list[int] = []

    def lost(frame: journal.Frame) -> None:
        # What it is told while it holds its lock stands for a handler that interrupts this very thread.
        if not again:
            again.append(held.append(journal.Kind.LOGS, b"nested"))

    held = MemoryJournal(lost)
    half = b"x" * (40 * 1024 * 1024)
    held.append(journal.Kind.LOGS, half)
    held.append(journal.Kind.LOGS, half)
    assert len(again) == 1


# --- the program goes on ----------------------------------------------------------------------------------------------


def test_a_path_object_among_the_places_of_modules_does_not_fail_init(monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[Any] = [Path(__file__).parent, *sys.path]
    monkeypatch.setattr(sys, "path", places)
    assert sojourn.init().is_running


def test_a_user_without_a_home_folder_is_recorded_in_memory() -> None:
    program = """
import pwd
def nobody(uid):
    raise KeyError(uid)
pwd.getpwuid = nobody
import sojourn
sojourn.init()
sojourn.record(sojourn.ActionEvent("kept"))
sojourn.flush(0)
print(sojourn.health().memory_only)
"""
    done = run(program, SOJOURN_HOME=None, HOME=None, XDG_DATA_HOME=None)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_the_home_of_a_user_whom_nobody_knows_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"SOJOURN_HOME is '~nobody-here/x'.*write the path of a folder in full"):
        Home.find({"SOJOURN_HOME": "~nobody-here/x"})


def test_a_fault_that_has_no_words_is_contained_all_the_same() -> None:
    class Wordless(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    def fail() -> None:
        raise Wordless

    faults.raise_them(False)
    with faults.contained("test.wordless"):
        fail()
    assert faults.last() == "test.wordless: Wordless: no words"


def test_a_processor_of_the_program_that_fails_does_not_fail_what_is_decorated() -> None:
    class Failing(SpanProcessor):
        def on_start(self, span: Span, parent_context: Context | None = None) -> None:
            raise RuntimeError("at the start")

    faults.raise_them(False)
    sojourn.init()
    client = get_client()
    assert client is not None
    client.provider.add_span_processor(Failing())

    @sojourn.task
    def double(number: int) -> int:
        return number * 2

    assert double(2) == 4


def test_shutting_down_in_a_signal_handler_during_init_does_not_wait_for_itself() -> None:
    program = """
import signal, sys, sojourn
signal.signal(signal.SIGUSR1, lambda *_: sojourn.shutdown())
def watch(frame, event, arg):
    if event == "call" and frame.f_code.co_name == "_open":
        sys.setprofile(None)
        signal.raise_signal(signal.SIGUSR1)
sys.setprofile(watch)
print(sojourn.init().is_running)
"""
    done = run(program)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_list_that_never_ends_is_recorded_by_what_it_holds() -> None:
    class Endless(list[int]):
        def __iter__(self) -> Any:
            return itertools.repeat(1)

    policy = ContentPolicy()
    assert policy.render(Endless([1, 2])) == "[1,2]"
    assert policy.render({"numbers": Endless([1, 2])}) == '{"numbers":[1,2]}'


def test_many_sessions_that_end_together_do_not_each_ask_an_endpoint_that_is_away() -> None:
    program = """
import os, sojourn
from sojourn import sender
# However long this takes.
sender.IMPATIENCE_S = 3600
sojourn.init(endpoint=os.environ["URL"])
for session in [sojourn.start_session() for _ in range(20)]:
    session.end_session()
"""
    with Collector(lambda _: Reply(503)) as collector:
        done = run(program, URL=collector.url, SOJOURN_SUMMARY="on")
        assert done.stderr.count("session ended") == 21
        assert len(collector.requests) < 15


# --- one request is not another ---------------------------------------------------------------------------------------


def test_traces_of_two_requests_at_once_put_back_what_was_around_each() -> None:
    theirs = TracerProvider(shutdown_on_exit=False).get_tracer("server")
    sojourn.init()
    first, second = contextvars.copy_context(), contextvars.copy_context()

    def begin(name: str) -> sojourn.TraceContext:
        otel_context.attach(trace.set_span_in_context(theirs.start_span(name)))
        return sojourn.start_trace(name)

    traces = first.run(begin, "first"), second.run(begin, "second")
    first.run(traces[0].end)
    second.run(traces[1].end)
    assert getattr(second.run(trace.get_current_span), "name", None) == "second"


def test_a_task_that_outlives_a_shutdown_is_not_in_the_old_session() -> None:
    sojourn.init(inherited_session_id="old")
    within = contextvars.copy_context()
    sojourn.shutdown()
    new = sojourn.init()
    assert within.run(sojourn.current_session) is new


@pytest.mark.parametrize(("code", "state"), [(0, "Success"), (None, "Success"), (3, "Fail")])
def test_leaving_with_status_0_is_a_way_to_be_done(code: int | None, state: str) -> None:
    sojourn.init()
    with captured() as seen:
        session = sojourn.start_session()
        with pytest.raises(SystemExit), session, sojourn.start_trace("turn"):
            sys.exit(code)
        assert session.end_state.value == state
        assert seen.span("turn").attributes[semconv.TRACE_END_STATE] == state
