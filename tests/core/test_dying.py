"""Ways of dying, by moment, number of sessions and behaviour of the endpoint: nothing lost, no exit status changed.

The quick half of the matrix runs here; `make soak` runs all of it.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pytest

from sojourn import semconv
from tests.core.collector import Collector, Reply
from tests.core.journalled import Journalled, plain, read_home

if TYPE_CHECKING:
    from pathlib import Path

Moment = Literal["idle", "in a call"]
Endpoint = Literal["none", "taking", "refusing", "silent", "away"]

PROGRAM = """
import os, signal, sys, threading, time
# Whoever runs the tests in the background hands SIGINT down as ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
{before}
import sojourn
from sojourn.client import get_client
from sojourn.home import Home

sojourn.init(endpoint=os.environ.get("URL") or None, auto_start_session=False)
for number in range({sessions}):
    session = sojourn.start_session(name=f"session {{number}}")
    for step in range(3):
        sojourn.record(sojourn.ActionEvent(action_type=f"step {{number}}.{{step}}"))
if {open}:
    get_client().provider.get_tracer("t").start_span("open")
# What is promised is 50 ms after its end, of a machine that is not busy; only death without warning needs the promise.
while {sudden} and sojourn.health().journalled_spans < 3 * {sessions}:
    time.sleep(0.01)
{last}
"""


@dataclass(frozen=True)
class Death:
    """How a program ends, and what it then says of its sessions; None when nobody is left to say anything."""

    last: str
    status: int
    state: str | None
    reason: str | None = None
    before: str = ""
    sudden: bool = False


AND_WAIT = "; time.sleep(30)"
DEATHS = {
    "the end of the program": Death("", 0, "Indeterminate"),
    "sys.exit": Death("sys.exit(3)", 3, "Indeterminate"),
    "an exception": Death("raise LookupError('gone')", 1, "Fail", "LookupError: gone"),
    "SIGTERM": Death(f"os.kill(os.getpid(), signal.SIGTERM){AND_WAIT}", -15, "Fail", "Signal SIGTERM detected"),
    "SIGTERM with a handler of its own": Death(
        f"os.kill(os.getpid(), signal.SIGTERM){AND_WAIT}",
        5,
        "Fail",
        "Signal SIGTERM detected",
        before="signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))",
    ),
    "SIGTERM that is ignored": Death(
        "os.kill(os.getpid(), signal.SIGTERM)",
        0,
        "Indeterminate",
        before="signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    ),
    "SIGINT": Death(f"os.kill(os.getpid(), signal.SIGINT){AND_WAIT}", -2, "Fail", "Signal SIGINT detected"),
    "SIGINT that is caught": Death(
        f"try:\n    os.kill(os.getpid(), signal.SIGINT){AND_WAIT}\nexcept KeyboardInterrupt:\n    sys.exit(4)",
        4,
        "Indeterminate",
    ),
    "SIGKILL": Death(f"os.kill(os.getpid(), signal.SIGKILL){AND_WAIT}", -9, None, sudden=True),
    "os._exit": Death("os._exit(7)", 7, None, sudden=True),
    "an end of every session": Death(
        "for one in get_client().sessions(): one.end_session('Success', 'well')", 0, "Success", "well"
    ),
}

EVERY = list(itertools.product(DEATHS, ("idle", "in a call"), (1, 3), ("none", "taking", "refusing", "silent", "away")))
QUICK = [
    *((death, "in a call", 3, "none") for death in DEATHS),
    *(("SIGTERM", "idle", 1, endpoint) for endpoint in ("taking", "refusing", "silent", "away")),
]


@pytest.mark.parametrize(("death", "moment", "sessions", "endpoint"), QUICK)
def test_nothing_is_lost_and_the_status_is_the_programs_own(
    home: Path, death: str, moment: Moment, sessions: int, endpoint: Endpoint
) -> None:
    _die(home, DEATHS[death], moment, sessions, endpoint)


@pytest.mark.soak
@pytest.mark.parametrize(("death", "moment", "sessions", "endpoint"), EVERY)
def test_nothing_is_lost_in_the_whole_matrix(
    home: Path, death: str, moment: Moment, sessions: int, endpoint: Endpoint
) -> None:
    _die(home, DEATHS[death], moment, sessions, endpoint)


def _die(home: Path, death: Death, moment: Moment, sessions: int, endpoint: Endpoint) -> None:
    with ExitStack() as stack:
        url, collector = _endpoint(stack, endpoint)
        program = PROGRAM.format(
            before=death.before, sessions=sessions, open=moment == "in a call", sudden=death.sudden, last=death.last
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "URL": url},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    assert done.returncode == death.status, done.stderr
    if death.status == 0:
        assert "Traceback" not in done.stderr
    left = read_home(home)
    told = Journalled(
        [*left.spans, *collector.taken.spans],
        [*left.pending, *collector.taken.pending],
        [*left.events, *collector.taken.events],
    )
    # A gateway takes a pending span as a span without an end.
    finished = [span for span in told.spans if span.end_time_unix_nano]
    expected = {f"step {number}.{step}" for number in range(sessions) for step in range(3)}
    assert {span.name for span in finished} == expected
    if endpoint != "taking":
        # What was sent and died before the acknowledgement could be written is sent again, and replaces itself.
        assert len(finished) == len(expected)
    assert len({plain(span.attributes)[semconv.SESSION_ID] for span in finished}) == sessions
    ends = told.named(semconv.SESSION_END)
    if death.state is None:
        assert ends == []
        return
    assert len({end[semconv.SESSION_ID] for end in ends}) == sessions
    assert {end[semconv.SESSION_END_STATE] for end in ends} == {death.state}
    assert {end.get(semconv.SESSION_END_REASON) for end in ends} == {death.reason}
    if moment == "in a call":
        opened = [*told.pending, *(span for span in told.spans if not span.end_time_unix_nano)]
        assert {span.name for span in opened} == {"open"}


def _endpoint(stack: ExitStack, behaviour: Endpoint) -> tuple[str, Collector]:
    collector = stack.enter_context(Collector(lambda _: Reply(401 if behaviour == "refusing" else 200)))
    match behaviour:
        case "none":
            return "", collector
        case "taking" | "refusing":
            return collector.url, collector
        case "silent" | "away":
            sock = stack.enter_context(socket.socket())
            sock.bind(("127.0.0.1", 0))
            if behaviour == "silent":
                sock.listen()
            return f"http://127.0.0.1:{sock.getsockname()[1]}", collector


def test_a_handler_that_the_program_installs_later_is_its_own_to_decide(home: Path) -> None:
    program = """
import os, signal, sojourn
sojourn.init()
signal.signal(signal.SIGTERM, lambda *_: print("theirs"))
os.kill(os.getpid(), signal.SIGTERM)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "theirs\n")
    [end] = read_home(home).named(semconv.SESSION_END)
    assert end[semconv.SESSION_END_STATE] == "Indeterminate"


def test_shutdown_puts_the_handlers_back() -> None:
    import sojourn

    before = signal.getsignal(signal.SIGTERM), sys.excepthook
    sojourn.init()
    assert signal.getsignal(signal.SIGTERM) != before[0]
    sojourn.shutdown()

    assert (signal.getsignal(signal.SIGTERM), sys.excepthook) == before
