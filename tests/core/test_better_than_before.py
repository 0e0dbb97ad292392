"""The complaints that users of AgentOps had, and what happens here instead.

What other tests show already is not shown again: ids of both types, every session ended by exit, signals and
exceptions, tags given as one text, sessions in tasks and threads, costs, re-`init`, opening without a network.
"""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

import sojourn
from sojourn import semconv
from tests.core.journalled import read_home
from tests.core.recorded import steps

if TYPE_CHECKING:
    from pathlib import Path


def test_init_gives_a_session_even_when_the_endpoint_is_dead() -> None:
    assert sojourn.init(endpoint="http://127.0.0.1:9").is_running


def test_module_functions_work_while_several_sessions_run(home: Path) -> None:
    first, second = sojourn.start_session(), sojourn.start_session()
    sojourn.record(sojourn.ActionEvent("kept"))
    sojourn.add_tags("late")
    assert sojourn.create_agent("A")
    sojourn.end_session("Success")

    [step] = steps(home)
    assert step.session == second.session_id
    assert second.tags == ["late"]
    assert not second.is_running
    assert first.is_running


def test_a_call_without_a_session_keyword_is_recorded_while_several_sessions_run(home: Path) -> None:
    sojourn.start_session()
    second = sojourn.start_session()

    @sojourn.record_action("act")
    def act() -> None: ...

    act()

    assert [step.session for step in steps(home)] == [second.session_id]


def test_a_worker_of_a_pool_records_in_the_session_that_is_patched_in(home: Path) -> None:
    sojourn.init(auto_start_session=False)
    sessions = [sojourn.start_session() for _ in range(4)]

    @sojourn.record_tool("work")
    def work(n: int) -> int:
        return n

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(session.patch(work), n) for n, session in enumerate(sessions) for _ in range(25)]
        assert sum(each.result() for each in done) == 25 * 6

    assert [session.get_analytics()["Tool calls"] for session in sessions] == [25] * 4
    assert sorted({step.session or "" for step in steps(home)}) == sorted(s.session_id for s in sessions)


def test_joining_resets_nothing_and_unites_the_tags(home: Path) -> None:
    shared = str(uuid4())
    first = sojourn.init(inherited_session_id=shared, tags=["a"])
    first.record(sojourn.ActionEvent("one"))
    again = sojourn.start_session(tags=["b"], inherited_session_id=shared)

    assert again is first
    assert first.event_counts["actions"] == 1


def test_an_exit_without_an_end_has_an_end_time(home: Path) -> None:
    sojourn.init()
    sojourn.shutdown()

    [end] = read_home(home).named(semconv.SESSION_END)
    assert end[semconv.SESSION_END_STATE] == "Indeterminate"
    assert end[semconv.SESSION_END_EXPLICIT] is False


def test_asking_for_analytics_neither_ends_the_session_nor_freezes_its_duration(home: Path) -> None:
    session = sojourn.init()
    session.get_analytics()
    before = session.duration_s

    assert session.end_timestamp is None
    assert session.duration_s > before
    sojourn.flush(0)
    assert read_home(home).named(semconv.SESSION_END) == []


def test_a_tight_loop_loses_nothing(home: Path) -> None:
    session = sojourn.init()
    for number in range(3000):
        session.record(sojourn.ActionEvent("step", params=number))

    assert session.get_analytics()["Actions"] == 3000
    assert len(steps(home)) == 3000


def test_values_that_are_no_json_are_described_rather_than_emptied(home: Path) -> None:
    session = sojourn.init()
    cycle: list[object] = []
    cycle.append(cycle)
    lock = threading.Lock()
    session.record(sojourn.ActionEvent("odd", params={"price": Decimal("1.5"), "lock": lock, "cycle": cycle}))

    @sojourn.record_action("method")
    def method(self: object, value: object) -> object:
        return value

    assert method(object(), cycle) is cycle

    odd, called = steps(home)
    assert '"price":"1.5"' in odd.facts[semconv.INPUT]
    assert "lock" in odd.facts[semconv.INPUT]
    assert "self" not in called.facts[semconv.INPUT]
    assert called.facts[semconv.OUTPUT]


def test_a_failed_call_is_recorded_as_the_call_that_it_was(home: Path) -> None:
    session = sojourn.init()

    @sojourn.record_action("fail")
    def fail() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()

    assert (session.event_counts["actions"], session.event_counts["errors"]) == (1, 1)
    [step] = steps(home)
    assert step.facts[semconv.ERROR_TYPE] == "OSError"


def test_an_error_event_points_to_its_trigger(home: Path) -> None:
    session = sojourn.init()
    action = sojourn.ActionEvent("plan")
    session.record(action)
    error = sojourn.ErrorEvent(trigger_event=action, error_type="Timeout")
    session.record(error)

    [step] = steps(home)
    trace, span = error.recorded_as
    assert (f"{trace:032x}", f"{span:016x}") == (step.trace, step.id)
    [told] = read_home(home).named(semconv.EXCEPTION_EVENT)
    assert told[semconv.TRIGGER_ID] == str(action.id)


def test_a_decorated_method_of_the_agent_itself_is_attributed_to_it(home: Path) -> None:
    sojourn.init()

    @sojourn.track_agent("Me")
    class Me:
        @sojourn.record_action("own")
        def own(self) -> None: ...

    Me().own()

    assert steps(home)[0].facts[semconv.AGENT_NAME] == "Me"


def test_agents_made_before_a_session_are_known_in_it(home: Path) -> None:
    @sojourn.track_agent("Early")
    class Early:
        @sojourn.record_action("act")
        def act(self) -> None: ...

    early = Early()
    sojourn.init()
    early.act()

    assert steps(home)[0].facts[semconv.AGENT_NAME] == "Early"


def test_manual_events_of_the_session_era_are_kept_in_the_trace_era(home: Path) -> None:
    sojourn.init()
    with sojourn.start_trace("turn"):
        sojourn.record(sojourn.ToolEvent(name="t"))

    [turn] = steps(home)
    assert [child.name for child in turn.children] == ["execute_tool t"]


def test_no_builtin_and_no_environment_is_changed() -> None:
    before = (builtins.print, builtins.__import__, dict(os.environ))
    sojourn.init()
    sojourn.start_trace("t")

    assert (builtins.print, builtins.__import__, dict(os.environ)) == before


def test_importing_does_nothing_until_init_is_called(home: Path) -> None:
    program = """
import signal, sys, threading
hooks = sys.excepthook, signal.getsignal(signal.SIGTERM)
import sojourn
from sojourn import agent, span, start_trace
assert hooks == (sys.excepthook, signal.getsignal(signal.SIGTERM))
assert threading.active_count() == 1
assert "opentelemetry" not in sys.modules
"""
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=home.parent)

    assert ran.returncode == 0, ran.stderr
    assert not home.exists()


def test_a_program_without_a_key_runs_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    sojourn.init().end_session("Success")

    assert caplog.messages == []
