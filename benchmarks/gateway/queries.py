"""How long questions take, as the store grows: every read endpoint, over HTTP.

    python -m benchmarks.gateway.queries [--spans SPANS ...] [--home FOLDER] [--only WORD] [--times N]

Two hundred sessions are taken in as any exporter's are; the mass are copies of them, with ids, sessions and times of
their own. Then each question is asked of the gateway, over a socket, and told are its median and its 95th percentile,
in milliseconds: of the wall, and of the CPU of the whole process, all threads of the engine and the client included,
which holds on a busy machine too. The store rests: parts are merged as far as the engine does so by itself, and what is
left is indexed, as the gateway does when nothing was written for a minute. Each store is asked by a process of its own,
of which the memory is told as well. With `--home` the stores are kept in folders below one, named by their size, and
used again when they are there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import httpx
import psutil
import uvicorn

from benchmarks.gateway.sessions import NEEDLE
from benchmarks.gateway.store import PROJECT, fill, rest
from sojourn.home import Home
from sojourn_gateway.app import create_app
from sojourn_gateway.engine import Engine
from sojourn_gateway.engine.sizes import read_state
from sojourn_gateway.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator

_SECOND: Final = 10**9
WEEK: Final = 7 * 86_400 * _SECOND
_STARTS_WITHIN_S: Final = 60


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, under a name."""

    name: str
    path: str
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds: median and 95th percentile, of the wall and of CPU."""

    wall: float
    slow_wall: float
    cpu: float
    slow_cpu: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A store, and how long each question took, by its name."""

    spans: int
    took: dict[str, Took]
    bytes_on_disk: int
    memory: int
    """Bytes that the process held when all was asked."""


