"""The way in: many senders, one writer. What waits together is committed together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final

from sojourn_gateway.ingest.body import Body, Signal, read_body
from sojourn_gateway.model.faults import GatewayFault, Malformed, Overloaded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine import Engine

__all__ = ["Ingest", "Receipt"]

_log = logging.getLogger("sojourn.gateway")

_COMMIT_BYTES: Final = 48 * 1024 * 1024
_ROLL_UP_S: Final = 0.7
"""How long roll-ups may lie behind while batches keep coming: each costs a planning that is paid once for many."""
_PRESSED_S: Final = 2.0
"""After so long without a rest, readers are told not to wait for roll-ups any more."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch that was understood."""

    accepted: int
    """Spans or records that are kept, and would survive a crash."""
    rejected: tuple[tuple[int, str], ...] = ()
    """How many were left out, and why."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    body: Body
    done: Future[Receipt]


class Ingest:
    """Takes batches from any thread or task, and writes them in groups from one thread of its own."""

    def __init__(self, engine: Engine, *, most_waiting_bytes: int = 128 * 1024 * 1024) -> None:
        """Write into `engine`, which stays the caller's. Batches beyond `most_waiting_bytes` are refused."""
        self._engine = engine
        self._most = most_waiting_bytes
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._closing = False
        self._arrived = Condition()
        self._thread = Thread(target=self._write_all, name="sojourn-ingest", daemon=True)
        self._thread.start()

    async def submit(self, signal: Signal, project: str, body: bytes) -> Receipt:
        """Keep an OTLP protobuf body. Returns when it would survive a crash.

        Raises `Malformed` when it is no such body and `Overloaded` when too much waits; then nothing of it was kept.
        """
        return await asyncio.wrap_future(await asyncio.to_thread(self._enqueue, signal, project, body))

    def submit_now(self, signal: Signal, project: str, body: bytes) -> Receipt:
        """As `submit`, for a caller that may block."""
        return self._enqueue(signal, project, body).result()

    def close(self) -> None:
        """Write what waits, bring roll-ups up to date, and stop. Batches that come later are refused."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()
        self._thread.join()

    def _enqueue(self, signal: Signal, project: str, body: bytes) -> Future[Receipt]:
        done: Future[Receipt] = Future()
        # A sender that hangs up cannot take back what others are committed together with.
        done.set_running_or_notify_cancel()
        read = read_body(signal, project, body, time.time_ns())
        if not read.parts:
            done.set_result(Receipt(0, read.rejected))
            return done
        size = read.size
        with self._arrived:
            if self._closing:
                raise GatewayFault("the gateway is stopping")
            # A batch larger than the whole bound still gets in when nothing else waits.
            if self._bytes and self._bytes + size > self._most:
                raise Overloaded(retry_after_s=1)
            self._waiting.append(_Waiting(read, done))
            self._bytes += size
            self._arrived.notify()
        return done

    def _write_all(self) -> None:
        rolled_up = rested = time.monotonic()
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                group = self._take()
            for signal in ("traces", "logs"):
                self._write([one for one in group if one.body.signal == signal])
            with self._arrived:
                self._bytes -= sum(one.body.size for one in group)
                idle = not self._waiting
            now = time.monotonic()
            rested = now if idle else rested
            self._engine.press(now - rested > _PRESSED_S)
            if idle or now - rolled_up > _ROLL_UP_S:
                self._roll_up()
                rolled_up = time.monotonic()

    def _take(self) -> list[_Waiting]:
        """The next group. What it holds still counts as waiting until it is written."""
        group: list[_Waiting] = []
        size = 0
        while self._waiting and (not group or size + self._waiting[0].body.size <= _COMMIT_BYTES):
            one = self._waiting.popleft()
            group.append(one)
            size += one.body.size
        return group

    def _write(self, group: Sequence[_Waiting]) -> None:
        """Write a group; when the engine cannot decode it, halve it until the bad body stands alone."""
        if not group:
            return
        signal = group[0].body.signal
        try:
            self._engine.write(signal, [part for one in group for part in one.body.parts])
        except Malformed as fault:
            if len(group) == 1:
                group[0].done.set_exception(fault)
                return
            middle = len(group) // 2
            self._write(group[:middle])
            self._write(group[middle:])
        except Exception as fault:  # noqa: BLE001  # told to every sender, who keeps the batch and tries again
            for one in group:
                one.done.set_exception(fault)
        else:
            for one in group:
                one.done.set_result(Receipt(one.body.accepted, one.body.rejected))

    def _roll_up(self) -> None:
        try:
            self._engine.roll_up()
        except Exception:  # noqa: BLE001  # the writer must live on
            # What was written is safe, and the next roll-up starts from the same commit.
            _log.exception("traces and sessions could not be brought up to date; the next batch tries again")
