"""Programs run for long: what a call leaves in memory is asked of a process that makes very many."""

from __future__ import annotations

import pytest

from benchmarks.overhead.__main__ import Worker

CALLS = 100_000


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_calls_leave_no_more_behind_than_without_us() -> None:
    """In blocks of memory, after the collector ran; one that every tenth call keeps would show."""
    grown: dict[str, int] = {}
    for watcher in ("nobody", "sojourn"):
        worker = Worker.start(watcher)
        try:
            grown[watcher] = worker.ask("chat", "growth", CALLS)["blocks"]
        finally:
            worker.stop()

    assert grown["sojourn"] - grown["nobody"] < CALLS // 10, grown
