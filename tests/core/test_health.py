"""`sojourn.health()`, and the one line at the end of a program that lost something."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import sojourn
from sojourn import Health, journal
from tests.core.collector import Collector, Reply
from tests.core.journalled import read_home
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def record(*names: str) -> None:
    for name in names:
        sojourn.record(sojourn.ActionEvent(action_type=name))


def run(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


def test_before_anything_was_started_all_is_zero() -> None:
    assert sojourn.health() == Health()


def test_what_is_delivered_is_counted_and_nothing_waits() -> None:
    with Collector() as collector:
        sojourn.init(endpoint=collector.url)
        record("one", "two")
        assert sojourn.flush(120)
        health = sojourn.health()

    assert (health.journalled_spans, health.delivered_spans, health.waiting_bytes) == (2, 2, 0)
    assert (health.dropped, health.refused, health.memory_only) == (0, 0, False)
    assert health.endpoint == health.reached == collector.url


def test_without_an_endpoint_it_waits_in_the_journal(home: Path) -> None:
    sojourn.init()
    record("one")
    sojourn.flush(0)
    health = sojourn.health()

    assert (health.journalled_spans, health.delivered_spans) == (1, 0)
    assert health.waiting_bytes > 0
    assert (health.endpoint, health.reached) == (None, None)
    assert [health.journal] == journal.paths(home / "journal")


def test_a_refused_key_shows_as_the_last_error() -> None:
    with Collector(lambda _: Reply(401)) as collector:
        sojourn.init(endpoint=collector.url, api_key="wrong")
        record("one")
        until(lambda: "refuses the key (401)" in (sojourn.health().last_error or ""))
        assert sojourn.health().faults["sender.key"] >= 1
        assert sojourn.health().waiting_bytes > 0


PROGRAM = """
import os, sojourn
session = sojourn.init(endpoint=os.environ.get("URL") or None)
session.record(sojourn.ActionEvent(action_type="kept"))
"""


def test_a_program_that_lost_something_says_so_once_at_its_end(home: Path) -> None:
    home.write_text("a file where the folder should be")
    done = run(PROGRAM + "session.end_session()\nsojourn.flush(0)\nassert sojourn.health().memory_only\n")

    assert done.returncode == 0
    [warning, last] = done.stderr.splitlines()
    assert "recording goes on in memory" in warning
    # The start, the step and the end of the session; the facts of the machine too, if they came in time.
    assert last.partition(" ")[2].startswith(("3 spans or session events were lost", "4 spans or session events"))
    assert last.endswith("; `sojourn doctor` says more")


def test_memory_serves_an_endpoint_that_is_there_and_nothing_is_lost(home: Path) -> None:
    home.write_text("a file where the folder should be")
    with Collector() as collector:
        # A machine that is busy may take longer than an exit is worth.
        done = run("from sojourn import client\nclient.EXIT_PATIENCE_S = 120\n" + PROGRAM, URL=collector.url)
        assert [span.name for span in collector.taken.spans] == ["kept"]

    assert "lost" not in done.stderr


def test_a_program_that_lost_nothing_says_nothing() -> None:
    assert run(PROGRAM).stderr == ""
    assert run(PROGRAM, SOJOURN_DISABLED="1").stderr == ""


def test_a_disk_that_is_full_for_a_while_costs_nothing(home: Path) -> None:
    """The limit on the size of files stands in for the full disk: both refuse in the middle of a write."""
    program = """
import resource, time, sojourn
from sojourn.client import get_client
session = sojourn.init()
def record(number):
    session.record(sojourn.ActionEvent(action_type=f"step {number}", params="x" * 2000))
    sojourn.flush(0)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
record(0)
resource.setrlimit(resource.RLIMIT_FSIZE, (sojourn.health().journal.stat().st_size + 3000, hard))
for number in range(1, 6):
    record(number)
assert sojourn.health().memory_only
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
deadline = time.monotonic() + 120
while sojourn.health().memory_only:
    assert time.monotonic() < deadline
    sojourn.flush(0)
record(6)
"""
    done = run(program)

    assert done.returncode == 0, done.stderr
    assert [span.name for span in read_home(home).spans] == [f"step {number}" for number in range(7)]
    [warning] = done.stderr.splitlines()
    assert "the journal cannot be written" in warning


def test_a_home_that_vanishes_while_recording_is_made_again(home: Path) -> None:
    program = """
import os, shutil, time, sojourn
session = sojourn.init()
for number in range(3):
    session.record(sojourn.ActionEvent(action_type=f"step {number}"))
sojourn.flush(0)
# Away in one go: the recorder's thread makes it again as soon as it sees this, perhaps before all of it is deleted.
away = os.environ["SOJOURN_HOME"] + ".away"
os.rename(os.environ["SOJOURN_HOME"], away)
shutil.rmtree(away)
session.record(sojourn.ActionEvent(action_type="step 3"))
"""
    done = run(program)

    assert done.returncode == 0, done.stderr
    assert [span.name for span in read_home(home).spans] == [f"step {number}" for number in range(4)]
    [warning] = done.stderr.splitlines()
    assert "was deleted or moved; what it held is written anew" in warning


@pytest.mark.parametrize("limit", ["1MB", "4MB"])
def test_a_journal_that_nobody_takes_stays_within_its_limit_and_says_what_it_dropped(home: Path, limit: str) -> None:
    program = """
import sojourn
session = sojourn.init()
for number in range(100):
    session.record(sojourn.ActionEvent(action_type=f"step {number}", params="x" * 100_000))
    sojourn.flush(0)
health = sojourn.health()
print(health.journalled_spans, health.dropped)
"""
    done = run(program, SOJOURN_JOURNAL_LIMIT=limit)

    journalled, dropped = map(int, done.stdout.split())
    kept = [span.name for span in read_home(home).spans]
    assert journalled == 100
    assert kept == [f"step {number}" for number in range(100)][-len(kept) :]
    assert sum(path.stat().st_size for path in (home / "journal").iterdir()) <= int(limit[0]) * 1_000_000
    # Of the session's events the oldest went too.
    assert 0 <= dropped - (100 - len(kept)) <= 2
    [warning, last] = done.stderr.splitlines()
    assert "has reached its limit (SOJOURN_JOURNAL_LIMIT)" in warning
    assert last.startswith("sojourn: ")
