"""The way in: groups that hold a bad body, overload, and what a killed process had acknowledged."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sojourn.home import Home
from sojourn_gateway.ingest import Ingest
from sojourn_gateway.ingest.body import read_body
from sojourn_gateway.model.faults import GatewayFault, Malformed, Overloaded, TooLarge
from sojourn_gateway.query import Queries
from tests.gateway.sender import Store, event, logs, span, trace_id, traces

if TYPE_CHECKING:
    from sojourn_gateway.engine import Engine

ROOT = Path(__file__).resolve().parents[2]


def looks_good(body: bytes) -> bytes:
    """The same request with a name that is a number: whoever only counts spans does not notice, the engine does."""
    assert body.count(b"\x2a\x03bad") == 1
    return body.replace(b"\x2a\x03bad", b"\x28\x81\x81\x81\x01")


def test_a_bad_body_in_a_group_fails_alone(store: Store) -> None:
    good = [traces([span(trace_id(), attributes={"session.id": "s"})]) for _ in range(12)]
    bad = looks_good(traces([span(trace_id(), "bad", attributes={"session.id": "s"})]))
    assert read_body("traces", "p", bad, 1).accepted == 1

    async def all_at_once() -> list[object]:
        bodies = [*good[:5], bad, *good[5:]]
        sent = (store.ingest.submit("traces", store.project, body) for body in bodies)
        return await asyncio.gather(*sent, return_exceptions=True)

    results = asyncio.run(all_at_once())
    assert [number for number, result in enumerate(results) if isinstance(result, BaseException)] == [5]
    assert isinstance(results[5], Malformed)
    assert store.engine.settle(60)
    assert store.session("s").summary.span_count == 12


def test_after_a_long_rest_a_reader_waits_for_what_was_just_kept(engine: Engine) -> None:
    now = [0.0]
    ingest = Ingest(engine, clock=lambda: now[0])
    store = Store(engine, ingest, Queries(engine))
    try:
        store.send(span(trace_id(), attributes={"session.id": "s"}))
        now[0] = 3600.0

        async def burst() -> None:
            bodies = (traces([span(trace_id(), attributes={"session.id": "s"})]) for _ in range(24))
            await asyncio.gather(*(ingest.submit("traces", store.project, body) for body in bodies))

        asyncio.run(burst())
        assert engine.settle(60, patient=False)
        # Not by way of `store`, which would wait by itself for what was not waited for here.
        found = store.queries.session(store.project, "s")
        assert found is not None
        assert found.summary.span_count == 25
    finally:
        ingest.close()


def test_traces_and_logs_of_several_projects_share_the_way(engine: Engine, store: Store) -> None:
    other = Store(store.engine, store.ingest, store.queries)

    async def all_at_once() -> None:
        await asyncio.gather(
            *(
                sending
                for one in (store, other)
                for sending in (
                    one.ingest.submit(
                        "traces", one.project, traces([span(trace_id(), attributes={"session.id": "s"})])
                    ),
                    one.ingest.submit(
                        "logs", one.project, logs([event("session.start", "s", sojourn__session__name=one.project)])
                    ),
                )
            )
        )

    asyncio.run(all_at_once())
    assert engine.settle(60)
    for one in (store, other):
        assert (one.session("s").summary.name, one.session("s").summary.span_count) == (one.project, 1)


def test_a_sender_that_goes_away_stops_nobody(store: Store) -> None:
    async def hang_up() -> None:
        body = traces([span(trace_id(), attributes={"session.id": "s"})])
        sending = asyncio.create_task(store.ingest.submit("traces", store.project, body))
        while not sending.done() and not store.queries.session(store.project, "s"):
            await asyncio.sleep(0)
            sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    asyncio.run(hang_up())
    store.send(span(trace_id(), attributes={"session.id": "t"}))
    assert store.session("t").summary.span_count == 1


def test_too_much_that_waits_is_refused_before_it_is_kept(engine: Engine) -> None:
    body = traces([span(trace_id(), attributes={"session.id": "s", "x": "x" * 5000})])
    narrow = Ingest(engine, most_waiting_bytes=12_000)
    store = Store(engine, narrow, Queries(engine))
    accepted, refused = 0, 0
    lock, together = threading.Lock(), threading.Barrier(24)

    def send() -> None:
        nonlocal accepted, refused
        together.wait()
        try:
            narrow.submit_now(
                "traces", store.project, traces([span(trace_id(), attributes={"session.id": "s"})]) + body
            )
        except Overloaded as fault:
            with lock:
                refused += fault.retry_after_s
        else:
            with lock:
                accepted += 1

    senders = [threading.Thread(target=send) for _ in range(24)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    narrow.close()
    assert refused > 0
    assert accepted + refused == 24
    assert store.session("s").summary.trace_count == accepted + 1


def test_what_comes_after_closing_is_refused_in_words(engine: Engine) -> None:
    ingest = Ingest(engine)
    ingest.close()
    with pytest.raises(GatewayFault, match="stopping"):
        ingest.submit_now("traces", "p", traces([span(trace_id())]))


# The process that owns a store of its own: chdb opens one folder a process, so each of these is a process.
_WRITER = """
import sys
from pathlib import Path
from sojourn.home import Home
from sojourn_gateway.engine import Engine
from sojourn_gateway.ingest import Ingest
from tests.gateway.sender import span, trace_id, traces, usage
ingest = Ingest(Engine.open(Home(Path(sys.argv[1]))))
while True:
    ingest.submit_now("traces", "p", traces([span(trace_id(), attributes={"session.id": "s", **usage()})] ))
    print("kept", flush=True)
