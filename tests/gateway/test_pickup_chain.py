"""The files of one process are taken over as one journal."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from sojourn import journal
from sojourn.chain import Chain
from sojourn.home import Home
from sojourn.journal import Journal, Kind, identify
from sojourn_gateway.ingest import Pickup
from sojourn_gateway.ingest.pickup import Swept
from tests.gateway.sender import end, event, logs, span, trace_id, traces

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gateway.sender import Store


@pytest.fixture
def dead(home: Path) -> Home:
    """A home of programs that are gone."""
    found = Home(home)
    found.make(found.journals)
    return found


def pickup(store: Store, home: Home) -> Pickup:
    return Pickup(store.ingest, home, project=store.project)


def files(home: Home, *frames: tuple[Kind, bytes]) -> list[Journal]:
    """A chain with one frame in each file, whose process has the session `s` open."""
    header = identify(1, "h", None, None)
    made: list[Journal] = []
    for kind, payload in frames:
        made.append(Journal(home.journals, header))
        made[-1].append(kind, payload)
        header = journal.succeed(header, ["s"])
    return made


def step(name: str) -> tuple[Kind, bytes]:
    return Kind.TRACES, traces([span(trace_id(), name, attributes={"session.id": "s"})])


def test_a_session_that_began_in_an_early_file_is_ended_once_by_the_death(store: Store, dead: Home) -> None:
    for file in files(dead, (Kind.LOGS, logs([event("session.start", "s")])), step("one"), step("two")):
        file.close(remove=False)

    assert pickup(store, dead).sweep() == Swept(1, 3, ("s",))
    assert sorted(one.name for one in store.session("s").spans) == ["one", "two"]
    assert store.session("s").summary.state == "Indeterminate"
    assert list(dead.journals.iterdir()) == []


def test_a_session_whose_start_was_delivered_and_removed_is_ended_too(store: Store, dead: Home) -> None:
    first, *rest = files(dead, (Kind.LOGS, logs([event("session.start", "s")])), step("one"))
    first.close(remove=True)
    for file in rest:
        file.close(remove=False)

    assert pickup(store, dead).sweep().ended_sessions == ("s",)


def test_a_session_that_ended_in_a_later_file_is_not_ended_again(store: Store, dead: Home) -> None:
    ends = (Kind.LOGS, logs([end("s", "Success", at_s=1)]))
    for file in files(dead, (Kind.LOGS, logs([event("session.start", "s")])), step("one"), ends):
        file.close(remove=False)

    assert pickup(store, dead).sweep() == Swept(1, 3)
    assert store.session("s").summary.state == "Success"


def test_nothing_of_a_living_process_is_taken_away(store: Store, dead: Home) -> None:
    """Not even a copy of one of its files beside them, which nobody has locked."""
    made = files(dead, (Kind.LOGS, logs([event("session.start", "s")])), step("one"))
    shutil.copy(made[0].path, dead.journals / "copy.journal")

    assert pickup(store, dead).sweep() == Swept()
    assert len(journal.paths(dead.journals)) == 3
    for file in made:
        file.close(remove=False)
    assert pickup(store, dead).sweep().ended_sessions == ("s",)
    assert store.session("s").summary.span_count == 1


def test_a_damaged_file_costs_its_chain_nothing_else(store: Store, dead: Home) -> None:
    made = files(dead, (Kind.LOGS, logs([event("session.start", "s")])), step("ruined"), step("kept"))
    for file in made:
        file.close(remove=False)
    content = bytearray(made[1].path.read_bytes())
    content[-3] ^= 0xFF
    made[1].path.write_bytes(content)

    aside = made[1].path.with_suffix(".damaged")
    assert pickup(store, dead).sweep() == Swept(0, 2, ("s",), (aside,))
    assert [one.name for one in store.session("s").spans] == ["kept"]
    assert list(dead.journals.iterdir()) == [aside]


def test_what_the_recorder_writes_is_what_the_pickup_takes(store: Store, dead: Home) -> None:
    chain = Chain(lambda: dead.journals, identify(1, "h", None, None), limit_bytes=1_000_000, sessions=lambda: ["s"])
    chain.append(Kind.LOGS, logs([event("session.start", "s")]))
    for number in range(5):
        kind, payload = step(f"{number} {'x' * 60_000}")
        chain.append(kind, payload)
    many = len(journal.paths(dead.journals))
    chain.leave_in_child()

    assert many > 1
    assert pickup(store, dead).sweep() == Swept(1, 6, ("s",))
    assert store.session("s").summary.span_count == 5
