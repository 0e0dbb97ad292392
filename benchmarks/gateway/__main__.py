"""The gateway beside its peers: what taking in spans costs, and what questions cost as the store grows.

    python -m benchmarks.gateway [--spans 40000] [--peer-spans 2000] [--curve 100000 1000000] [--without-peers] [--json]

Every server is a process of its own over an empty folder. Sixteen connections send the same sessions, 500 spans a
request, as fast as they are answered. A server has worked when a reader finds all spans; until then its CPU counts, of
all its processes and threads. Compare ratios: they come from one run. The peers take in few spans, since they take
long; ours takes in as many in their turn, and then what a gateway that is under load gets.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

from benchmarks.gateway.sending import send
from benchmarks.gateway.servers import PEERS, Server, Sojourn
from benchmarks.gateway.sessions import BATCH_SPANS, SESSION_SPANS, Sessions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WARM_SPANS: Final = 1_000
_QUESTIONS: Final = 30
_DATE: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Taken:
    """How a server took spans in."""

    server: str
    spans: int
    spans_a_cpu_s: float
    spans_a_s: float
    bytes_a_span: float
    """On disk, after all was stored."""
    most_memory_mb: float
    slowest_s: float
    asked_to_wait: int


@dataclass(frozen=True, slots=True)
class Point:
    """Ours with so many spans stored: questions in ms, median and 95th percentile."""

    spans: int
    spans_a_cpu_s: float
    most_memory_mb: float
    visible_ms: tuple[float, float]
    """From the acknowledgement of a session to its place in the list, while others send."""
    questions: dict[str, tuple[float, float]]


class _Peak:
    """The most memory that a server used while this was open."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.25):
            self.bytes = max(self.bytes, self._server.memory())


def take_in(server: Server, sessions: Sessions, spans: int, before: int) -> Taken:
    """Send spans to a server that has so many before, and wait until it has stored them."""
    batches = list(sessions.batches(spans))
    sent = len(batches) * BATCH_SPANS
    used = server.cpu_s()
    begun = time.perf_counter()
    with _Peak(server) as peak:
        answered = send(server.url + server.path, server.headers, batches)
        server.wait_until_stored(before + sent)
    wall = time.perf_counter() - begun
    cpu = server.cpu_s() - used
    return Taken(
        server.name,
        sent,
        sent / cpu,
        sent / wall,
        server.disk() / (before + sent),
        peak.bytes / 1e6,
        answered.slowest_s,
        answered.asked_to_wait,
    )


def compare(turns: Sequence[tuple[type[Server], int]]) -> Iterator[Taken]:
    """Each server in turn takes in so many spans of the same sessions."""
    for kind, spans in turns:
        with tempfile.TemporaryDirectory(prefix="sojourn-bench-") as folder:
            server = kind(Path(folder))
            try:
                warm = take_in(server, Sessions(1, time.time_ns()), _WARM_SPANS, 0)
                yield take_in(server, Sessions(2, time.time_ns()), spans, warm.spans)
            finally:
                server.stop()


def curve(points: Sequence[int]) -> Iterator[Point]:
    """One gateway that grows from point to point."""
    with tempfile.TemporaryDirectory(prefix="sojourn-bench-") as folder:
        server = Sojourn(Path(folder))
        sessions = Sessions(3, time.time_ns())
        try:
            stored = 0
            for point in points:
                used, begun = server.cpu_s(), stored
                with _Peak(server) as peak:
                    while stored < point:
                        # By portions: the sender need not hold all of them.
                        portion = list(sessions.batches(min(point - stored, 20_000)))
                        send(server.url + server.path, server.headers, portion)
                        stored += len(portion) * BATCH_SPANS
                    server.wait_until_stored(stored)
                rate = (stored - begun) / (server.cpu_s() - used)
                questions = ask(server, sessions)
                visible, more = until_visible(server, sessions)
                stored += more
                yield Point(stored, rate, peak.bytes / 1e6, visible, questions)
        finally:
            server.stop()


