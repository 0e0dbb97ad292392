"""What the journal costs: spans a second on one core, bytes a span, and what the recording thread pays.

    python -m benchmarks.sdk.journal

The seconds depend on the machine, so read them as ratios of one run; the Python-level calls on the caller's thread,
counted with `sys.setprofile`, do not.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sojourn
from sojourn import journal
from sojourn.chain import Chain
from sojourn.client import get_client
from sojourn.journal import Kind

if TYPE_CHECKING:
    from types import FrameType

    from opentelemetry.trace import Tracer

    from sojourn.journal import Frame

SPANS = 20_000
CONTENT = "What a model said. " * 100


def tracer() -> Tracer:
    client = get_client()
    assert client is not None
    return client.provider.get_tracer("benchmark")


def one_span(made_by: Tracer) -> None:
    made_by.start_span("chat", attributes={"gen_ai.operation.name": "chat", "gen_ai.output.messages": CONTENT}).end()


def calls_of_recording() -> int:
    """Python-level calls that our processor adds to a span: with it, less without."""
    from opentelemetry.sdk.trace import TracerProvider

    ours, bare = tracer(), TracerProvider(shutdown_on_exit=False).get_tracer("benchmark")
    return _calls(ours) - _calls(bare)


def _calls(made_by: Tracer) -> int:
    calls = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:  # noqa: ARG001  # the interpreter's signature
        nonlocal calls
        calls += event == "call"

    one_span(made_by)
    sys.setprofile(profile)
    try:
        one_span(made_by)
    finally:
        sys.setprofile(None)
    return calls


def written(home: Path) -> tuple[float, float, int]:
    """CPU seconds of the caller and of everything, and bytes in the journal, for `SPANS` spans."""
    made_by = tracer()
    whole, own = time.process_time(), time.thread_time()
    for _ in range(SPANS):
        one_span(made_by)
    own = time.thread_time() - own
    sojourn.flush(0)
    whole = time.process_time() - whole
    size = sum(path.stat().st_size for path in journal.paths(home / "journal"))
    return own, whole, size


def appended(folder: Path, payload: bytes) -> float:
    """Frames a second that the chain takes, with its checksums and its new files."""
    folder.mkdir()

    def lost(frame: Frame) -> None:
        raise AssertionError(frame)

    chain = Chain(lambda: folder, journal.identify(1, "h", None, None), limit_bytes=10**9, lost=lost)
    begun = time.perf_counter()
    for _ in range(SPANS):
        chain.append(Kind.TRACES, payload)
    taken = time.perf_counter() - begun
    chain.close(remove=True)
    return SPANS / taken


def main() -> None:
    """Measure and print."""
    if hasattr(os, "sched_setaffinity"):
        # One core for everything: what the recorder's thread uses, the caller misses.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as home:
        os.environ["SOJOURN_HOME"] = home
        measure(Path(home))


def measure(home: Path) -> None:
    """Record into `home`, and print what it cost."""
    sojourn.init()
    sojourn.flush(0)
    calls = calls_of_recording()
    own, whole, size = written(home)
    health = sojourn.health()
    print(f"{'Python-level calls that recording adds to a span, on the caller':66} {calls:10}")
    print(f"{'spans a second through recorder and journal, one core, all in':66} {SPANS / whole:10.0f}")
    print(f"{'microseconds of CPU on the caller, a span with its own making':66} {own / SPANS * 1e6:10.1f}")
    print(f"{'microseconds of CPU, all threads':66} {whole / SPANS * 1e6:10.1f}")
    print(f"{'bytes a span in the journal, of which content 1900':66} {size / SPANS:10.0f}")
    print(f"{'frames of 2 KB a second that the chain alone takes':66} {appended(home / 'frames', bytes(2048)):10.0f}")
    print(f"{'spans and events dropped':66} {health.dropped:10}")
    sojourn.shutdown()


if __name__ == "__main__":
    main()
