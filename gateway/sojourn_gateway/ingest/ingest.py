"""The way in: many senders, one writer. What waits together is committed together."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final

from sojourn_gateway.ingest.body import Body, Signal, read_body
from sojourn_gateway.ingest.line import Line
from sojourn_gateway.model.faults import GatewayFault, Malformed, Overloaded, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sojourn_gateway.engine import Engine

__all__ = ["Ingest", "Receipt"]

_log = logging.getLogger("sojourn.gateway")

_COMMIT_BYTES: Final = 48 * 1024 * 1024
_SPAN_BYTES: Final = 1000
"""What a span counts at least, of bytes that wait or are committed: small ones take that room when decoded."""
_MOST_SPANS: Final = 100_000
"""Of one request: it is committed and rolled up whole, in bounded memory."""
_LINGER_S: Final = 0.025
_LINGERS: Final = 4
"""How long a commit waits for company while batches keep coming: planning one costs as much as thousands of spans."""
_ROLL_UP_S: Final = 1.0
"""How long roll-ups may lie behind while batches keep coming: each costs a planning that is paid once for many."""
_AGAIN_S: Final = 5.0
"""After so long a roll-up that failed is tried again, when no batch comes that would."""
_PRESSED_S: Final = 2.0
"""After so long without a rest, readers are told not to wait for roll-ups any more."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch that was understood."""

    accepted: int
    """Spans or records that are kept, and would survive a crash."""
    rejected: tuple[tuple[int, str], ...] = ()
    """How many were left out, and why."""
    warnings: tuple[str, ...] = ()
    """What of those that are kept was cut."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    body: Body
    done: Future[Receipt]


class Ingest:
    """Takes batches from any thread or task, and writes them in groups from one thread of its own."""

    def __init__(
        self,
        engine: Engine,
        *,
        most_waiting_bytes: int = 128 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write into `engine`, which stays the caller's. Batches beyond `most_waiting_bytes` are refused."""
        self._engine = engine
        self._clock = clock
        self._waiting: Line[_Waiting] = Line(most_waiting_bytes)
        self._closing = False
        self._behind = False
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
        if read.accepted > _MOST_SPANS:
            raise TooLarge(f"the request holds {read.accepted} items, the limit is {_MOST_SPANS}: send it in parts")
        size = max(read.size, _SPAN_BYTES * read.accepted)
        with self._arrived:
            if self._closing:
                raise GatewayFault("the gateway is stopping")
            if not self._waiting.join(project, _Waiting(read, done), size):
                raise Overloaded(retry_after_s=1)
            self._arrived.notify()
        return done

    def _write_all(self) -> None:
        rolled_up = rested = self._clock()
        while True:
            with self._arrived:
                rests = not self._waiting
                # Lists that are behind because the engine could not work must not wait for the next batch.
                self._arrived.wait_for(lambda: self._waiting or self._closing, _AGAIN_S if self._behind else None)
                if not self._waiting and self._closing:
                    return
                if not rests:
                    self._linger()
                group = self._waiting.take(_COMMIT_BYTES)
            if rests:
                # A rest ends now, however long ago it began.
                rested = self._clock()
            for signal in ("traces", "logs"):
                self._write([one.value for one in group if one.value.body.signal == signal])
            with self._arrived:
                self._waiting.leave(group)
                idle = not self._waiting
            now = self._clock()
            self._engine.press(not idle and now - rested > _PRESSED_S)
            if idle or now - rolled_up > _ROLL_UP_S:
                self._roll_up()
                rolled_up = self._clock()

    def _linger(self) -> None:
        """Wait for more, as long as more comes: senders who were just answered are about to send again."""
        for _ in range(_LINGERS):
            before = self._waiting.waiting_bytes
            full = self._arrived.wait_for(
                lambda: self._closing or self._waiting.waiting_bytes >= _COMMIT_BYTES, _LINGER_S
            )
            if full or self._waiting.waiting_bytes == before:
                return

    def _write(self, group: Sequence[_Waiting]) -> None:
        """Write a group; when the engine cannot take it, halve it until the bad body stands alone."""
        if not group:
            return
        signal = group[0].body.signal
        try:
            self._engine.write(signal, [part for one in group for part in one.body.parts])
        except (Malformed, TooLarge) as fault:
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
                one.done.set_result(Receipt(one.body.accepted, one.body.rejected, one.body.warnings))

    def _roll_up(self) -> None:
        try:
            self._engine.roll_up()
        except GatewayFault as fault:
            self._behind = True
            _log.warning("traces and sessions could not be brought up to date, which is tried again: %s", fault)
        except Exception:  # noqa: BLE001  # the writer must live on
            # What was written is safe, and the next roll-up starts from the same commit.
            self._behind = True
            _log.exception("traces and sessions could not be brought up to date, which is tried again")
        else:
            self._behind = False
