"""For the tests of programs that record: what they recorded, in memory, and the same ids and times in every run.

    with captured() as seen:
        answer_customer("Where is my parcel?")

    assert [span.name for span in seen.spans] == ["chat gpt-4o-mini"]

Nothing is delivered, and the home is left alone. `sojourn.testing.fixtures` has the same for pytest.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

from sojourn import clock, journal
from sojourn.client import get_client, open_client, sheltered
from sojourn.home import Home
from sojourn.settings import Settings
from sojourn.testing.records import CapturedLog, CapturedSession, CapturedSpan, Records

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

__all__ = [
    "Capture",
    "CapturedLog",
    "CapturedSession",
    "CapturedSpan",
    "captured",
    "fixed_clock",
    "fixed_ids",
]


class Capture:
    """What was recorded so far: everything that has ended, decoded from what would have been delivered."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._kept: Records | None = None

    @property
    def sessions(self) -> list[CapturedSession]:
        """The sessions, oldest first."""
        return self._records().sessions()

    @property
    def spans(self) -> list[CapturedSpan]:
        """The finished steps, in the order of their start."""
        return self._records().spans()

    @property
    def logs(self) -> list[CapturedLog]:
        """The log lines, in the order in which they were written."""
        return self._records().logs()

    def span(self, name: str) -> CapturedSpan:
        """The one step of that name; AssertionError, naming those that there are, when there is none or more."""
        found = [span for span in self.spans if span.name == name]
        if len(found) != 1:
            there = [span.name for span in self.spans]
            raise AssertionError(f"{len(found)} steps are called {name!r}; there are {there}")
        return found[0]

    def keep(self) -> None:
        """Read everything now, since the folder is about to go."""
        self._kept = self._records()

    def _records(self) -> Records:
        if self._kept is not None:
            return self._kept
        client = get_client()
        if client is not None:
            client.flush(0)
        records = Records()
        for path in journal.paths(self._home.journals):
            for frame in journal.read(path)[1]:
                records.add(frame.kind, frame.payload)
        return records


@contextmanager
def captured() -> Generator[Capture]:
    """Record into memory for as long as the `with` block lasts.

    Libraries are observed from its begin on. Where the program calls `init`, its options count, but for endpoint and
    key; where it does not, start a session by `sojourn.start_session()` if the test is about one. A client that runs
    outside rests meanwhile.
    """
    # A journal of its own rather than an exporter: what is seen is what would have been delivered.
    with TemporaryDirectory(prefix="sojourn-captured-", ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder))
        capture = Capture(home)

        def shelter(settings: Settings) -> Settings:
            return settings._replace(
                home=home,
                endpoint=None,
                api_key=None,
                disabled=False,
                summary="off",
                host_facts=False,
            )

        with sheltered(shelter):
            open_client(Settings.read())
            try:
                yield capture
            finally:
                capture.keep()


@contextmanager
def fixed_ids(seed: int = 0) -> Generator[None]:
    """Make ids of sessions, traces and spans the same in every run, in the order in which they are made."""
    source = random.Random(seed)  # noqa: S311  # the point is that it can be foreseen
    before = clock.use_random(source.getrandbits)
    try:
        yield
    finally:
        clock.use_random(before)


@contextmanager
def fixed_clock(start: datetime, step_s: float = 0.001) -> Generator[None]:
    """Make the times of sessions and spans the same in every run: `start`, and `step_s` more with each reading.

    The program's own clock is left alone. Raises ValueError for a `start` without a time zone.
    """
    if start.tzinfo is None:
        raise ValueError("start has no time zone; give one, as in datetime(2026, 1, 1, tzinfo=UTC)")
    step_ns = round(step_s * 1e9)
    now = round(start.timestamp() * 1_000_000) * 1000 - step_ns
    lock = Lock()

    def tick() -> int:
        nonlocal now
        with lock:
            now += step_ns
            return now

    # OpenTelemetry's spans read the clock by this name, and offer no way to give them another one.
    module: Any = import_module("opentelemetry.sdk.trace")
    spans_clock = module.time_ns
    before = clock.use_clock(tick)
    module.time_ns = tick
    try:
        yield
    finally:
        module.time_ns = spans_clock
        clock.use_clock(before)
