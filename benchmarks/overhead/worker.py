"""A process with one watcher, that measures what it is told on its standard input, one JSON object a line."""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc
from typing import TYPE_CHECKING, Any, Final

from benchmarks.overhead.watchers import start
from benchmarks.overhead.works import works

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

WARM: Final = 5
UNSEEN: Final = 40
"""Calls that nobody counts, while caches fill and the interpreter learns what types it meets."""


def main() -> None:
    """Start the watcher that the first argument names, then measure until the input ends."""
    out = sys.stdout
    # Whatever a library prints must not stand between the answers.
    sys.stdout = sys.stderr
    started = start(sys.argv[1])
    every = works(started.hand)
    for line in sys.stdin:
        asked = json.loads(line)
        work = every[asked["work"]]
        match asked["measure"]:
            case "spans":
                started.spans.kept.clear()
                started.spans.keeping = True
                work(1)
                started.spans.keeping = False
                told: Any = [[span.name, dict(span.attributes)] for span in started.spans.kept]
            case "time":
                told = cpu_ns(work, asked["count"])
            case "calls":
                told = python_calls(work)
            case "memory":
                told = peak_bytes(work)
            case "marked":
                marked(work, asked["count"])
                told = None
            case "growth":
                told = growth(work, asked["count"], started.settle)
            case other:
                raise ValueError(other)
        out.write(json.dumps(told) + "\n")
        out.flush()


def cpu_ns(work: Callable[[int], None], count: int) -> float:
    """CPU time of this thread for one call, collector included."""
    gc.collect()
    before = time.thread_time_ns()
    work(count)
    return (time.thread_time_ns() - before) / count


def marked(work: Callable[[int], None], count: int) -> None:
    """Make so many calls between two marks that Callgrind is told to look for."""
    work(UNSEEN)
    # When the collector comes is chance, and what it looks through is mostly not of these calls.
    gc.collect()
    gc.disable()
    # Any function of C would do that nobody else calls.
    time.tzset()
    work(count)
    time.tzset()
    gc.enable()


def python_calls(work: Callable[[int], None]) -> int:
    """How many Python functions one call calls on this thread; the least of some, since caches fill."""
    work(WARM)
    return min(_python_calls(work) for _ in range(WARM))


def _python_calls(work: Callable[[int], None]) -> int:
    count = 0

    def see(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    gc.collect()
    gc.disable()
    sys.setprofile(see)
    try:
        work(1)
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def peak_bytes(work: Callable[[int], None]) -> int:
    """How far memory rises during one call."""
    work(WARM)
    found: list[int] = []
    tracemalloc.start()
    try:
        for _ in range(WARM):
            gc.collect()
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            work(1)
            found.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return min(found)


def growth(work: Callable[[int], None], count: int, settle: Callable[[], object]) -> dict[str, int]:
    """Blocks of memory that are in use after so many calls and were not after a tenth of them."""
    work(count // 10)
    settle()
    gc.collect()
    before = sys.getallocatedblocks()
    work(count)
    settle()
    gc.collect()
    return {"calls": count, "blocks": sys.getallocatedblocks() - before}


if __name__ == "__main__":
    main()
