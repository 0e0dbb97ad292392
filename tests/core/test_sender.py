"""From the journal to an endpoint: real sockets, and every way in which an endpoint can be difficult."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import sojourn
from sojourn import journal, semconv
from sojourn.home import Gateway, Home
from tests.core.collector import Collector, Reply, Request
from tests.core.journalled import read_home
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def record(*names: str) -> None:
    for name in names:
        sojourn.record(sojourn.ActionEvent(action_type=name))


def names(collector: Collector) -> list[str]:
    return [span.name for span in collector.taken.spans]


@pytest.mark.usefixtures("patient_exit")
def test_what_an_endpoint_took_over_is_gone_from_the_disk_after_the_end(home: Path) -> None:
    with Collector() as collector:
        sojourn.init(endpoint=collector.url, api_key="secret-key")
        record("one", "two")
        assert sojourn.flush(120)
        sojourn.shutdown()

        assert names(collector) == ["one", "two"]
        assert [name for name, _ in collector.taken.events if name == semconv.SESSION_END]
        assert {request.headers["Authorization"] for request in collector.requests} == {"Bearer secret-key"}
    assert journal.paths(home / "journal") == []


def test_the_key_is_nowhere_in_the_home(home: Path) -> None:
    sojourn.init(endpoint="http://127.0.0.1:1", api_key="secret-key")
    record("one")
    sojourn.shutdown()

    assert journal.paths(home / "journal")
    assert not [path for path in home.rglob("*") if path.is_file() and b"secret-key" in path.read_bytes()]


def test_the_gateway_that_serves_the_home_is_found_also_when_it_comes_later(home: Path) -> None:
    sojourn.init()
    record("early")
    with Collector() as collector:
        Home(home).announce(Gateway(collector.url, os.getpid()))
        until(lambda: "early" in names(collector))
        record("late")
        until(lambda: "late" in names(collector))


@pytest.mark.usefixtures("patient_exit")
def test_an_endpoint_that_is_overloaded_gets_it_later_and_once(home: Path) -> None:
    answers = iter([Reply(429, {"Retry-After": "0"}), Reply(503)])

    def decide(request: Request) -> Reply:
        return next(answers, Reply()) if request.path == "/v1/traces" else Reply()

    with Collector(decide) as collector:
        sojourn.init(endpoint=collector.url)
        record("kept")
        until(lambda: names(collector) == ["kept"])
        sojourn.shutdown()
        assert names(collector) == ["kept"]
    assert journal.paths(home / "journal") == []


def test_a_refused_key_keeps_everything_in_the_journal(home: Path) -> None:
    with Collector(lambda _: Reply(401)) as collector:
        sojourn.init(endpoint=collector.url, api_key="wrong")
        record("kept")
        until(lambda: "refuses the key" in (sojourn.health().last_error or ""))
        sojourn.shutdown()

    assert [span.name for span in read_home(home).spans] == ["kept"]


@pytest.mark.usefixtures("patient_exit")
def test_a_batch_that_is_called_malformed_is_set_aside_and_blocks_nothing(home: Path) -> None:
    def decide(request: Request) -> Reply:
        return Reply(400) if b"poison" in request.body else Reply()

    with Collector(decide) as collector:
        sojourn.init(endpoint=collector.url)
        for name in ("good", "poison", "better"):
            record(name)
            sojourn.flush(0.01)
        until(lambda: "better" in names(collector))
        sojourn.shutdown()

        assert names(collector) == ["good", "better"]
    [kept] = (home / "refused").glob("*.otlp")
    assert b"poison" in kept.read_bytes()
    assert journal.paths(home / "journal") == []


@pytest.mark.usefixtures("patient_exit")
def test_pending_spans_go_to_a_gateway_of_ours_only() -> None:
    from sojourn.client import get_client

    for ours in (True, False):
        with Collector(ours=ours) as collector:
            sojourn.init(endpoint=collector.url)
            client = get_client()
            assert client is not None
            span = client.provider.get_tracer("t").start_span("open")
            sojourn.shutdown()
            span.end()

            assert names(collector) == (["open"] if ours else [])


@pytest.mark.usefixtures("patient_exit")
def test_the_journal_of_a_killed_process_is_delivered_by_the_next_one_with_the_same_endpoint_and_key(
    home: Path,
) -> None:
    program = """
