"""Starts and ends the front that stands for a ClickHouse server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from sojourn_gateway.model.address import Address, parse_address
from tests.gateway.front import PASSWORD
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Front:
    """A server that can be stopped and started again at its address."""

    folder: Path
    port: int
    certificate: tuple[str, str] | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        assert self._process is None
        self.folder.mkdir(exist_ok=True)
        told = (str(self.folder / "data"), str(self.port), *(self.certificate or ()))
        # In a folder of its own, since the engine publishes schemas that come as text in the current one.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.gateway.front", *told],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        until(self._listens, within_s=300)

    def stop(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, *, user: str = "sojourn", password: str = PASSWORD, database: str = "", **options: str) -> str:
        """What `SOJOURN_ENGINE` says."""
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
        where = f"{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{self.port}"
        return f"clickhouse://{where}/{database}" + (f"?{asked}" if asked else "")

    def address(self, **told: str) -> Address:
        """The same, parsed."""
        return parse_address(self.url(**told), "SOJOURN_ENGINE")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the front ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


@contextmanager
def reserved() -> Generator[int]:
    """A port that nothing listens on, and that nobody else gets until the block is left.

    Whoever asks for it by its number, of the same user and with `SO_REUSEPORT`, may listen on it: a front does.
    """
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        kept.bind(("127.0.0.1", 0))
        yield int(kept.getsockname()[1])


@contextmanager
def started(folder: Path, certificate: tuple[str, str] | None = None) -> Generator[Front]:
    """A front that runs until the block is left."""
    with reserved() as port:
        front = Front(folder, port, certificate)
        try:
            front.start()
            yield front
        finally:
            front.stop()
