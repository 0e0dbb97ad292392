"""What a span costs on its way into the store, in CPU, and what it costs to read.

    python -m benchmarks.gateway.ingest [--stored SPANS] [--steady SPANS] [--senders N]

Batches of 8,200 spans of realistic sessions, about 2 KB each, are checked, written and rolled
up. CPU is that of the whole process, all threads of the engine included. The ratio to a bare parse of the same bytes
by the protobuf library says what is ours, whatever the machine. With `--stored`, so many spans lie in the store first.

Then the headline: senders that send 500 spans at a time, each as soon as it is answered, through the way in as it
stands in the gateway, with the commits and the roll-ups that it chooses, until all is acknowledged and shown.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.gateway.sessions import BATCH_SPANS, SESSION_SPANS, Sessions
from sojourn.home import Home
from sojourn_gateway.engine import Engine
from sojourn_gateway.ingest import Ingest
from sojourn_gateway.ingest.body import read_body
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.query import Queries

if TYPE_CHECKING:
    from collections.abc import Callable

COMMIT = 164 * SESSION_SPANS
COMMITS = 5
SENT_AT_ONCE = BATCH_SPANS
PROJECT = "default"


def batch(seed: int, spans: int = COMMIT) -> bytes:
    """A request of spans, as an exporter would send them."""
    return Sessions(seed, time.time_ns()).batch(spans // SESSION_SPANS)


def cpu(work: Callable[[], object]) -> float:
    """Microseconds of CPU a span, of one commit."""
    begun = time.process_time()
    work()
    return (time.process_time() - begun) / COMMIT * 1e6


def wall(work: Callable[[], object], times: int = 40) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    taken: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(taken), sorted(taken)[int(times * 0.95)]


def main() -> None:
    """Measure, and say it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stored", type=int, default=0, metavar="SPANS", help="fill the store first")
    options.add_argument("--steady", type=int, default=65_536, metavar="SPANS", help="of the headline")
    options.add_argument("--senders", type=int, default=32, help="of the headline")
    chosen = options.parse_args()
    stored: int = chosen.stored
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine.open(Home(Path(folder)))
        for number in range(stored // COMMIT):
            engine.write("traces", read_body("traces", PROJECT, batch(10_000 + number), time.time_ns()).parts)
            engine.roll_up()
        # The first commit of a process loads the price table and the engine's own code.
        engine.write("traces", read_body("traces", PROJECT, batch(0), time.time_ns()).parts)
        engine.roll_up()
        figures: dict[str, list[float]] = {"parse": [], "check": [], "write": [], "roll up": []}
        size = 0
        for number in range(1, COMMITS + 1):
            body = batch(number)
            size = len(body)
            figures["parse"].append(cpu(lambda: ExportTraceServiceRequest.FromString(body)))  # noqa: B023  # run at once
            figures["check"].append(cpu(lambda: read_body("traces", PROJECT, body, time.time_ns())))  # noqa: B023
            parts = read_body("traces", PROJECT, body, time.time_ns()).parts
            figures["write"].append(cpu(lambda: engine.write("traces", parts)))  # noqa: B023
            figures["roll up"].append(cpu(engine.roll_up))
        told = {name: statistics.median(values) for name, values in figures.items()}
        whole = told["check"] + told["write"] + told["roll up"]
        print(f"commits of {COMMIT} spans of {size // COMMIT} bytes, CPU a span:")
        for name in ("check", "write", "roll up"):
            print(f"  {name:8} {told[name]:6.1f} us")
        print(f"  {'all':8} {whole:6.1f} us = {1e6 / whole:,.0f} spans a CPU second")
        print(f"  {whole / told['parse']:.1f} x a bare parse of the same bytes ({told['parse']:.1f} us)")
        _steady(engine, chosen.steady, chosen.senders)
        _read(Queries(engine))
        engine.close()


def _steady(engine: Engine, spans: int, senders: int) -> None:
    ingest = Ingest(engine)
    # Made before the clock runs: what a sender does is no cost of the gateway.
    bodies = [batch(1_000 + number, SENT_AT_ONCE) for number in range(spans // SENT_AT_ONCE)]
    kept = len(bodies) * SENT_AT_ONCE
    with ThreadPoolExecutor(senders) as pool:
        begun, begun_cpu = time.perf_counter(), time.process_time()
        for sent in [pool.submit(ingest.submit_now, "traces", PROJECT, body) for body in bodies]:
            sent.result()
        shown = engine.settle(600)
        took, cpu_s = time.perf_counter() - begun, time.process_time() - begun_cpu
    ingest.close()
    seen = "shown" if shown else "NOT shown"
    print(f"steady, {senders} senders of {SENT_AT_ONCE} spans each, {kept:,} spans acknowledged and {seen}:")
    print(f"  {cpu_s / kept * 1e6:6.1f} us of CPU a span = {kept / cpu_s:,.0f} spans a CPU second")
    print(f"  {kept / took:,.0f} spans a second")


def _read(queries: Queries) -> None:
    newest = queries.sessions(PROJECT, SessionsAsk(limit=50))
    print(f"reading, {newest.total:,} sessions, median and p95 in ms:")
    for name, work in (
        ("list, newest", lambda: queries.sessions(PROJECT, SessionsAsk(limit=50))),
        ("list, by cost", lambda: queries.sessions(PROJECT, SessionsAsk(limit=50, sort_by="total_cost"))),
        ("one session", lambda: queries.session(PROJECT, newest.items[0].id)),
    ):
        median, slow = wall(work)
        print(f"  {name:14} {median:6.1f} {slow:6.1f}")


if __name__ == "__main__":
    main()