import os, signal, sojourn
sojourn.init(endpoint=os.environ["URL"], api_key="k")
sojourn.record(sojourn.ActionEvent(action_type="of the dead"))
sojourn.flush(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with Collector() as collector:
        # The port is free while the first process runs: it reaches nobody.
        with socket.socket() as unreachable:
            unreachable.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unreachable.getsockname()[1]}"
            subprocess.run([sys.executable, "-c", program], env={**os.environ, "URL": url}, check=False)
        [path] = journal.paths(home / "journal")
        # The same journal, as if its endpoint had come up again.
        header, frames = journal.read(path)
        moved = journal.Journal(path.parent, journal.identify(header.pid, "h", collector.url, header.key_fingerprint))
        for frame in frames:
            moved.append(frame.kind, frame.payload)
        moved.close(remove=False)
        path.unlink()

        sojourn.init(endpoint=collector.url, api_key="another key")
        record("mine")
        assert sojourn.flush(120)
        assert "of the dead" not in names(collector)
        sojourn.shutdown()

        sojourn.init(endpoint=collector.url, api_key="k")
        record("mine too")
        until(lambda: "of the dead" in names(collector))
        until(lambda: len(journal.paths(home / "journal")) == 1)


EXIT = """
import os, sojourn
session = sojourn.init(endpoint=os.environ.get("URL") or None)
session.record(sojourn.ActionEvent(action_type="kept"))
"""


def run(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


def test_an_endpoint_that_never_answers_does_not_hold_up_the_exit_and_nothing_is_lost(home: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        done = run(EXIT, URL=f"http://127.0.0.1:{silent.getsockname()[1]}")

    assert (done.returncode, done.stderr) == (0, "")
    found = read_home(home)
    assert [span.name for span in found.spans] == ["kept"]
    [end] = found.named(semconv.SESSION_END)
    assert (end[semconv.SESSION_END_STATE], end[semconv.SESSION_END_EXPLICIT]) == ("Indeterminate", False)


def test_an_uncaught_exception_ends_the_session_as_failed_and_changes_nothing_else(home: Path) -> None:
    done = run(EXIT + "raise LookupError('nothing here')")

    assert done.returncode == 1
    assert done.stderr.endswith("LookupError: nothing here\n")
    assert done.stderr.startswith("Traceback")
    [end] = read_home(home).named(semconv.SESSION_END)
    assert end[semconv.SESSION_END_STATE] == "Fail"
    assert end[semconv.SESSION_END_REASON] == "LookupError: nothing here"


def test_a_hook_for_uncaught_exceptions_that_was_there_before_still_runs(home: Path) -> None:
    before = "import sys\nsys.excepthook = lambda *args: print('theirs')\n"
    done = run(before + EXIT + "raise LookupError('nothing here')")

    assert done.stdout == "theirs\n"
    assert read_home(home).named(semconv.SESSION_END)


def test_kill_9_loses_nothing_that_was_journalled(home: Path) -> None:
    program = """
import os, signal, time, sojourn
from sojourn.home import Home
session = sojourn.init()
for number in range(20):
    session.record(sojourn.ActionEvent(action_type=f"step {number}"))
# What is promised is 50 ms, on a machine that has nothing else to do.
while sojourn.health().journalled_spans < 20:
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = run(program)

    assert done.returncode == -9
    assert [span.name for span in read_home(home).spans] == [f"step {number}" for number in range(20)]


@pytest.mark.parametrize(("choice", "said"), [("on", True), ("off", False), ("auto", False)])
def test_the_summary_speaks_when_it_is_wanted_and_names_the_command_without_a_gateway(choice: str, said: bool) -> None:
    done = run(EXIT + "session.end_session('Success')\nprint(session.session_id)", SOJOURN_SUMMARY=choice)

    session_id = done.stdout.strip()
    assert bool(done.stderr) is said
    if said:
        assert done.stderr.startswith("sojourn: session ended · Success · ")
        assert done.stderr.endswith(f"see it with: sojourn sessions show {session_id}\n")


def test_the_summary_links_to_the_page_when_the_endpoint_holds_it_all() -> None:
    with Collector() as collector:
        # Nor may the summary give up early on a machine that is busy.
        patient = "from sojourn import client\nclient.EXIT_PATIENCE_S = 120\n"
        done = run(patient + EXIT + "session.end_session('Success')", SOJOURN_SUMMARY="on", URL=collector.url)

    assert f"see it at {collector.url}/sessions/" in done.stderr


def test_a_journal_that_cannot_be_removed_does_not_end_all_delivery(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = "import sojourn, sys; sojourn.init(endpoint=sys.argv[1]); sojourn.record(sojourn.ActionEvent('orphan'))"
    answer = Reply(503)

    def decide(request: Request) -> Reply:
        return answer

    with Collector(decide) as collector:
        subprocess.run([sys.executable, "-c", program, collector.url], check=True, env=os.environ)
        [left] = journal.paths(home / "journal")
        # What was acknowledged is remembered in a file of this name.
        left.with_suffix(".ack").mkdir()
        answer = Reply()
        sojourn.init(endpoint=collector.url)
        record("own")
        until(lambda: "orphan" in names(collector) and not left.exists())

        record("after")

        until(lambda: "after" in names(collector))
    assert "was delivered, but cannot be removed" in caplog.text
