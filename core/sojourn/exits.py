"""How a process ends, and begins again as a child: what is to be done at its exit, and after a fork."""

from __future__ import annotations

import atexit
import os
import sys
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from sojourn import faults

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["at_exit", "in_children", "in_pool", "loading", "not_at_exit"]

# Children of these end by `os._exit`, after what was registered with them; `atexit` is not asked.
_POOLS: Final = ("multiprocessing.util", "billiard.util")
_LAST: Final = -1000
"""The lower, the later; those below nought come after the child has waited for its own children."""

_PATIENCE_S: Final = 2.0

_renewals: list[Callable[[], None]] = []
_loading = Lock()
_held = False


def at_exit(function: Callable[[], None]) -> None:
    """Have a function called when this process ends, which must bear being called twice."""
    atexit.register(function)
    in_pool(function)


def in_pool(function: Callable[[], None]) -> None:
    """The same in a child of `multiprocessing` or its like, for which `atexit` does not speak; elsewhere nothing."""
    for name in _POOLS:
        # Only one that is loaded can have started this process.
        pool: Any = sys.modules.get(name)
        process: Any = sys.modules.get(name.replace("util", "process"))
        if pool is not None and process is not None:
            with faults.contained("exits.pool"):
                if process.current_process().name != "MainProcess":
                    pool.Finalize(None, function, exitpriority=_LAST)


def not_at_exit(function: Callable[[], None]) -> None:
    """Take it back, as far as the platform can: called it must do nothing."""
    atexit.unregister(function)


def in_children(renew: Callable[[], None]) -> None:
    """Have a function called in every child that this process forks from now on, at once; it must be cheap."""
    if not _renewals and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_renew)
    if renew not in _renewals:
        _renewals.append(renew)


def loading() -> Lock:
    """To be held by our own threads while they import: a fork waits for them.

    What another thread is importing at a fork can never be imported in the child, which would wait for that thread.
    """
    return _loading


def _before() -> None:
    global _held
    _held = _loading.acquire(timeout=_PATIENCE_S)


def _after() -> None:
    global _held
    if _held:
        _held = False
        _loading.release()


def _renew() -> None:
    global _loading, _held
    _loading, _held = Lock(), False
    for renew in _renewals:
        with faults.contained("exits.fork"):
            renew()
