"""Who writes to a served store: one gateway at a time, which says so in the store and goes on saying it.

A claim is a row with the times of the server's own clock. Of the claims that were renewed of late, the oldest holds.
The claim of a dead gateway runs out by itself; one of the same home is taken over at once, since the lock of the home
says that its process is gone.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.faults import EngineHeld, GatewayFault

if TYPE_CHECKING:
    from sojourn.home import Home
    from sojourn_gateway.engine.backend import Handle

__all__ = ["WRITERS", "Lease"]

_log = logging.getLogger("sojourn.gateway")

WRITERS: Final = f"""
create table if not exists {DATABASE}.writers (
    holder String,
    claimed_ms Int64,
    renewed_ms Int64,
    host String,
    process UInt64
) engine = ReplacingMergeTree(renewed_ms) order by holder ttl toDateTime(intDiv(renewed_ms, 1000)) + interval 7 day"""

_NOW: Final = "toUnixTimestamp64Milli(now64(3))"
_CLAIM: Final = f"""
insert into {DATABASE}.writers
select {{holder:String}}, if({{claimed:Int64}} = 0, {_NOW}, {{claimed:Int64}}), {_NOW}, {{host:String}},
    {{process:UInt64}}"""
# A claim of 0 is none: that is how one is given up.
_LIVE: Final = f"""
select holder, claimed_ms, host, process from {DATABASE}.writers final
where claimed_ms != 0 and renewed_ms > {_NOW} - {{lasts:Int64}} order by claimed_ms, holder"""


class Lease:
    """The right to write to a store; taken when made, renewed by a thread until released."""

    def __init__(self, handle: Handle, home: Home, *, lasts_s: float = 20.0, every_s: float = 5.0) -> None:
        """Take it; `handle` becomes ours. Raises `EngineHeld`, naming the gateway that has it."""
        self._handle = handle
        self._holder = _identity(home)
        self._lasts_s = lasts_s
        self._every_s = every_s
        self._claimed = 0
        self._renewed_at = 0.0
        self._stopping = Event()
        handle.run(f"create database if not exists {DATABASE} engine = Atomic")
        handle.run(WRITERS)
        self._held_by = self._renew()
        if self._held_by is not None:
            self._withdraw()
            handle.close()
            self.check()
        self._thread = Thread(target=self._keep, name="sojourn-lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises `EngineHeld` when another gateway writes to the store now."""
        if self._held_by is not None:
            raise EngineHeld(
                f"the gateway on {self._held_by} writes to this store; one gateway at a time does: use that one, or "
                f"end it and try again after {self._lasts_s:.0f} seconds"
            )

    def release(self) -> None:
        """Give it up; another gateway may have it at once."""
        self._stopping.set()
        self._thread.join()
        self._withdraw()
        self._handle.close()

    def _renew(self) -> str | None:
        """Say that it is still wanted; who has it instead, None when it is ours."""
        # A claim that ran out is made anew: somebody may have taken the store meanwhile.
        if time.monotonic() - self._renewed_at > self._lasts_s:
            self._claimed = 0
        begun = time.monotonic()
        self._say(self._claimed)
        live = self._handle.rows(_LIVE, {"lasts": int(self._lasts_s * 1000)})
        self._renewed_at = begun
        for holder, claimed, host, process in live:
            if text(holder) == self._holder:
                self._claimed = claimed
                return None
            return f"{text(host)} (process {process})"
        return None

    def _keep(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self._held_by = self._renew()
            except GatewayFault as fault:
                # Nothing can be written meanwhile either; what is wrong is said to whoever tries.
                _log.debug("the right to write could not be renewed: %s", fault)
            except Exception:  # noqa: BLE001  # a claim that nobody renews runs out while this gateway still writes
                _log.warning("the right to write could not be renewed; it is tried again", exc_info=True)

    def _withdraw(self) -> None:
        try:
            self._handle.run(
                f"insert into {DATABASE}.writers select {{holder:String}}, 0, {_NOW} + 1, '', 0",
                {"holder": self._holder},
            )
        except GatewayFault as fault:
            _log.debug("the claim runs out by itself: %s", fault)

    def _say(self, claimed: int) -> None:
        self._handle.run(
            _CLAIM,
            {"holder": self._holder, "claimed": claimed, "host": platform.node() or "unknown", "process": os.getpid()},
        )


def _identity(home: Home) -> str:
    """The same for all processes of a home, of which one at a time holds its lock."""
    path = home.make(home.root) / "gateway-id"
    try:
        known = path.read_text("ascii").strip()
    except FileNotFoundError:
        known = ""
    if not known:
        known = uuid4().hex
        path.write_text(known, "ascii")
    return known
