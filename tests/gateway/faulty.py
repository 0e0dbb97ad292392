"""Real gateways that are killed, or whose disk fills, and senders who try, as exporters do, until they are answered."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from tests.gateway.sender import span, trace_id, traces, usage

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

SOJOURN = (sys.executable, "-c", "from sojourn.command import main; main()")
ADDRESS = re.compile(r"http://[\w.:\[\]]+:\d+")
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@dataclass(slots=True)
class Gateway:
    """One that runs."""

    url: str
    process: subprocess.Popen[str]

    def get(self, path: str, **query: Any) -> Any:
        """The `data` of an answer."""
        answer = httpx.get(self.url + path, params=query, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@contextmanager
def gateway(home: Path, *before: str) -> Generator[Gateway]:
    """`sojourn serve`, killed when the block is left. `before` is a command that is to run it."""
    with subprocess.Popen(
        [*before, *SOJOURN, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "SOJOURN_HOME": str(home), "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        url = ""
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if found := ADDRESS.search(line):
                url = url or found[0]
            if "Ctrl+C" in line:
                break
        assert url, "".join(said)
        # Whoever does not read lets the pipe fill.
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        try:
            yield Gateway(url, process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            drain.join()


@dataclass(slots=True)
class Senders:
    """Threads that send batches, each again and again until it is acknowledged, to whatever gateway runs."""

    count: int = 4
    spans: int = 20
    filler: int = 500
    url: str = ""
    acknowledged: dict[str, int] = field(default_factory=dict[str, int])
    """Spans by session, of batches that were answered with 200."""
    refused: list[httpx.Response] = field(default_factory=list[httpx.Response])
    _gone: str = ""
    """Where nobody listens any more: before long it may be the gateway of another test that does."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list[threading.Thread])

    @contextmanager
    def sending(self) -> Generator[None]:
        """Until the block is left, and then until each has been told that its last batch is kept."""
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(self.count)]
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()

    def finish(self) -> None:
        """Wait for the last batches; the gateway must run."""
        for thread in self._threads:
            thread.join(600)
            assert not thread.is_alive()

    def more(self, batches: int, *, within_s: float = 600) -> None:
        """Wait until so many more were acknowledged."""
        aim, deadline = len(self.acknowledged) + batches, time.monotonic() + within_s
        while len(self.acknowledged) < aim:
            assert time.monotonic() < deadline, f"{len(self.acknowledged)} of {aim} batches in time"
            time.sleep(0.002)

    def _run(self, number: int) -> None:
        done = 0
        with httpx.Client(timeout=120) as client:
            while not self._stop.is_set():
                session = f"s-{number}-{done}"
                body = self._batch(session)
                while not self._kept(client, body):
                    # As an exporter does between two tries.
                    time.sleep(0.05)
                self.acknowledged[session] = self.spans
                done += 1

    def _kept(self, client: httpx.Client, body: bytes) -> bool:
        url = self.url
        if url == self._gone:
            return False
        try:
            answer = client.post(url + "/v1/traces", content=body, headers=PROTOBUF)
        except httpx.ConnectError:
            self._gone = url
            return False
        except httpx.TransportError:
            return False
        if answer.status_code != 200:
            self.refused.append(answer)
        return answer.status_code == 200

    def _batch(self, session: str) -> bytes:
        trace = trace_id()
        root = span(trace, "root", attributes={"session.id": session})
        filler = random.Random(session).randbytes(self.filler // 2).hex()
        calls = (
            span(trace, "chat", parent=root, at_s=n, attributes=usage(100, 10, filler=filler))
            for n in range(1, self.spans)
        )
        return traces([root, *calls])


def sums(running: Gateway, acknowledged: Mapping[str, int]) -> dict[str, tuple[int, int, int]]:
    """Spans, calls and input tokens of sessions, as the list says them; and of a few that their spans say the same.

    A list waits some seconds only for what was just kept. So it is asked again while it shows less than that.
    """

    def behind() -> bool:
        shown = dict(rows)
        return any(session not in shown or shown[session][0] < spans for session, spans in acknowledged.items())

    rows, deadline = _listed(running), time.monotonic() + 120
    while behind() and time.monotonic() < deadline:
        time.sleep(0.05)
        rows = _listed(running)
    found = dict(rows)
    assert len(found) == len(rows)
    for session in list(acknowledged)[:3]:
        spans = running.get(f"/v1/sessions/{session}")["spans"]
        assert len({one["id"] for one in spans}) == len(spans) == found[session][0]
    return found


def _listed(running: Gateway) -> list[tuple[str, tuple[int, int, int]]]:
    rows: list[tuple[str, tuple[int, int, int]]] = []
    while len(page := running.get("/v1/sessions", limit=100, offset=len(rows), sort_by="name")) > 0:
        rows += [(one["id"], (one["span_count"], one["model_calls"], one["input_tokens"])) for one in page]
        if len(page) < 100:
            break
    return rows
