"""What all processes of a session did, and who counted it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import sojourn
from sojourn.home import Home
from tests.core.collector import Collector
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER = """
import sojourn
session = sojourn.init()
sojourn.record(sojourn.ActionEvent("act"))
sojourn.record(sojourn.LLMEvent(model="m", prompt="p", completion="c", cost=0.5))
sojourn.record(sojourn.ToolEvent(name="search"))
sojourn.record(sojourn.ErrorEvent(error_type="Lost", details="gone"))
try:
    with sojourn.span("outer"), sojourn.span("inner"):
        raise OSError("full")
except OSError:
    pass
print({key: value for key, value in session.get_analytics().items() if key != "Duration"})
"""
OF_THE_OTHER = {"LLM calls": 1, "Tool calls": 1, "Actions": 1, "Errors": 2, "Cost": "0.500000"}


def another_process() -> str:
    done = subprocess.run(
        [sys.executable, "-c", OTHER],
        env=sojourn.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return done.stdout.strip()


@pytest.fixture
def gateway(home: Path) -> Iterator[str]:
    """`sojourn serve` over this home, as a process of its own."""
    command = [sys.executable, "-c", "from sojourn.command import main; raise SystemExit(main())", "serve"]
    process = subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
    )
    said: list[str] = []
    assert process.stdout is not None
    # Whoever does not read lets the pipe fill.
    drain = threading.Thread(target=said.extend, args=(process.stdout,))
    drain.start()
    try:
        yield until(Home(home).gateway, within_s=300).url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(300)
        drain.join()
        process.stdout.close()


def test_a_process_counts_for_itself_unless_it_is_asked_for_all() -> None:
    session = sojourn.init()
    sojourn.record(sojourn.ActionEvent("mine"))
    assert another_process() == str(OF_THE_OTHER)

    mine = session.get_analytics()
    assert sorted(mine) == ["Actions", "Cost", "Duration", "Errors", "LLM calls", "Tool calls"]
    assert (mine["Actions"], mine["Errors"], mine["Cost"]) == (1, 0, "0.00")


def test_without_a_gateway_memory_and_the_journals_of_this_machine_are_counted() -> None:
    session = sojourn.init()
    sojourn.record(sojourn.ActionEvent("mine"))
    another_process()
    sojourn.start_session()
    sojourn.record(sojourn.ActionEvent("of another session"))

    told = session.get_analytics(scope="session")
    assert told.pop("Duration") != ""
    assert "no gateway answered" in told.pop("Counted")
    assert told == {**OF_THE_OTHER, "Actions": 2, "Processes": 2}


def test_with_a_gateway_its_sums_are_told(gateway: str) -> None:
    session = sojourn.init()
    sojourn.record(sojourn.ActionEvent("mine"))
    another_process()

    expected = {**OF_THE_OTHER, "Actions": 2, "Processes": 2, "Counted": f"by the gateway at {gateway}"}

    def whole() -> dict[str, object] | None:
        # Last words of either process may still be on their way; until then the journals are counted, or less.
        told = sojourn.get_analytics(scope="session")
        return told if told is not None and expected.items() <= told.items() else None

    told = until(whole, within_s=300)
    assert told.pop("Duration") != ""
    assert told == expected
    assert session.is_running


def test_an_endpoint_that_is_no_gateway_of_ours_is_not_asked(home: Path) -> None:
    with Collector(ours=False) as collector:
        session = sojourn.init(endpoint=collector.url)
        sojourn.record(sojourn.ActionEvent("mine"))
        told = session.get_analytics(scope="session")
        sojourn.shutdown()

    assert (told["Actions"], told["Processes"]) == (1, 1)
    assert "already delivered is not in it" in told["Counted"]


def test_another_scope_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="'process' or 'session'"):
        sojourn.init().get_analytics(scope="all")  # type: ignore[arg-type]  # what an untyped caller may do
