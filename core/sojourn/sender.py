"""From the journal to an endpoint, and never faster than the endpoint wants."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Protocol

from sojourn import faults, journal
from sojourn.journal import Kind, Orphan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sojourn.journal import Frame
    from sojourn.settings import Settings
    from sojourn.target import Answer, Target

__all__ = ["Sender"]

MAX_BATCH_BYTES: Final = 2 * 1024 * 1024
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
LOOK_FOR_GATEWAY_S: Final = 1.0
_PATHS: Final = {Kind.TRACES: "/v1/traces", Kind.PENDING: "/v1/traces", Kind.LOGS: "/v1/logs"}


class Source(Protocol):
    """A journal to deliver from: this process's, or one that a dead process left."""

    size: int

    def frames(self, start: int) -> Iterator[Frame]:
        """The whole frames from offset `start`, as far as they are written now."""
        ...

    def acknowledge(self, offset: int) -> None:
        """Remember that everything before `offset` was taken over. Raises OSError."""
        ...


@dataclass(slots=True)
class _Delivery:
    source: Source
    sent: int = 0

    @property
    def done(self) -> bool:
        return self.sent >= self.source.size


class Sender:
    """Delivers what is in the journal, in order, from a thread of its own; what was acknowledged is remembered.

    Nothing is given up because an endpoint is away, refuses the key or is overloaded: it stays in the journal. Only
    what an endpoint calls malformed is set aside, in a file of its own beside the journals. When there is nothing of
    its own left to send, it delivers what dead processes left for the same endpoint.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own: _Delivery | None = None
        self._orphans: list[Orphan] | None = None
        self._hurry = False
        self._stopped = False
        self._changed = Condition()
        self._wait_s = 0.0
        self._not_before = 0.0
        self._progress_at = time.monotonic()
        self._target: Target | None = None
        self.reached: str | None = None
        """Base URL of the endpoint that took something over last."""
        self._thread = Thread(target=self._run, name="sojourn-sender", daemon=True)
        self._thread.start()

    def offer(self, source: Source) -> None:
        """There is something new in this process's journal."""
        with self._changed:
            if self._own is None or self._own.source is not source:
                self._own = _Delivery(source)
            self._changed.notify_all()

    @property
    def delivered(self) -> bool:
        """Whether everything that is in this process's journal was taken over by an endpoint."""
        return self._own is None or self._own.done

    def wait(self, patience_s: float) -> bool:
        """Wait until everything is delivered; False once there was no progress for `patience_s` seconds.

        Returns at once when there is nowhere to deliver to.
        """
        with self._changed:
            # One more try at once, whatever back-off was under way.
            self._hurry = True
            self._wait_s = 0.0
            began = time.monotonic()
            self._changed.notify_all()
            while not self.delivered and not self._stopped:
                idle_s = time.monotonic() - max(self._progress_at, began)
                if idle_s >= patience_s or self._wait_s > 0:
                    return False
                self._changed.wait(patience_s - idle_s)
            return self.delivered

    def stop(self) -> None:
        """End the thread after what it is doing; it is a daemon, so nobody needs to wait for it."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _run(self) -> None:
        _suppress_instrumentation()
        while (delivery := self._next_delivery()) is not None:
            wait_s = LONGEST_WAIT_S
            with faults.contained("sender.deliver"):
                wait_s = self._deliver(delivery)
            with self._changed:
                self._wait_s = wait_s
                self._not_before = time.monotonic() + wait_s
                self._changed.notify_all()
        if self._target is not None:
            self._target.close()
        for orphan in self._orphans or ():
            orphan.close(remove=False)

    def _next_delivery(self) -> _Delivery | None:
        """Wait until there is something to send and the time for it has come; None: to be stopped."""
        while True:
            with self._changed:
                if self._stopped:
                    return None
                pause_s = 0.0 if self._hurry else self._not_before - time.monotonic()
                if pause_s <= 0:
                    self._hurry = False
                    if self._own is not None and not self._own.done:
                        return self._own
                    if self._own is None or self._settings.endpoint is None or self._orphans == []:
                        self._changed.wait()
                        continue
                else:
                    self._changed.wait(pause_s)
                    continue
            orphan = self._next_orphan()
            if orphan is not None:
                return orphan

    def _next_orphan(self) -> _Delivery | None:
        if self._orphans is None:
            self._orphans = _adopt_orphans(self._settings)
        while self._orphans:
            orphan = self._orphans[0]
            delivery = _Delivery(orphan, journal.acknowledged(orphan.path))
            if not delivery.done:
                return delivery
            orphan.close(remove=True)
            del self._orphans[0]
        return None

    def _deliver(self, delivery: _Delivery) -> float:
        """Send one batch. Returns how long to wait before the next, in seconds; 0 for not at all."""
        target = self._find_target()
        if target is None:
            return LOOK_FOR_GATEWAY_S
        try:
            batch = _next_batch(delivery)
            if not batch:
                return LOOK_FOR_GATEWAY_S
            if batch[0].kind is Kind.PENDING and not target.is_ours():
                self._advance(delivery, batch[-1].end)
                return 0.0
            answer = target.post(_PATHS[batch[0].kind], b"".join(frame.payload for frame in batch))
            return self._heed(delivery, target, batch, answer)
        except OSError as fault:
            target.close()
            self._target = None
            if self._settings.endpoint is None:
                # gateway.json outlived its gateway; the next one is looked for often, since asking costs nothing.
                return LOOK_FOR_GATEWAY_S
            faults.trouble("sender.reach", f"{target.url} cannot be reached, trying again ({fault})")
            return self._longer_wait()

    def _heed(self, delivery: _Delivery, target: Target, batch: Sequence[Frame], answer: Answer) -> float:
        if answer.taken:
            self.reached = target.url
            self._advance(delivery, batch[-1].end)
            return 0.0
        if answer.status in {400, 413, 415, 422}:
            # Requests concatenate, so a bad or too large batch is taken apart to find the frame that is to blame.
            for frame in batch:
                alone = answer if len(batch) == 1 else target.post(_PATHS[frame.kind], frame.payload)
                if not alone.taken:
                    if alone.status not in {400, 413, 415, 422}:
                        return alone.retry_after_s or self._longer_wait()
                    self._set_aside(target, frame, alone)
                self._advance(delivery, frame.end)
            return 0.0
        if answer.status in {401, 403}:
            words = f"{target.url} refuses the key ({answer.status}); what is recorded stays in the journal"
            faults.trouble("sender.key", words)
            return LONGEST_WAIT_S
        faults.trouble("sender.status", f"{target.url} answered {answer.status}, trying again")
        return answer.retry_after_s or self._longer_wait()

    def _advance(self, delivery: _Delivery, offset: int) -> None:
        with suppress(OSError):
            # Should the disk refuse, the frames are sent once more some day, and replace themselves.
            delivery.source.acknowledge(offset)
        with self._changed:
            delivery.sent = offset
            self._wait_s = 0.0
            self._progress_at = time.monotonic()
            self._changed.notify_all()

    def _set_aside(self, target: Target, frame: Frame, answer: Answer) -> None:
        folder = self._settings.home.root / "refused"
        words = f"{target.url} refused a batch as malformed ({answer.status} {answer.text[:200]})"
        try:
            self._settings.home.make(folder)
            path = folder / f"{time.time_ns()}-{frame.kind.name.lower()}.otlp"
            path.write_bytes(frame.payload)
            faults.trouble("sender.refused", f"{words}; it is kept in {folder}")
        except OSError:
            faults.trouble("sender.refused", f"{words}; it could not be kept")

    def _find_target(self) -> Target | None:
        url = self._settings.endpoint
        if url is None:
            gateway = self._settings.home.gateway()
            url = None if gateway is None else gateway.url
        if url is None:
            return None
        # Here, on the sender's own thread: the HTTP client of the standard library costs 20 ms to import.
        from sojourn.target import Target

        if self._target is None or self._target.url != url:
            self._target = Target(url, self._settings.api_key)
        return self._target

    def _longer_wait(self) -> float:
        base = min(max(self._wait_s, FIRST_WAIT_S / 2) * 2, LONGEST_WAIT_S)
        # Jitter, so that many processes do not come back at once.
        return base * random.uniform(0.75, 1.25)  # noqa: S311  # no secret hangs on it


def _suppress_instrumentation() -> None:
    # The host may instrument HTTP clients; our deliveries are no part of its program. The plain key is the public one.
    from opentelemetry import context

    context.attach(context.set_value("suppress_instrumentation", True))


def _next_batch(delivery: _Delivery) -> list[Frame]:
    batch: list[Frame] = []
    size = 0
    for frame in delivery.source.frames(delivery.sent):
        if batch and (frame.kind is not batch[0].kind or size + len(frame.payload) > MAX_BATCH_BYTES):
            break
        batch.append(frame)
        size += len(frame.payload)
    return batch


def _adopt_orphans(settings: Settings) -> list[Orphan]:
    """The journals that dead processes left for this same endpoint and key; those for none are the gateway's."""
    adopted: list[Orphan] = []
    for path in journal.paths(settings.home.journals):
        with suppress(OSError, journal.NotAJournal):
            header, _ = journal.read(path)
            if (header.endpoint, header.key_fingerprint) == (settings.endpoint, settings.key_fingerprint):
                orphan = Orphan.adopt(path)
                if orphan is not None:
                    adopted.append(orphan)
    return adopted