@contextmanager
def serving(engine: Engine, home: Home) -> Generator[httpx.Client]:
    """A client of the gateway over this engine, in this process."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(home, Settings(project=PROJECT), engine=engine), port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run, name="gateway")
    thread.start()
    try:
        until = time.monotonic() + _STARTS_WITHIN_S
        while not (server.started and server.servers):
            if time.monotonic() > until or not thread.is_alive():
                raise RuntimeError("the gateway did not start")
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def questions(client: httpx.Client) -> list[Question]:
    """What is asked: of every list its first page, a deep one, and what narrows it; of single things one each."""
    newest = _data(client, "/v1/sessions", limit="200")
    some = newest[len(newest) // 2]["id"]
    session = quote(some, safe="")
    trace = _data(client, "/v1/traces", limit="1", session_id=some)[0]["id"]
    span = _data(client, f"/v1/traces/{trace}")["spans"][2]["id"]
    name = _data(client, f"/v1/traces/{trace}")["spans"][2]["name"]
    score = _data(client, "/v1/scores", limit="1")[0]["id"]
    now = time.time_ns()
    week = {"start_date": moment(now - WEEK), "end_date": moment(now)}
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("sessions, newest", "/v1/sessions", {}),
        ("sessions, by cost", "/v1/sessions", {"sort_by": "total_cost"}),
        ("sessions, by last error", "/v1/sessions", {"sort_by": "last_error"}),
        ("sessions, page at 10,000", "/v1/sessions", {"offset": "10000"}),
        ("sessions, cost > 0.001 and errors > 0", "/v1/sessions", {"filter": "cost > 0.001 and errors > 0"}),
        ("sessions, of a user", "/v1/sessions", {"user_id": "user-7"}),
        ("sessions, of a tag", "/v1/sessions", {"tag": "tag-3"}),
        ("sessions, a rare word", "/v1/sessions", {"search": NEEDLE}),
        ("one session of 50 spans, all content", f"/v1/sessions/{session}", {}),
        ("the log of a session", f"/v1/sessions/{session}/logs", {}),
        ("traces, newest", "/v1/traces", {}),
        ("traces, by latency", "/v1/traces", {"sort_by": "latency"}),
        ("traces, page at 10,000", "/v1/traces", {"offset": "10000"}),
        ("traces, of a session", "/v1/traces", {"session_id": some}),
        ("traces, failed", "/v1/traces", {"status": "ERROR"}),
        ("traces, metadata.turn = turn-7", "/v1/traces", {"filter": "metadata.turn = turn-7"}),
        ("traces, a rare word", "/v1/traces", {"search": NEEDLE}),
        ("one trace of 10 spans, all content", f"/v1/traces/{trace}", {}),
        ("one span of a trace", f"/v1/traces/{trace}/spans/{span}", {}),
        ("spans, newest", "/v1/spans", {}),
        ("spans, page at 10,000", "/v1/spans", {"offset": "10000"}),
        ("spans, of a trace", "/v1/spans", {"trace_id": trace}),
        ("spans, of a session", "/v1/spans", {"session_id": some}),
        ("spans, failed", "/v1/spans", {"status": "ERROR"}),
        ("spans, of a name", "/v1/spans", {"name": name}),
        ("spans, metadata.turn = turn-7", "/v1/spans", {"filter": "metadata.turn = turn-7"}),
        ("spans, cost > 0.0005", "/v1/spans", {"filter": "cost > 0.0005"}),
        ("spans, a rare word", "/v1/spans", {"search": NEEDLE}),
        ("spans, two words that most have", "/v1/spans", {"search": "refund parcel"}),
        ("one span by its id alone", f"/v1/spans/{span}", {}),
        ("calls of models, newest, with content", "/v1/requests", {}),
        ("log lines, newest", "/v1/logs", {}),
        ("log lines, errors", "/v1/logs", {"level": "error"}),
        ("log lines, a rare word", "/v1/logs", {"search": NEEDLE}),
        ("metrics of a week, by hour", "/v1/metrics", week),
        ("metrics of a week, by model", "/v1/metrics", {**week, "group_by": "model"}),
        ("metric points", "/v1/metrics/points", {}),
        ("metric points, of a session", "/v1/metrics/points", {"session_id": some}),
        ("scores, newest", "/v1/scores", {}),
        ("one score", f"/v1/scores/{score}", {}),
        ("scores by name", "/v1/scores/aggregations", {}),
    ]
    return [Question(*one) for one in asked]


def measured(client: httpx.Client, question: Question, times: int) -> Took:
    """How long it takes; the first, cold time is not counted."""
    walls, cpus = list[float](), list[float]()
    for _ in range(times + 1):
        begun, spent = time.perf_counter(), time.process_time()
        answer = client.get(question.path, params=question.parameters)
        walls.append((time.perf_counter() - begun) * 1e3)
        cpus.append((time.process_time() - spent) * 1e3)
        if answer.status_code != 200:
            raise RuntimeError(f"{question.name}: {answer.status_code} {answer.text[:300]}")
    (wall, slow_wall), (cpu, slow_cpu) = map(_spread, (walls[1:], cpus[1:]))
    return Took(wall, slow_wall, cpu, slow_cpu)


def _spread(taken: list[float]) -> tuple[float, float]:
    return statistics.median(taken), sorted(taken)[int(len(taken) * 0.95)]


def _data(client: httpx.Client, path: str, **parameters: str) -> Any:
    answer = client.get(path, params=parameters)
    answer.raise_for_status()
    return answer.json()["data"]


def moment(time_ns: int) -> str:
    """ISO 8601 in UTC, as dates are asked for."""
    return datetime.fromtimestamp(time_ns // _SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ask_all(home: Path, spans: int, only: str, times: int) -> Asked:
    """Fill the store when it is empty, and ask what has `only` in its name. Tells as it goes."""
    engine = Engine.open(Home(home))
    try:
        with serving(engine, Home(home)) as client:
            empty = not client.get("/v1/sessions", params={"limit": "1"}).json()["pagination"]["total"]
            begun = time.perf_counter()
            bare = fill(engine, spans) if empty else rest(engine)
            print(f"{'filled and ' if empty else ''}at rest after {time.perf_counter() - begun:.0f} s")
            print(f"{bare:,} spans that no merge took up were indexed, as the gateway does when nothing was written")
            total = client.get("/v1/spans", params={"limit": "1"}).json()["pagination"]["total"]
            print(f"\n{total:,} spans, milliseconds", flush=True)
            print("| question | wall p50 | wall p95 | CPU p50 | CPU p95 |\n|---|---:|---:|---:|---:|")
            taken: dict[str, Took] = {}
            for question in questions(client):
                if only in question.name:
                    took = taken[question.name] = measured(client, question, times)
                    told_ms = (took.wall, took.slow_wall, took.cpu, took.slow_cpu)
                    print(f"| {question.name} | {' | '.join(f'{one:.0f}' for one in told_ms)} |", flush=True)
            state = read_state(engine)
            asked = Asked(total, taken, state.size, psutil.Process().memory_info().rss)
    finally:
        engine.close()
    print(
        f"\n{asked.bytes_on_disk / total:.0f} bytes a span on disk, {asked.memory / 1e6:.0f} MB of memory", flush=True
    )
    return asked


def _curve(stores: list[Asked]) -> None:
    """Each question in one line: CPU, and the wall's 95th percentile, as the store grows."""
    print("\nCPU p50 / wall p95, milliseconds")
    print("| question | " + " | ".join(f"{store.spans:,}" for store in stores) + " |")
    print("|---|" + "---:|" * len(stores))
    for name in stores[0].took:
        figures = (store.took[name] for store in stores)
        print(f"| {name} | " + " | ".join(f"{one.cpu:.0f} / {one.slow_wall:.0f}" for one in figures) + " |")


def main() -> None:
    """Fill, ask, and say it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--spans", type=int, nargs="+", default=[200_000], help="how many lie in the stores")
    options.add_argument("--home", type=Path, help="where the stores are kept; a new folder that is removed by default")
    options.add_argument("--only", default="", help="ask only what has this in its name")
    options.add_argument("--times", type=int, default=20, help="how often each question is asked")
    told = options.parse_args()
    spawned = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        stores: list[Asked] = []
        for spans in told.spans:
            home = (told.home or Path(folder)) / str(spans)
            home.mkdir(parents=True, exist_ok=True)
            # The engine opens one folder a process.
            with ProcessPoolExecutor(1, mp_context=spawned) as alone:
                stores.append(alone.submit(ask_all, home, spans, told.only, told.times).result())
        if len(stores) > 1:
            _curve(stores)


if __name__ == "__main__":
    main()
