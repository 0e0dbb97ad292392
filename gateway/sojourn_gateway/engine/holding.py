"""Who holds the embedded engine: one process at a time."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from sojourn_gateway.model.faults import EngineHeld, GatewayFault

if TYPE_CHECKING:
    from sojourn.home import Home

if sys.platform != "win32":
    import fcntl

__all__ = ["Hold"]


class Hold:
    """The lock on a home's engine. It ends with the process, however that dies."""

    def __init__(self, home: Home) -> None:
        """Take the lock. Raises `EngineHeld`, naming the process that has it."""
        if sys.platform == "win32":
            raise GatewayFault("the embedded engine runs on Linux and macOS; on Windows use WSL or a container")
        home.make(home.root)
        path = home.root / "engine.lock"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise EngineHeld(
                f"the data in {home.root} is in use by process {holder}: use the gateway that runs there, "
                "or end that process"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Give the lock up."""
        os.close(self._descriptor)
