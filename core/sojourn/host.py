"""Facts of the machine and interpreter that a session runs on."""

from __future__ import annotations

import os
import platform
import socket
import sys
from pathlib import Path
from typing import Any

__all__ = ["host_facts", "host_name", "program_name"]


def host_name() -> str:
    """The name that the machine gives itself."""
    return socket.gethostname()


def program_name() -> str:
    """What the user would call this program: the script's name, or `python`."""
    script = sys.argv[0] if sys.argv else ""
    if script in {"", "-", "-c", "-m"}:
        return "python"
    path = Path(script)
    # `python -m package` runs its `__main__.py`; the package's name says more.
    return path.parent.name if path.name == "__main__.py" else path.stem or "python"


def host_facts() -> dict[str, Any]:
    """Operating system, interpreter, processors, memory. Costs some milliseconds: not for the caller's thread."""
    return {
        "host": host_name(),
        "os": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "program": program_name(),
        "pid": os.getpid(),
        "cpus": os.cpu_count(),
        "memory_bytes": _memory_bytes(),
    }


def _memory_bytes() -> int:
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # Only where the operating system does not tell by itself: the import costs 20 ms.
    import psutil

    return psutil.virtual_memory().total
