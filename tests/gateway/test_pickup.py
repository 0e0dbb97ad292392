"""Journals of dead processes: taken over once, their sessions ended, damaged ones set aside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sojourn import journal
from sojourn.home import Home
from sojourn.journal import Journal, Kind, identify
from sojourn_gateway.ingest import Pickup
from sojourn_gateway.ingest.pickup import Swept
from tests.gateway.sender import SECOND, T0, end, event, logs, span, trace_id, traces, usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tests.gateway.sender import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dead(home: Path) -> Home:
    """A home of programs that are gone."""
    found = Home(home)
    found.make(found.journals)
    return found


def write(home: Home, *frames: tuple[Kind, bytes], endpoint: str | None = None, key: str | None = None) -> Journal:
    written = Journal(home.journals, identify(1, "h", endpoint, key))
    for kind, payload in frames:
        written.append(kind, payload)
    return written


def leave(home: Home, *frames: tuple[Kind, bytes], endpoint: str | None = None, key: str | None = None) -> Journal:
    written = write(home, *frames, endpoint=endpoint, key=key)
    written.close(remove=False)
    return written


def pickup(store: Store, home: Home) -> Pickup:
    return Pickup(store.ingest, home, project=store.project)


def pending(sent: Span) -> bytes:
    before = type(sent)()
    before.CopyFrom(sent)
    before.end_time_unix_nano = 0
    before.attributes.add(key="sojourn.pending").value.bool_value = True
    return traces([before])


def test_what_a_dead_process_left_is_taken_over_and_its_session_ended(store: Store, dead: Home) -> None:
    trace = trace_id()
    root = span(trace, "underway", attributes={"session.id": "s"}, lasts_s=None)
    call = span(trace, "call", parent=root, at_s=2, attributes=usage())
    left = leave(
        dead,
        (Kind.LOGS, logs([event("session.start", "s", sojourn__session__name="n")])),
        (Kind.PENDING, pending(root)),
        (Kind.TRACES, traces([call])),
    )
    assert pickup(store, dead).sweep() == Swept(journals=1, frames=3, ended_sessions=("s",))
    found = store.session("s")
    assert (found.summary.state, found.summary.reason) == (
        "Indeterminate",
        "the process ended without ending the session",
    )
    assert (found.summary.name, found.summary.end_ns) == ("n", T0 + 3 * SECOND)
    assert [(one.name, one.end_ns is None) for one in found.spans] == [("underway", True), ("call", False)]
    assert not left.path.exists()
    assert pickup(store, dead).sweep() == Swept()


def test_a_session_that_was_ended_or_only_joined_is_not_ended_again(store: Store, dead: Home) -> None:
    leave(
        dead,
        (Kind.LOGS, logs([event("session.start", "ended"), event("sojourn.session.join", "joined")])),
        (Kind.LOGS, logs([end("ended", "Success", at_s=1)])),
    )
    assert pickup(store, dead).sweep().ended_sessions == ()
    assert store.session("ended").summary.state == "Success"
    assert store.session("joined").summary.end_ns == T0


def test_an_explicit_end_that_arrives_later_beats_the_end_by_death(store: Store, dead: Home) -> None:
    leave(dead, (Kind.LOGS, logs([event("session.start", "s")])))
    pickup(store, dead).sweep()
    assert store.session("s").summary.state == "Indeterminate"
    store.tell(end("s", "Success", at_s=-5))
    assert store.session("s").summary.state == "Success"


def test_frames_that_were_acknowledged_are_not_sent_again_but_their_session_is_ended(store: Store, dead: Home) -> None:
    written = write(dead, (Kind.LOGS, logs([event("session.start", "s")])))
    written.acknowledge(written.size)
    written.append(Kind.TRACES, traces([span(trace_id(), "new", attributes={"session.id": "s"})]))
    written.close(remove=False)
    assert pickup(store, dead).sweep() == Swept(1, 1, ("s",))
    assert [one.name for one in store.session("s").spans] == ["new"]


def test_a_sweep_that_died_half_way_is_repeated_without_a_trace(store: Store, dead: Home) -> None:
    frames = [
        (Kind.LOGS, logs([event("session.start", "s", uid="1")])),
        (Kind.TRACES, traces([span(trace_id(), attributes={"session.id": "s", **usage()})])),
    ]
    left = leave(dead, *frames)
    kept = left.path.read_bytes()
    pickup(store, dead).sweep()
    once = store.session("s")
    logs_once = store.queries.facts(store.project).logs
    left.path.write_bytes(kept)
    assert pickup(store, dead).sweep().ended_sessions == ("s",)
    assert store.session("s") == once
    assert store.queries.facts(store.project).logs == logs_once


@pytest.mark.parametrize(
    ("endpoint", "key", "ours"),
    [
        (None, None, True),
        ("http://127.0.0.1:9418", None, True),
        ("http://localhost:4318/", None, True),
        ("http://[::1]:9418", None, True),
        ("https://collector.example", None, False),
        (None, "0123456789abcdef", False),
        ("http://127.0.0.1:9418", "0123456789abcdef", False),
    ],
)
def test_journals_of_other_endpoints_and_keys_stay_where_they_are(
    store: Store, dead: Home, endpoint: str | None, key: str | None, ours: bool
) -> None:
    left = leave(dead, (Kind.LOGS, logs([event("session.start", "s")])), endpoint=endpoint, key=key)
    assert pickup(store, dead).sweep().journals == int(ours)
    assert left.path.exists() is not ours


def test_a_living_process_is_read_only_when_asked_and_never_touched(store: Store, dead: Home) -> None:
    living = write(dead, (Kind.LOGS, logs([event("session.start", "s")])))
    assert pickup(store, dead).sweep() == Swept()
    assert store.queries.session(store.project, "s") is None
    assert pickup(store, dead).sweep(include_live=True) == Swept(frames=1)
    assert store.session("s").summary.end_ns == T0
    assert living.path.exists()
    living.append(Kind.LOGS, logs([end("s", "Success", at_s=1)]))
    living.close(remove=False)
    pickup(store, dead).sweep()
    assert store.session("s").summary.state == "Success"


def test_a_torn_tail_is_normal_and_what_stands_before_it_is_kept(store: Store, dead: Home) -> None:
    left = leave(dead, (Kind.LOGS, logs([event("session.start", "s")])), (Kind.TRACES, traces([span(trace_id())])))
    content = left.path.read_bytes()
    left.path.write_bytes(content[:-7])
    assert pickup(store, dead).sweep() == Swept(1, 1, ("s",))
    assert not left.path.exists()


def test_a_damaged_journal_is_set_aside_and_what_could_be_read_is_kept(store: Store, dead: Home) -> None:
    last = traces([span(trace_id(), "ruined")])
    left = leave(dead, (Kind.LOGS, logs([event("session.start", "s")])), (Kind.TRACES, last))
    content = bytearray(left.path.read_bytes())
    content[-3] ^= 0xFF
    left.path.write_bytes(content)
    aside = left.path.with_suffix(".damaged")
    assert pickup(store, dead).sweep() == Swept(0, 1, ("s",), (aside,))
    assert aside.read_bytes() == content
    assert journal.paths(dead.journals) == []
    assert store.session("s").summary.state == "Indeterminate"


@pytest.mark.parametrize(
    "content", [b"", b"something else entirely", b"SOJOURN\x01\x05\x00\x00\x00\x00\x00\x00\x00abcde"]
)
def test_a_file_that_is_no_journal_is_set_aside(store: Store, dead: Home, content: bytes) -> None:
    path = dead.journals / "1-2-3.journal"
    path.write_bytes(content)
    assert pickup(store, dead).sweep().damaged == (path.with_suffix(".damaged"),)
    assert path.with_suffix(".damaged").read_bytes() == content


def test_a_frame_that_nobody_can_decode_costs_only_itself(store: Store, dead: Home) -> None:
    good = [(Kind.TRACES, traces([span(trace_id(), attributes={"session.id": "s"})])) for _ in range(3)]
    left = leave(dead, good[0], (Kind.TRACES, b"\x0a\x05junk"), *good[1:])
    assert pickup(store, dead).sweep().damaged == (left.path.with_suffix(".damaged"),)
    assert store.session("s").summary.span_count == 3


def test_a_home_without_journals_is_swept_in_peace(store: Store, tmp_path: Path) -> None:
    assert pickup(store, Home(tmp_path / "nothing")).sweep(include_live=True) == Swept()


def deadline_for(condition: Callable[[], list[Path]]) -> list[Path]:
    """What the condition gives as soon as it gives something."""
    until = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def tells_all(journalled: bytes) -> bool:
    return b"session.start" in journalled and b"finished" in journalled


_PROGRAM = """
import time
import sojourn
session = sojourn.init(tags=["killed"])
session.record(sojourn.ActionEvent("finished"))
print(session.session_id, flush=True)
time.sleep(600)
"""


def test_a_program_killed_in_mid_run_is_in_the_store_all_the_same(store: Store, home: Path) -> None:
    """The real SDK, a real `kill -9`, the real journal."""
    environment = {**os.environ, "SOJOURN_HOME": str(home), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, text=True, env=environment
    ) as program:
        assert program.stdout is not None
        session_id = program.stdout.readline().strip()
        folder = Home(home).journals
        written = deadline_for(lambda: [path for path in journal.paths(folder) if tells_all(path.read_bytes())])
        program.send_signal(signal.SIGKILL)
    assert len(written) == 1
    assert pickup(store, Home(home)).sweep().ended_sessions == (session_id,)
    found = store.session(session_id)
    assert (found.summary.state, found.summary.tags) == ("Indeterminate", ("killed",))
    assert [one.name for one in found.spans] == ["finished"]
