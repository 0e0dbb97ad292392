"""The demo: real programs in processes of their own, on recorded traffic over real sockets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sojourn import journal
from sojourn.home import Home
from sojourn_gateway import demo
from sojourn_gateway.demo.replay import ReplayServer
from tests.conftest import ROOT
from tests.replay import recorded, sums

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

SOJOURN = Path(sys.executable).with_name("sojourn")
PATIENCE_S = 240
# Each starts several programs with big libraries; a busy machine must not fail what only takes its time.
pytestmark = pytest.mark.timeout(600)


@contextmanager
def program(name: str, arguments: list[str], base_url: str, home: Path) -> Generator[subprocess.Popen[str]]:
    """One of the demo's programs, running; killed at the end if it still does."""
    environ = os.environ | {
        "OPENAI_API_KEY": "replayed",
        "OPENAI_BASE_URL": base_url,
        "PYTHONUNBUFFERED": "1",
        "SOJOURN_HOME": str(home),
    }
    command = [sys.executable, str(Path(demo.__file__).with_name(f"{name}.py")), *arguments]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def run(name: str, arguments: list[str], base_url: str, home: Path) -> str:
    """Run a program to its end; gives the id of its session."""
    with program(name, arguments, base_url, home) as process:
        told, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    [session_id] = [line.split()[1] for line in told.splitlines() if line.startswith("session ")]
    return session_id


def shown(session_id: str, home: Path) -> dict[str, Any]:
    """What the command says of a session."""
    told = subprocess.run(
        [SOJOURN, "sessions", "show", session_id, "--json"],
        env=os.environ | {"SOJOURN_HOME": str(home)},
        check=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    document: dict[str, Any] = json.loads(told.stdout)
    session: dict[str, Any] = document.get("data", document)
    return session


def journalled_spans(home: Path) -> list[str]:
    """Names of the finished spans that lie in the journals of a home."""
    return [
        span.name
        for path in journal.paths(Home(home).journals)
        for frame in journal.read(path)[1]
        if frame.kind is journal.Kind.TRACES
        for resource in ExportTraceServiceRequest.FromString(frame.payload).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def wait_until(true: Callable[[], bool]) -> None:
    """Ask again until it is true; fails after a while."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_the_demo_ends_well_only_because_the_store_holds_what_was_recorded() -> None:
    expected = sums((*recorded("demo/researcher"), *recorded("demo/assistant")))

    ran = subprocess.run(
        [SOJOURN, "demo"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    assert (
        f"Stored as recorded: {expected.model_calls} model calls, {expected.tool_calls} tool calls, "
        f"{expected.input_tokens} tokens in, {expected.output_tokens} out."
    ) in ran.stdout


def test_live_without_a_key_says_what_is_missing() -> None:
    ran = subprocess.run([SOJOURN, "demo", "--live"], cwd=ROOT, check=False, capture_output=True, text=True)

    assert ran.returncode == 1
    assert "OPENAI_API_KEY" in ran.stdout


def test_two_processes_journal_one_session_without_any_gateway(home: Path) -> None:
    exchanges = (*recorded("demo/researcher"), *recorded("demo/assistant"))
    with ReplayServer(exchanges) as server:
        session_id = run("researcher", [], server.base_url, home)
        assert run("assistant", ["--session", session_id], server.base_url, home) == session_id

        assert server.left == ()
        assert server.unmatched == []
    names = journalled_spans(home)
    assert sum(name.startswith("chat ") for name in names) == len(exchanges)
    assert sum(name.startswith("execute_tool ") for name in names) == sums(exchanges).tool_calls


def test_killing_the_second_process_in_mid_run_loses_none_of_its_finished_calls(home: Path) -> None:
    first, second = recorded("demo/researcher"), recorded("demo/assistant")
    finished = sums((*first, *second[:2]))
    with ReplayServer((*first, *second), hold_after=len(first) + 2) as server:
        session_id = run("researcher", [], server.base_url, home)
        with program("assistant", ["--session", session_id], server.base_url, home) as process:
            assert server.held.wait(PATIENCE_S)
            # The recorder promises a finished call within 50 ms, so that is what to wait for, not longer.
            wait_until(lambda: sum(n.startswith("chat ") for n in journalled_spans(home)) == finished.model_calls)
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE_S)

    session = shown(session_id, home)
    assert session["state"] == "Indeterminate"
    assert session["process_count"] == 2
    assert (session["input_tokens"], session["output_tokens"]) == (finished.input_tokens, finished.output_tokens)
