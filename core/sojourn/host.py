"""Facts of the machine and interpreter that a session runs on."""

from __future__ import annotations

import os
import platform
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sojourn import semconv
from sojourn.clock import new_uuid

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

__all__ = ["QUICK", "host_facts", "host_name", "program_name", "resource", "session_name"]

QUICK: Final = hasattr(os, "uname")
"""Whether `host_facts` takes less than starting a thread; elsewhere a command is run to learn the system's version."""


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


def session_name() -> str | None:
    """The program's name makes a list of sessions readable; that of an interpreter says nothing."""
    name = program_name()
    return None if name in {"python", "ipykernel_launcher", "ipython"} else name


def resource(*, named: bool) -> Resource:
    """What OpenTelemetry is told of this process; the machine is `named` or not."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = Resource(
        {
            semconv.SERVICE_NAME: program_name(),
            semconv.SERVICE_INSTANCE_ID: new_uuid().hex,
            semconv.PROCESS_PID: os.getpid(),
            **({semconv.HOST_NAME: host_name()} if named else {}),
        }
    )
    # What the host program says of itself by OpenTelemetry's own variables beats what we found out.
    return ours.merge(OTELResourceDetector().detect())


def host_facts() -> dict[str, Any]:
    """Operating system, interpreter, processors, memory. Costs some milliseconds where it is not `QUICK`."""
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
