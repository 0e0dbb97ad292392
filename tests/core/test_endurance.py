"""Programs that run for ever: what they recorded long ago is no longer held, and nothing is lost for it."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from decimal import Decimal
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import sojourn
from sojourn import companion, recorder, roster, semconv, tally
from sojourn.client import get_client
from sojourn.tally import Tally
from tests.core.journalled import plain, read_home
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.trace import Tracer


@pytest.fixture
def tracer() -> Tracer:
    """Makes spans that a tally can count."""
    return TracerProvider(shutdown_on_exit=False).get_tracer("test")


def is_collected(gone: weakref.ref[Any]) -> bool:
    """The recorder's thread may have it in hand for a moment yet."""
    gc.collect()
    return gone() is None


def test_of_sessions_that_ended_only_the_last_are_remembered() -> None:
    sojourn.init(auto_start_session=False)
    ids: list[str] = []
    for _ in range(roster.MAX_ENDED + 1):
        session = sojourn.start_session()
        session.end_session("Success")
        ids.append(session.session_id)
    gone = weakref.ref(sojourn.get_session(ids[-1]) or sojourn.start_session())
    session = sojourn.start_session()
    session.end_session()
    sojourn.flush(0)

    remembered = [made for made in ids if sojourn.get_session(made) is not None]

    assert remembered == ids[-len(remembered) :]
    assert roster.MAX_ENDED // 2 < len(remembered) <= roster.MAX_ENDED
    for _ in range(roster.MAX_ENDED):
        sojourn.start_session().end_session()
    until(lambda: is_collected(gone))


def test_a_session_that_the_program_holds_is_remembered_however_many_followed() -> None:
    sojourn.init(auto_start_session=False)
    held = sojourn.start_session()
    held.end_session("Success")
    for _ in range(roster.MAX_ENDED + 1):
        sojourn.start_session().end_session()

    held.record(sojourn.ActionEvent("late"))

    assert sojourn.get_session(held.session_id) is held
    assert held.get_analytics()["Actions"] == 1


def test_spans_that_are_begun_and_forgotten_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_OPEN", 100)
    monkeypatch.setattr(companion, "MAX_OPEN", 100)
    sojourn.init()
    client = get_client()
    assert client is not None
    first = client.tracer.start_span("first")
    gone = weakref.ref(first)
    host = TracerProvider(shutdown_on_exit=False)
    host.add_span_processor(
        companion.Companion(vars(client)["_recorder"], client.current_session_id, client.provider, client.policy)
    )
    del first
    for _ in range(200):
        client.tracer.start_span("forgotten")
        host.get_tracer("host").start_span("forgotten")
    sojourn.flush(0)

    until(lambda: is_collected(gone))
    # Those that came last are still known.
    with host.get_tracer("host").start_as_current_span("chat", attributes={semconv.OPERATION: semconv.CHAT}):
        pass
    assert sojourn.get_analytics() is not None
    assert (sojourn.get_analytics() or {})["LLM calls"] == 1


def test_a_tally_forgets_failures_whose_parents_never_fail(tracer: Tracer) -> None:
    counted = Tally()
    parent = tracer.start_span("parent")
    for _ in range(tally.MAX_EXPLAINED + 10):
        parent = tracer.start_span("parent")
        child = tracer.start_span("child", trace.set_span_in_context(parent), attributes={semconv.ERROR_TYPE: "E"})
        child.set_status(trace.StatusCode.ERROR)
        child.end()
        counted.count(child)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the SDK's span is one
    parent.set_attribute(semconv.ERROR_TYPE, "E")
    parent.set_status(trace.StatusCode.ERROR)
    parent.end()
    counted.count(parent)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert counted.errors == tally.MAX_EXPLAINED + 10
    assert len(vars(counted)["_explained"]) <= tally.MAX_EXPLAINED


def test_a_tally_that_nobody_asks_for_its_cost_prices_calls_as_they_come(
    tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "MAX_UNPRICED", 10)
    counted = Tally()
    told: dict[str, str | int] = {
        semconv.OPERATION: semconv.CHAT,
        semconv.REQUEST_MODEL: "gpt-4o",
        semconv.USAGE_INPUT_TOKENS: 1_000_000,
    }
    for _ in range(25):
        span = tracer.start_span("chat", attributes=told)
        span.end()
        counted.count(span)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert len(vars(counted)["_unsettled"]) == 5
    assert counted.cost().amount == 25 * Decimal("2.5")