"""

_COUNTER = """
import sys
from pathlib import Path
from sojourn.home import Home
from sojourn_gateway.engine import Engine
from sojourn_gateway.query import Queries
engine = Engine.open(Home(Path(sys.argv[1])))
found = Queries(engine).session("p", "s")
print(found.summary.span_count, found.summary.tokens.input, len(found.spans))
engine.close()
"""


def run(program: str, home: Path, *, cwd: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, text=True, env=environment, cwd=cwd
    )


def counted(home: Path, cwd: Path) -> list[int]:
    with run(_COUNTER, home, cwd=cwd) as process:
        told, _ = process.communicate(timeout=500)
    assert process.returncode == 0
    return [int(word) for word in told.split()]


def test_what_was_acknowledged_survives_kill_9_and_counts_once(tmp_path: Path) -> None:
    home, cwd = tmp_path / "home", tmp_path / "elsewhere"
    cwd.mkdir()
    acknowledged = 0
    for kept in (3, 5):
        with run(_WRITER, home, cwd=cwd) as writer:
            assert writer.stdout is not None
            for _ in range(kept):
                assert writer.stdout.readline() == "kept\n"
            writer.send_signal(signal.SIGKILL)
            more = writer.stdout.read().count("kept")
        acknowledged += kept + more
        spans, tokens, listed = counted(home, cwd)
        assert spans == listed
        assert tokens == 100 * spans
        # One batch may have been written whose sender was not told any more.
        assert acknowledged <= spans <= acknowledged + 2
    assert list(cwd.iterdir()) == []


def test_a_staged_batch_of_a_dead_process_is_taken_in_once(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    staging = home.make(home.staging)
    parts = read_body("traces", "p", traces([span(trace_id(), attributes={"session.id": "s"})]), time.time_ns()).parts
    bad = read_body("traces", "p", looks_good(traces([span(trace_id(), "bad")])), time.time_ns()).parts
    (staging / f"{1:020d}.traces").write_bytes(b"".join([*bad, *parts]))
    (staging / f"{2:020d}.traces").write_bytes(b"".join(parts))
    (staging / f"{3:020d}.new").write_bytes(b"torn")
    assert counted(home.root, tmp_path) == [1, 0, 1]
    assert list(staging.iterdir()) == []


def test_a_second_process_is_told_who_holds_the_store(engine: Engine, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with run(_WRITER, home, cwd=tmp_path) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        second = subprocess.run(
            [sys.executable, "-c", _COUNTER, str(home)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        writer.kill()
    assert second.returncode != 0
    assert f"in use by process {writer.pid}" in second.stderr


_NEWER = """
import sys
from pathlib import Path
from sojourn.home import Home
from sojourn_gateway.engine import Engine
from sojourn_gateway.engine.embedded import Embedded
from sojourn_gateway.model.faults import GatewayFault
home = Home(Path(sys.argv[1]))
for _ in range(2):
    Engine.open(home).close()
writer = Embedded(home).handle("writer")
writer.run("insert into sojourn.marks select 'format', 99, toUInt64(-1)")
writer.close()
try:
    Engine.open(home)
except GatewayFault as fault:
    print(fault)
"""


def test_opening_twice_is_harmless_and_a_newer_store_is_refused_in_words(tmp_path: Path) -> None:
    with run(_NEWER, tmp_path / "home", cwd=tmp_path) as process:
        told, _ = process.communicate(timeout=500)
    assert "the stored data has format 99" in told


def test_a_request_of_too_many_spans_is_refused_in_words_and_its_parts_are_kept(store: Store) -> None:
    one = span(trace_id(), attributes={"session.id": "s"})
    with pytest.raises(TooLarge, match="holds 100001 items, the limit is 100000"):
        store.post("traces", traces([one] * 100_001))
    store.send(one)
    assert store.session("s").summary.span_count == 1
