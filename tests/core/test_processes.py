"""One session in several processes: real programs, started in every way that Python has."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import sojourn
from sojourn import semconv
from tests.core.journalled import Journalled, plain, read_home

if TYPE_CHECKING:
    from pathlib import Path

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def run(program: str, folder: Path, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a program from a file, since children that are spawned import it again."""
    path = folder / "program.py"
    path.write_text(program, "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", path],
        env={**(os.environ if environ is None else environ)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done


def sessions_of(found: Journalled) -> dict[str, Any]:
    """The session of each step that was recorded."""
    return {span.name: plain(span.attributes).get(semconv.SESSION_ID) for span in found.spans}


# --- started by the environment -----------------------------------------------------------------------------------

CHILD = """
import sojourn
session = sojourn.init()
sojourn.record(sojourn.ActionEvent("child"))
sojourn.add_tags("of the child")
print(session.session_id)
"""


def test_a_child_with_our_environment_works_in_the_session_and_below_the_span(home: Path, tmp_path: Path) -> None:
    session = sojourn.init(tags=["of the parent"])
    with sojourn.span("start the child") as span:
        done = run(CHILD, tmp_path, sojourn.environment())
    sojourn.flush(0)

    found = read_home(home)
    [child] = [one for one in found.spans if one.name == "child"]
    assert done.stdout.strip() == session.session_id
    assert (child.trace_id.hex(), child.parent_span_id.hex()) == (span.trace_id, span.span_id)
    assert sessions_of(found) == {"child": session.session_id, "start the child": session.session_id}
    assert [told[semconv.SESSION_ID] for told in found.named(semconv.SESSION_JOIN)] == [session.session_id]
    # Tags unite, and the process that did not begin the session does not end it.
    tags = [told.get(semconv.SESSION_TAGS_ADDED) for name, told in found.events if name.startswith(("session", "so"))]
    assert [tag for tag in tags if tag] == [["of the child"], ["of the parent"]] or [tag for tag in tags if tag] == [
        ["of the parent"],
        ["of the child"],
    ]
    assert found.named(semconv.SESSION_END) == []


@pytest.mark.parametrize(
    ("given", "variables", "joined"),
    [
        ("", {}, None),
        ("", {"BAGGAGE": "session.id=of-baggage"}, "of-baggage"),
        ("", {"baggage": "session.id=of-baggage"}, "of-baggage"),
        ("", {"BAGGAGE": "session.id=of-baggage", "SOJOURN_SESSION_ID": "of-variable"}, "of-variable"),
        ("inherited_session_id='of-argument'", {"SOJOURN_SESSION_ID": "of-variable"}, "of-argument"),
        ("inherited_session_id='of-argument'", {"BAGGAGE": "session.id=of-baggage"}, "of-argument"),
        ("", {"BAGGAGE": "session.id=%00", "TRACEPARENT": "nonsense"}, None),
    ],
)
def test_the_argument_beats_the_variable_beats_baggage(
    monkeypatch: pytest.MonkeyPatch, given: str, variables: dict[str, str], joined: str | None
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    before = dict(os.environ)
    session = sojourn.init(inherited_session_id=given.partition("'")[2].rstrip("'") or None)

    assert session.joined is (joined is not None)
    assert joined is None or session.session_id == joined
    assert dict(os.environ) == before


def test_without_init_the_first_session_joins_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAGGAGE", "session.id=of-baggage")

    assert sojourn.start_session().session_id == "of-baggage"
    assert sojourn.start_session().session_id != "of-baggage"


@pytest.mark.parametrize("name", ["TRACEPARENT", "traceparent"])
def test_first_steps_hang_below_the_span_that_the_environment_names_on_every_thread(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    import threading

    monkeypatch.setenv(name, PARENT)
    sojourn.init()

    def work() -> None:
        with sojourn.span("outer"), sojourn.span("inner"):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with sojourn.start_trace("turn"):
        sojourn.record(sojourn.ActionEvent("in the turn"))
    sojourn.flush(0)

    spans = {span.name: span for span in read_home(home).spans}
    assert f"00-{spans['outer'].trace_id.hex()}-{spans['outer'].parent_span_id.hex()}-01" == PARENT
    assert spans["inner"].parent_span_id == spans["outer"].span_id
    # A trace that the program begins by name is its own, and says where it came from.
    assert spans["turn"].parent_span_id == b""
    assert f"00-{spans['turn'].links[0].trace_id.hex()}-{spans['turn'].links[0].span_id.hex()}-01" == PARENT
    assert spans["in the turn"].parent_span_id == spans["turn"].span_id


def test_spans_of_the_programs_own_provider_stay_where_it_puts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace import TracerProvider

    monkeypatch.setenv("TRACEPARENT", PARENT)
    sojourn.init()
    span = TracerProvider().get_tracer("theirs").start_span("GET /")
    span.end()

    assert span.parent is None  # type: ignore[attr-defined]  # the SDK's span tells it


# --- started by Python's own means --------------------------------------------------------------------------------

POOLS = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import sojourn

def begin(headers):
    sojourn.init(auto_start_session=False)
    global carried
    carried = headers

def work(number):
    with sojourn.extract(carried) as session:
        sojourn.record(sojourn.ActionEvent(f"job {number}"))
        return session.session_id

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1] if len(sys.argv) > 1 else METHOD)
    session = sojourn.init()
    with sojourn.span("pool"):
        with ProcessPoolExecutor(2, mp_context=context, initializer=begin, initargs=(sojourn.inject(),)) as pool:
            assert set(pool.map(work, range(10))) == {session.session_id}
    session.end_session("Success")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has spawn only")
def test_a_pool_of_processes_works_in_the_session_of_its_owner(home: Path, tmp_path: Path, method: str) -> None:
    run(f"METHOD = {method!r}\n{POOLS}", tmp_path)

    found = read_home(home)
    spans = {span.name: span for span in found.spans}
    assert sorted(spans) == sorted([*(f"job {number}" for number in range(10)), "pool"])
    assert len(set(sessions_of(found).values())) == 1
    assert {spans[f"job {number}"].parent_span_id for number in range(10)} == {spans["pool"].span_id}
    assert len(found.named(semconv.SESSION_END)) == 1


PLAIN = """
import multiprocessing
import sojourn

def work(session_id):
    session = sojourn.init(inherited_session_id=session_id)
    sojourn.record(sojourn.ActionEvent("child"))
    assert session.get_analytics()["Actions"] == 1

if __name__ == "__main__":
    session = sojourn.init()
    sojourn.record(sojourn.ActionEvent("parent"))
    child = multiprocessing.get_context("spawn").Process(target=work, args=(session.session_id,))
    child.start()
    child.join()
    assert child.exitcode == 0
"""


def test_what_a_spawned_child_recorded_last_is_kept(home: Path, tmp_path: Path) -> None:
    run(PLAIN, tmp_path)

    found = read_home(home)
    assert sorted(sessions_of(found)) == ["child", "parent"]
    assert len(set(sessions_of(found).values())) == 1
    assert len(found.named(semconv.SESSION_END)) == 1


# --- within one process -------------------------------------------------------------------------------------------

WITHIN = """
import asyncio, contextvars, threading
from concurrent.futures import ThreadPoolExecutor
import sojourn

def step(name):
    sojourn.record(sojourn.ActionEvent(name))

def steps(name):
    for part in range(2):
        step(f"{name} {part}")
        yield part

async def async_steps(name):
    for part in range(2):
        await asyncio.sleep(0)
        step(f"{name} {part}")
        yield part

async def turn(number):
    session = sojourn.start_session(name=f"s{number}")
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(step, f"s{number} to_thread")
    # An executor of the loop does not carry the context; the program does, as for any context variable.
    await loop.run_in_executor(None, contextvars.copy_context().run, step, f"s{number} executor")
    await loop.run_in_executor(None, session.patch(step), f"s{number} patched")
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(step, f"s{number} group"))
    for _ in steps(f"s{number} generator"):
        await asyncio.sleep(0)
    async for _ in async_steps(f"s{number} async generator"):
        pass
    loop.call_soon(step, f"s{number} call_soon")
    await asyncio.sleep(0)
    session.end_session("Success")

async def main():
    await asyncio.gather(*(turn(number) for number in range(8)))

asyncio.run(main())

first = sojourn.init(name="the program")
with ThreadPoolExecutor(2) as pool:
    list(pool.map(step, ["first pool"] * 2))
    with sojourn.start_session(name="second") as second:
        list(pool.map(second.patch(step), ["second pool"] * 2))
threads = [threading.Thread(target=step, args=("first thread",))]
threads.append(threading.Timer(0, step, ("first timer",)))
for thread in threads:
    thread.start()
    thread.join()
"""


def test_tasks_threads_executors_and_generators_each_record_in_their_session(home: Path, tmp_path: Path) -> None:
    run(WITHIN, tmp_path)

    found = read_home(home)
    names = {
        told[semconv.SESSION_ID]: "first" if told[semconv.SESSION_NAME] == "the program" else told[semconv.SESSION_NAME]
        for told in found.named(semconv.SESSION_START)
    }
    wrong = [span for span in found.spans if names[plain(span.attributes)[semconv.SESSION_ID]] != span.name.split()[0]]
    assert [span.name for span in wrong] == []
    assert len(found.spans) == 8 * 9 + 6


# --- the very end -------------------------------------------------------------------------------------------------

ENDS = {
    "a function at exit, registered before": """
import atexit, sojourn
atexit.register(lambda: sojourn.record(sojourn.ActionEvent("last")))
sojourn.init()
""",
    "a function at exit, registered after": """
import atexit, sojourn
sojourn.init()
atexit.register(lambda: sojourn.record(sojourn.ActionEvent("last")))
""",
    "a thread that is no daemon": """
import threading, sojourn
sojourn.init()
def work():
    threading.main_thread().join()
    sojourn.record(sojourn.ActionEvent("last"))
threading.Thread(target=work).start()
""",
    "a daemon thread": """
import atexit, threading, sojourn
sojourn.init()
asked, done = threading.Event(), threading.Event()
def work():
    asked.wait()
    sojourn.record(sojourn.ActionEvent("last"))
    done.set()
threading.Thread(target=work, daemon=True).start()
def late():
    asked.set()
    assert done.wait(120)
# Called after ours, since it was registered before.
atexit.register(late)
""",
}


@pytest.mark.parametrize("end", ENDS)
def test_what_is_recorded_at_the_very_end_is_kept(home: Path, tmp_path: Path, end: str) -> None:
    done = run(ENDS[end], tmp_path)

    found = read_home(home)
    [session_id] = {told[semconv.SESSION_ID] for told in found.named(semconv.SESSION_START)}
    assert sessions_of(found) == {"last": session_id}
    assert done.stderr == ""
    assert len(found.named(semconv.SESSION_END)) == 1


TOO_LATE = """
import sojourn
session = sojourn.init()
session.record(sojourn.ActionEvent("in time"))
span = sojourn.span("open")
span.__enter__()
class Late:
    def __init__(self):
        self.session, self.event, self.span = session, sojourn.ActionEvent("late"), span
    def __del__(self):
        self.session.record(self.event)
        self.span.__exit__(None, None, None)
late = Late()
"""


def test_what_comes_when_the_interpreter_is_taken_apart_is_lost_in_silence(home: Path, tmp_path: Path) -> None:
    """Nothing can be imported or written then; a span that is still open was told of as pending before."""
    done = run(TOO_LATE, tmp_path)

    found = read_home(home)
    assert done.stderr == ""
    assert list(sessions_of(found)) == ["in time"]
    assert [span.name for span in found.pending] == ["open"]
    assert len(found.named(semconv.SESSION_END)) == 1