def ask(server: Server, sessions: Sessions) -> dict[str, tuple[float, float]]:
    """The questions of a dashboard, over HTTP, one after the other."""
    chosen = sessions.ids[:: max(len(sessions.ids) // _QUESTIONS, 1)][:_QUESTIONS]
    now = datetime.now(UTC)
    week_ago = now - timedelta(days=7)
    asked: dict[str, list[str]] = {
        "sessions, newest": ["/v1/sessions?limit=50"] * _QUESTIONS,
        "sessions, by cost": ["/v1/sessions?limit=50&sort_by=total_cost"] * _QUESTIONS,
        "one session": [f"/v1/sessions/{one}" for one in chosen],
        "traces, newest": ["/v1/traces?limit=50"] * _QUESTIONS,
        "spans, newest": ["/v1/spans?limit=50"] * _QUESTIONS,
        "metrics of a week": [f"/v1/metrics?start_date={week_ago:{_DATE}}&end_date={now:{_DATE}}"] * _QUESTIONS,
    }
    times: dict[str, list[float]] = {name: [] for name in asked}
    with httpx.Client(base_url=server.url, timeout=120, trust_env=False) as client:
        for turn in range(_QUESTIONS):
            for name, paths in asked.items():
                begun = time.perf_counter()
                answer = client.get(paths[turn % len(paths)])
                times[name].append((time.perf_counter() - begun) * 1e3)
                if answer.status_code != 200:
                    raise RuntimeError(f"{answer.request.url}: {answer.status_code} {answer.text[:300]}")
    return {name: _spread(taken) for name, taken in times.items()}


def until_visible(server: Server, sessions: Sessions) -> tuple[tuple[float, float], int]:
    """How long after its acknowledgement a session is listed, while others send; and how many spans that stored."""
    crowd = list(sessions.batches(20_000))
    others = threading.Thread(target=send, args=(server.url + server.path, server.headers, crowd, 2))
    waits: list[float] = []
    spans = len(crowd) * BATCH_SPANS
    others.start()
    with httpx.Client(base_url=server.url, timeout=120, trust_env=False) as client:
        while others.is_alive():
            batch = sessions.batch(1)
            spans += SESSION_SPANS
            client.post(server.path, content=batch, headers=server.headers).raise_for_status()
            begun = time.perf_counter()
            while client.get(f"/v1/sessions/{sessions.ids[-1]}").status_code == 404:
                time.sleep(0.02)
            waits.append((time.perf_counter() - begun) * 1e3)
            time.sleep(0.1)
    others.join()
    return _spread(waits), spans


def _spread(taken: Sequence[float]) -> tuple[float, float]:
    return statistics.median(taken), sorted(taken)[int((len(taken) - 1) * 0.95)]


def main() -> None:
    """Measure, and say it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--spans", type=int, default=40_000, help="that ours takes in under load; 0 for none")
    options.add_argument("--peer-spans", type=int, default=2_000, help="that each takes in")
    options.add_argument("--curve", type=int, nargs="*", default=[100_000], help="stored spans at which ours is asked")
    options.add_argument("--without-peers", action="store_true")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    found: dict[str, list[Any]] = {"taken": [], "curve": []}
    peers: tuple[type[Server], ...] = () if chosen.without_peers else (Sojourn, *PEERS)
    turns: list[tuple[type[Server], int]] = [(kind, chosen.peer_spans) for kind in peers]
    if chosen.spans:
        turns.append((Sojourn, chosen.spans))
    if turns:
        if not chosen.json:
            print(
                f"{'server':10} {'spans/CPU s':>12} {'spans/s':>9} {'B/span':>7} {'MB most':>8} {'slowest s':>9} waits"
            )
        for taken in compare(turns):
            found["taken"].append(asdict(taken))
            if not chosen.json:
                rates = (
                    f"{taken.spans:13,}{taken.spans_a_cpu_s:13,.0f}{taken.spans_a_s:13,.0f}{taken.bytes_a_span:13,.0f}"
                )
                waits = f"{taken.most_memory_mb:13,.0f}{taken.slowest_s:13.2f}{taken.asked_to_wait:13}"
                print(f"{taken.server:10}{rates}{waits}", flush=True)
    for point in curve(sorted(chosen.curve)):
        found["curve"].append(asdict(point))
        if not chosen.json:
            print(f"\n{point.spans:,} spans stored; {point.spans_a_cpu_s:,.0f} spans a CPU second up to here, ", end="")
            print(f"{point.most_memory_mb:,.0f} MB most; median and p95 in ms:")
            for name, spread in {**point.questions, "visible after": point.visible_ms}.items():
                print(f"  {name:18} {spread[0]:8.1f} {spread[1]:8.1f}", flush=True)
    if chosen.json:
        json.dump(found, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
