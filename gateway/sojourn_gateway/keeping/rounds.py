"""What is done again and again beside the requests: retention, upkeep, and a look at the free space of the disk."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from typing import TYPE_CHECKING, Final

from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn.home import Home
    from sojourn_gateway.keeping.keeper import Keeper

__all__ = ["Rounds", "free_space", "low_space"]

_log = logging.getLogger("sojourn.gateway")

_LOOK_S: Final = 60.0
_SWEEP_S: Final = 6 * 3600.0
_SAY_AGAIN_S: Final = 3600.0


def free_space(home: Home) -> int | None:
    """Bytes that are free where the home lies, or will lie; None when nobody can tell."""
    for folder in (home.root, *home.root.absolute().parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None


def low_space(home: Home, least: int) -> str | None:
    """Words about a disk on which less than `least` bytes are free; None when there is enough."""
    free = free_space(home)
    if free is None or free >= least:
        return None
    return (
        f"only {free / 1e6:,.0f} MB are free where {home.root} lies: make room, or have older sessions removed "
        "(SOJOURN_KEEP_DAYS, SOJOURN_KEEP_SIZE); when the disk is full nothing more is taken in"
    )


class Rounds:
    """A thread that looks once a minute, until it is stopped."""

    def __init__(
        self, keeper: Keeper, home: Home, least_free: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keeper = keeper
        self._home = home
        self._least_free = least_free
        self._clock = clock
        self._said = self._swept = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sojourn-rounds", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is under way; returns when the thread is gone."""
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """One round."""
        now = self._clock()
        words = low_space(self._home, self._least_free)
        if words is not None and now - self._said >= _SAY_AGAIN_S:
            self._said = now
            _log.warning("%s", words)
        if now - self._swept >= _SWEEP_S:
            self._swept = now
            self._sweep()
        # It writes parts anew beside the old ones.
        if words is None:
            self._tend()

    def _tend(self) -> None:
        try:
            self._keeper.tend(self._is_wanted)
        except (GatewayFault, OSError) as fault:
            _log.warning("what searches need could not be built, the next round tries again: %s", fault)

    def _is_wanted(self) -> bool:
        """Whether there is something to do that does not wait for upkeep: that may take long, or never end."""
        return (
            self._stopping.is_set()
            or self._clock() - self._swept >= _SWEEP_S
            or low_space(self._home, self._least_free) is not None
        )

    def _sweep(self) -> None:
        try:
            for swept in self._keeper.sweep():
                erased = swept.erased
                _log.warning(
                    "project %s keeps no more than it shall: %s sessions, %s traces, %s spans, %s log records and "
                    "%s points of metrics were removed",
                    swept.project,
                    erased.sessions,
                    erased.traces,
                    erased.spans,
                    erased.logs + swept.loose_logs,
                    erased.points + swept.loose_points,
                )
        except (GatewayFault, OSError) as fault:
            _log.warning("retention could not be kept, the next round tries again: %s", fault)

    def _run(self) -> None:
        # Not at once: whoever starts the gateway wants to see it.
        while not self._stopping.wait(_LOOK_S):
            try:
                self.look()
            except Exception:  # noqa: BLE001  # nobody else would keep retention from then on
                _log.warning("a look at the store failed, the next round tries again", exc_info=True)
