"""A PostgreSQL server of a test run's own, when the machine has one to start."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

WAY_BACK = "there is no PostgreSQL to start; on Debian: apt-get install postgresql"


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`."""
    found = shutil.which("initdb")
    places = (
        [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    )
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


@contextmanager
def postgres(place: Path) -> Generator[str]:
    """Serve an empty database on a socket in the file system, until the block is left; gives its URL."""
    # PostgreSQL serves nobody as root, and a socket's path may have about a hundred characters only.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="sojourn-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    try:
        _run([str(place / "initdb"), "-D", str(folder / "data"), "-U", "sojourn", "-A", "trust", "-N"], user)
        server = subprocess.Popen(
            [
                *(str(place / "postgres"), "-D", str(folder / "data"), "-k", str(folder)),
                *("-c", "listen_addresses=", "-c", "fsync=off"),
            ],
            user=user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            ready = [str(place / "pg_isready"), "-h", str(folder), "-q"]
            until(lambda: subprocess.run(ready, check=False).returncode == 0, within_s=300)
            yield f"postgresql://sojourn@/postgres?host={quote(str(folder), safe='')}"
        finally:
            server.terminate()
            server.wait(300)
    finally:
        shutil.rmtree(folder)


def _run(arguments: Sequence[str], user: str | None) -> None:
    subprocess.run(arguments, check=True, user=user, stdout=subprocess.DEVNULL, cwd="/")
