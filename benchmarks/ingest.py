"""What a span costs on its way into the store, in CPU, and what it costs to read.

    python benchmarks/ingest.py [--stored SPANS]

Batches of 8192 realistic spans (about 2 KB, half of them model calls with messages) are checked, written and rolled
up. CPU is that of the whole process, all threads of the engine included. The ratio to a bare parse of the same bytes
by the protobuf library says what is ours, whatever the machine. With `--stored`, so many spans lie in the store first.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from sojourn.home import Home
from sojourn_gateway.engine import Engine
from sojourn_gateway.ingest.body import read_body
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.query import Queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMIT = 8192
COMMITS = 5
SPANS_A_TRACE = 8
TRACES_A_SESSION = 5
PROJECT = "default"
WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "while", "agents", "plan", "tools", "search"]


def batch(seed: int, spans: int = COMMIT) -> bytes:
    """A request of spans, as an exporter would send them."""
    chance = random.Random(seed)
    started = time.time_ns() - 3600 * 10**9 + seed * 10**9
    made = list(_spans(chance, started, spans))
    resource = Resource(attributes=list(_attributes({"service.name": "shop", "process.pid": seed, "host.name": "h"})))
    by_resource = ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=made)])
    return ExportTraceServiceRequest(resource_spans=[by_resource]).SerializeToString()


def _spans(chance: random.Random, started: int, count: int) -> Iterator[Span]:
    trace_id = root = b""
    session = ""
    for number in range(count):
        if number % SPANS_A_TRACE == 0:
            trace_id, root = chance.randbytes(16), b""
            if number % (SPANS_A_TRACE * TRACES_A_SESSION) == 0:
                session = f"session-{chance.getrandbits(64):x}"
        calls = number % 2 == 1
        span = Span(
            trace_id=trace_id,
            span_id=chance.randbytes(8),
            parent_span_id=root,
            name="chat gpt-4o-mini" if calls else "step",
            kind=Span.SPAN_KIND_CLIENT if calls else Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=started + number * 10**6,
            end_time_unix_nano=started + number * 10**6 + 5 * 10**8,
            attributes=_attributes({"session.id": session, **(_call(chance) if calls else _step(chance))}),
        )
        root = root or span.span_id
        yield span


def _call(chance: random.Random) -> dict[str, Any]:
    def message(role: str, words: int) -> dict[str, Any]:
        return {"role": role, "parts": [{"type": "text", "content": " ".join(chance.choices(WORDS, k=words))}]}

    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 400,
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": f"chatcmpl-{chance.getrandbits(80):x}",
        "gen_ai.usage.input_tokens": chance.randrange(3000),
        "gen_ai.usage.output_tokens": chance.randrange(300),
        "gen_ai.usage.cache_read.input_tokens": 0,
        "openai.api.type": "chat_completions",
        "openai.response.system_fingerprint": f"fp_{chance.getrandbits(40):x}",
        "server.address": "api.openai.com",
        "server.port": 443,
        "gen_ai.input.messages": json.dumps([message("system", 60), message("user", 150), message("assistant", 80)]),
        "gen_ai.output.messages": json.dumps([message("assistant", 100)]),
    }


def _step(chance: random.Random) -> dict[str, Any]:
    return {
        "sojourn.kind": "chain",
        "app.release": f"r{chance.randrange(50)}",
        "app.tenant": f"tenant-{chance.randrange(500)}",
        "sojourn.input": json.dumps({"question": " ".join(chance.choices(WORDS, k=90))}),
        "sojourn.output": " ".join(chance.choices(WORDS, k=90)),
    }


def _attributes(told: dict[str, Any]) -> Iterator[KeyValue]:
    for key, value in told.items():
        match value:
            case int():
                yield KeyValue(key=key, value=AnyValue(int_value=value))
            case float():
                yield KeyValue(key=key, value=AnyValue(double_value=value))
            case _:
                yield KeyValue(key=key, value=AnyValue(string_value=value))


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
    stored: int = options.parse_args().stored
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine.open(Home(Path(folder)))
        for number in range(stored // COMMIT):
            engine.write("traces", read_body("traces", PROJECT, batch(-1 - number), time.time_ns()).parts)
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
        _read(Queries(engine))
        engine.close()


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
