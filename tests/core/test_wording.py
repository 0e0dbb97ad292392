"""A redactor that takes its time, never comes back, or raises what it likes costs its own texts, and nothing else."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import sojourn
from sojourn import faults, recorder, semconv
from sojourn.behind import Holder, snapshot
from sojourn.client import get_client
from sojourn.content import WITHHELD
from tests.core.journalled import plain, read_home
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

SOON_S = 0.05


class Stuck:
    """A redactor that does not answer before `free` is set."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.free = threading.Event()

    def __call__(self, text: str) -> str:
        if text == "secret":
            self.asked.set()
            self.free.wait(60)
        return text.upper()


@pytest.fixture
def stuck() -> Generator[Stuck]:
    """One that is let go of when its test is over."""
    redact = Stuck()
    yield redact
    redact.free.set()


def call(name: str, said: str) -> None:
    """A span of an instrumentor that holds a text."""
    client = get_client()
    assert client is not None
    with client.provider.get_tracer("sojourn.openai", "1").start_span(name) as span:
        assert isinstance(span, Holder)
        held = snapshot(client.policy, said)
        assert held is not None
        span.hold("said", held)


def said(home: Path) -> dict[str, Any]:
    """What the spans in the journal say, by their names."""
    return {span.name: plain(span.attributes).get("said") for span in read_home(home).spans}


def said_by(home: Path, number: int) -> dict[str, Any]:
    """The same, as soon as so many are there."""
    until(lambda: len(said(home)) == number)
    return said(home)


def test_a_redactor_that_never_answers_keeps_nobody_from_ending(
    home: Path, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "PATIENCE_S", SOON_S)
    session = sojourn.init(redact=[stuck])
    assert session is not None
    call("first", "secret")
    assert stuck.asked.wait(60)
    call("second", "plain")
    sojourn.end_session("Success")
    sojourn.flush(0)

    assert [one[semconv.SESSION_END_STATE] for one in read_home(home).named(semconv.SESSION_END)] == ["Success"]
    assert said(home) == {}
    sojourn.shutdown()
    assert said(home) == {"first": WITHHELD, "second": WITHHELD}


def test_a_redactor_that_was_seen_to_hang_is_not_waited_for_again(
    home: Path, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the next that wants everything written, nor at the end: else this test would take an hour."""
    monkeypatch.setattr(recorder, "PATIENCE_S", SOON_S)
    sojourn.init(redact=[stuck])
    call("first", "secret")
    assert stuck.asked.wait(60)
    call("second", "plain")
    sojourn.flush(0)
    monkeypatch.setattr(recorder, "PATIENCE_S", 3600)
    sojourn.flush(0)
    sojourn.flush(0)
    sojourn.shutdown()

    assert said(home) == {"first": WITHHELD, "second": WITHHELD}


def test_a_redactor_that_came_back_after_all_is_waited_for_again(
    home: Path, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One long moment, such as a model that is loaded, does not cost the rest of the program its content."""
    monkeypatch.setattr(recorder, "PATIENCE_S", SOON_S)
    sojourn.init(redact=[stuck])
    call("first", "secret")
    assert stuck.asked.wait(60)
    call("second", "plain")
    sojourn.flush(0)
    stuck.free.set()
    assert said_by(home, 2) == {"first": "SECRET", "second": "PLAIN"}

    monkeypatch.setattr(recorder, "PATIENCE_S", 60)
    stuck.free.clear()
    stuck.asked.clear()
    call("third", "secret")
    assert stuck.asked.wait(60)
    written: list[str | None] = []

    def flush() -> None:
        sojourn.flush(0)
        written.append(said(home).get("third"))

    flushing = threading.Thread(target=flush)
    flushing.start()
    flushing.join(0.2)  # who does not wait is done by now
    stuck.free.set()
    flushing.join(60)

    assert written == ["SECRET"]


def test_what_a_redactor_has_in_hand_is_recorded_when_it_answers(
    home: Path, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "PATIENCE_S", SOON_S)
    sojourn.init(redact=[stuck])
    call("first", "secret")
    assert stuck.asked.wait(60)
    call("second", "plain")
    sojourn.flush(0)
    stuck.free.set()

    assert said_by(home, 2) == {"first": "SECRET", "second": "PLAIN"}


def test_what_waits_for_a_redactor_is_bounded_and_only_content_is_given_up(
    home: Path, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "PATIENCE_S", SOON_S)
    monkeypatch.setattr(recorder, "RELIEF_S", 0)
    monkeypatch.setattr(recorder, "MAX_WAITING", 5)
    sojourn.init(redact=[stuck])
    call("0", "secret")
    assert stuck.asked.wait(60)
    for number in range(1, 30):
        call(str(number), "plain")
    sojourn.flush(0)

    # Ten wait, the others are written without what they say.
    assert set(said(home).values()) == {WITHHELD}
    assert len(said(home)) == 20
    stuck.free.set()
    sojourn.flush(0)
    told = said_by(home, 30)
    assert [told["0"], told["1"], told["29"]] == ["SECRET", "PLAIN", WITHHELD]


class Panic(BaseException):
    """What a library that is not written in Python raises."""


def test_a_redactor_that_raises_what_is_no_exception_costs_its_own_text(home: Path) -> None:
    def redact(text: str) -> str:
        if text == "secret":
            raise Panic
        return text.upper()

    before = faults.counted().get("recorder.cycle", 0)
    sojourn.init(redact=[redact])
    call("first", "secret")
    until(lambda: said(home))
    call("second", "plain")

    assert said_by(home, 2) == {"first": WITHHELD, "second": "PLAIN"}
    assert faults.counted()["recorder.cycle"] == before + 1


class OddName(str):
    """A name that cannot be looked at twice."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise ValueError("odd")


def test_a_span_that_cannot_be_told_costs_none_but_itself(home: Path) -> None:
    sojourn.init()
    client = get_client()
    assert client is not None
    with client.provider.get_tracer("sojourn.openai").start_span("odd") as span:
        span.set_attribute(OddName("odd"), 1)
    call("second", "plain")
    sojourn.flush(0)

    assert said(home) == {"second": "plain"}
    assert sojourn.health().dropped == 1