def test_no_cost_and_no_error_is_lost_between_threads(tracer: Tracer) -> None:
    """Spans are counted on one thread while others ask for the cost and record errors by hand."""
    counted = Tally()
    told: dict[str, str | int] = {
        semconv.OPERATION: semconv.EXECUTE_TOOL,
        semconv.USAGE_COST: 1,
        semconv.ERROR_TYPE: "E",
    }
    span = tracer.start_span("tool", attributes=told)
    span.set_status(trace.StatusCode.ERROR)
    span.end()

    def by_hand() -> None:
        for _ in range(5_000):
            counted.count_error_event("Other", None)
            counted.cost()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [Thread(target=by_hand) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(5_000):
            counted.count(span)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)

    assert counted.cost().amount == 5_000
    assert counted.errors == 5_000 + 3 * 5_000


def test_ids_of_a_forked_child_are_its_own() -> None:
    """Random numbers are drawn ahead, and a fork would give out the parent's a second time."""
    program = """
import os
from sojourn.clock import new_uuid, random_bits
random_bits(64)
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, " ".join(str(new_uuid()) for _ in range(20)).encode())
    os._exit(0)
os.wait()
print(len({*os.read(read, 9999).decode().split(), *(str(new_uuid()) for _ in range(20))}))
"""
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert ran.stdout.strip() == "40"


@pytest.mark.parametrize("number", [10_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_events_recorded_in_a_loop_are_all_journalled_and_never_wait_in_numbers(number: int) -> None:
    """What waits in memory is at most `MAX_WAITING` spans and as many events."""
    program = f"""
import sojourn
from sojourn import recorder
from sojourn.client import get_client
# However long the recorder's thread gets no processor: it is waited for.
recorder.RELIEF_S = recorder.PATIENCE_S = 120
session = sojourn.init()
held = get_client()._recorder
most = 0
for index in range({number}):
    session.record(sojourn.ActionEvent("step", params=index))
    # Else what goes from one to the other meanwhile would be counted twice.
    with held._counting:
        most = max(most, len(held._ended) + len(held._ready))
sojourn.flush(0)
health = sojourn.health()
print(most <= recorder.MAX_WAITING, health.journalled_spans, health.dropped, session.get_analytics()["Actions"])
"""
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=os.environ)

    assert ran.stdout.split() == ["True", str(number), "0", str(number)]


def test_a_finished_event_is_written_though_the_program_only_waits(home: Path) -> None:
    """The writing thread is rung for, not polled."""
    sojourn.init()
    sojourn.record(sojourn.ActionEvent("once"))

    until(lambda: "once" in [span.name for span in read_home(home).spans])


def test_what_was_done_for_a_session_before_it_was_joined_counts() -> None:
    sojourn.init()
    with sojourn.span(sojourn.SpanOptions(name="look up", session_id="of another process")) as made:
        made.set_attribute(semconv.KIND, "action")

    joined = sojourn.start_session(inherited_session_id="of another process")
    joined.record(sojourn.ActionEvent("more"))

    assert joined.get_analytics()["Actions"] == 2


def test_sessions_that_were_never_joined_are_counted_in_bounds() -> None:
    sojourn.init()
    client = get_client()
    assert client is not None
    for number in range(2 * roster.MAX_ENDED):
        client.tally_of(f"of others {number}").actions += 1

    # The first ones were forgotten, and begin anew; the last one is still the same.
    assert client.tally_of(f"of others {2 * roster.MAX_ENDED - 1}").actions == 1
    assert client.tally_of("of others 0").actions == 0


def test_an_object_that_a_fork_carried_over_ends_with_the_parent_alone(home: Path) -> None:
    program = """
import os, sojourn
sojourn.init()
@sojourn.agent
class Guide: pass
guide = Guide()
sojourn.flush(0)
if os.fork() == 0:
    del guide
    sojourn.record(sojourn.ActionEvent("in the child"))
    sojourn.flush(0)
    os._exit(0)
os.wait()
del guide
"""
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ)

    assert sorted(span.name for span in read_home(home).spans) == ["in the child", "invoke_agent Guide"]


def test_a_generator_of_large_items_is_not_held_as_a_whole(home: Path) -> None:
    @sojourn.operation
    def produce() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(100_000)

    sojourn.init()
    assert sum(map(len, produce())) == 10_000_000
    sojourn.flush(0)

    [span] = read_home(home).spans
    assert "[61 more]" in plain(span.attributes)[semconv.OUTPUT]
