"""The servers that are compared, each a process of its own over a folder of its own, on loopback."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import httpx
import psutil

from benchmarks.environments import environment
from benchmarks.gateway.sessions import SESSION_SPANS

__all__ = ["PEERS", "MLflow", "Phoenix", "Server", "Sojourn"]


class Server:
    """A server that is running, and what it has used so far."""

    name: ClassVar[str]
    requirements: ClassVar[tuple[str, ...]] = ()
    """What its environment holds; none runs in ours."""
    path: ClassVar[str] = "/v1/traces"

    def __init__(self, folder: Path) -> None:
        """Start it over `folder`, and return when it answers."""
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.headers = {"Content-Type": "application/x-protobuf"}
        program = environment(self.name, self.requirements) if self.requirements else sys.executable
        self._log = folder / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program, *self.command()],
                cwd=folder,
                env={**os.environ, "DO_NOT_TRACK": "true", **self.variables()},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._seen = psutil.Process(self._process.pid)
        self._wait_until_it_answers()
        self.prepare()

    def command(self) -> list[str]:
        """The arguments of its interpreter."""
        raise NotImplementedError

    def variables(self) -> dict[str, str]:
        """Its environment, beside what is there."""
        return {}

    def prepare(self) -> None:
        """What must be there before spans are sent."""

    def stored(self) -> int:
        """How many spans a reader finds."""
        raise NotImplementedError

    def cpu_s(self) -> float:
        """CPU seconds of all its processes and threads so far."""
        spent = 0.0
        for process in (self._seen, *self._seen.children(recursive=True)):
            times = process.cpu_times()
            spent += times.user + times.system
        return spent

    def memory(self) -> int:
        """Resident bytes of all its processes."""
        return sum(one.memory_info().rss for one in (self._seen, *self._seen.children(recursive=True)))

    def disk(self) -> int:
        """Bytes under its folder."""
        return sum(found.stat().st_size for found in self.folder.rglob("*") if found.is_file())

    def wait_until_stored(self, spans: int, timeout_s: float = 600) -> None:
        """Some servers acknowledge what they have not written yet; they have worked when a reader finds it."""
        until = time.monotonic() + timeout_s
        while (found := self.stored()) < spans:
            if time.monotonic() > until:
                raise RuntimeError(f"{self.name} keeps {found:,} of {spans:,} spans after {timeout_s:g} s")
            time.sleep(0.2)

    def stop(self) -> None:
        """End it, with what it started."""
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + 180
        while True:
            try:
                if httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code < 500:
                    return
            except httpx.TransportError:
                pass
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.name} does not start:\n{self._log.read_text('utf-8')[-2000:]}")
            time.sleep(0.2)


class Sojourn(Server):
    """Ours, as `sojourn serve` starts it."""

    name = "Sojourn"

    def command(self) -> list[str]:
        """The command, on the port that was found."""
        return [str(Path(sys.executable).with_name("sojourn")), "serve", "--port", str(self.port)]

    def variables(self) -> dict[str, str]:
        """A home of its own."""
        return {"SOJOURN_HOME": str(self.folder / "home")}

    def stored(self) -> int:
        """By the sessions that its list holds: they are there when their traces are rolled up, all in one commit."""
        answer = httpx.get(f"{self.url}/v1/sessions?limit=1", timeout=60, trust_env=False)
        answer.raise_for_status()
        return int(answer.json()["pagination"]["total"]) * SESSION_SPANS


class Phoenix(Server):
    """Arize Phoenix with SQLite, as it starts by default."""

    name = "Phoenix"
    requirements = ("arize-phoenix",)

    def command(self) -> list[str]:
        """As its documentation says."""
        return ["-m", "phoenix.server.main", "serve"]

    def variables(self) -> dict[str, str]:
        """Its folder and ports; nothing is told to anybody."""
        return {
            "PHOENIX_WORKING_DIR": str(self.folder),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(self.port),
            "PHOENIX_GRPC_PORT": str(_free_port()),
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }

    def stored(self) -> int:
        """As its database counts them."""
        return _count(self.folder / "phoenix.db")


class MLflow(Server):
    """MLflow's tracking server with SQLite and one worker."""

    name = "MLflow"
    requirements = ("mlflow",)

    def command(self) -> list[str]:
        """As its documentation says."""
        store = ["--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}", "--workers", "1"]
        return ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), *store]

    def variables(self) -> dict[str, str]:
        """Nothing is told to anybody, and no helpers run that traces do not need."""
        return {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

    def prepare(self) -> None:
        """Traces belong to an experiment there; the first one always exists."""
        self.headers["x-mlflow-experiment-id"] = "0"

    def stored(self) -> int:
        """As its database counts them."""
        return _count(self.folder / "mlflow.db")


PEERS: tuple[type[Server], ...] = (Phoenix, MLflow)


def _count(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as opened:
        row = opened.execute("select count(*) from spans").fetchone()
    assert re.fullmatch(r"\d+", str(row[0]))
    return int(row[0])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
