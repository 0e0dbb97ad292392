"""Small programs, each run in an interpreter of its own, and what they cost."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["at_home", "cpu_and_wall", "printed"]

_TIMED = """
import time
wall, cpu = time.perf_counter(), time.process_time()
{body}
print(time.process_time() - cpu, time.perf_counter() - wall)
"""


@contextmanager
def at_home() -> Generator[Path]:
    """A home of its own for everything that is recorded meanwhile."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"SOJOURN_HOME": home, "SOJOURN_SUMMARY": "off"}
        # Installed packages come compiled; a checkout must not be compiled anew for each run.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        yield Path(home)


def cpu_and_wall(body: str) -> tuple[float, float]:
    """Seconds that the body takes in a fresh interpreter: of CPU, all threads together, and by the clock."""
    cpu, wall = printed(_TIMED.format(body=body)).split()
    return float(cpu), float(wall)


def printed(program: str) -> str:
    """What a program prints."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
