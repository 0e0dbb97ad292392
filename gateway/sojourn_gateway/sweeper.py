"""Looks for journals of dead processes, again and again, beside the requests."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from sojourn_gateway.ingest import Pickup

__all__ = ["Sweeper"]

_log = logging.getLogger("sojourn.gateway")


class Sweeper:
    """A thread that sweeps at once and then every `every_s` seconds, until it is stopped."""

    def __init__(self, pickup: Pickup, every_s: float) -> None:
        self._pickup = pickup
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sojourn-pickup", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the sweep that is under way; returns when the thread is gone."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._pickup.sweep()
            except (GatewayFault, OSError) as fault:
                # What could not be taken over stays where it is; the next sweep tries again.
                _log.warning("a journal could not be picked up, it stays for the next try: %s", fault)
            self._stopping.wait(self._every_s)
