"""From the journal to an endpoint, and never faster than the endpoint wants."""

from __future__ import annotations

import json
import os
import random
import time
from contextlib import suppress
from threading import Condition, Thread
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from sojourn import faults, journal
from sojourn.exits import loading
from sojourn.journal import Kind, Orphan
from sojourn.settings import find_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sojourn.journal import Frame
    from sojourn.settings import Settings
    from sojourn.target import Answer, Target

__all__ = ["Sender"]

MAX_BATCH_BYTES: Final = 2 * 1024 * 1024
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
LONGEST_BID_S: Final = 600.0
"""An endpoint's `Retry-After` is heeded up to this."""
LOOK_FOR_GATEWAY_S: Final = 1.0
IMPATIENCE_S: Final = 1.0
MAX_REFUSED_BYTES: Final = 64 * 1024 * 1024
_MALFORMED: Final = frozenset({400, 413, 415, 422})
# Not the plain functions of `random`: a program that seeds it would get other numbers than without us.
_dice: Final = random.SystemRandom()
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


class _Delivery:
    """How far a journal is delivered."""

    __slots__ = ("sent", "source")

    def __init__(self, source: Source, sent: int = 0) -> None:
        self.source = source
        self.sent = sent

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
        self._orphans: list[Path] | None = None
        """Journals that may be adopted, one at a time: each takes a descriptor of the program."""
        self._adopted: tuple[Orphan, _Delivery] | None = None
        self._hurry = False
        self._stopped = False
        self._changed = Condition()
        self._wait_s = 0.0
        self._not_before = 0.0
        self._bidden_until = 0.0
        """Until when the endpoint itself asked not to be bothered."""
        self._progress_at = time.monotonic()
        self._patient_at = 0.0
        self._target: Target | None = None
        self.reached: str | None = None
        """Base URL of the endpoint that took something over last."""
        self.delivered_spans = 0
        """Of this process; finished ones."""
        self.refused = 0
        """Spans and session events that an endpoint called malformed."""
        # Started when there is something to deliver: a process that records nothing has none.
        self._thread = Thread(target=self._run, name="sojourn-sender", daemon=True)

    def offer(self, source: Source) -> None:
        """There is something new in this process's journal."""
        with self._changed:
            if self._own is None or self._own.source is not source:
                self._own = _Delivery(source)
            if self._thread.ident is None and not self._stopped:
                self._thread.start()
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
            if self._bidden_until > time.monotonic():
                return self.delivered
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

    def wait_seldom(self, patience_s: float) -> bool:
        """As `wait`, but for nothing within a second after that was in vain: many sessions may end together."""
        if time.monotonic() < self._patient_at:
            return self.delivered
        delivered = self.wait(patience_s)
        self._patient_at = 0.0 if delivered else time.monotonic() + IMPATIENCE_S
        return delivered

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
        if self._adopted is not None:
            self._adopted[0].close(remove=False)

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
            self._orphans = journal.paths(self._settings.home.journals)
        while self._adopted is not None or self._orphans:
            if self._adopted is None:
                # Listed until it is done with: an empty list says that there is nothing left to look for.
                orphan = _adopt(self._orphans[0], self._settings)
                if orphan is None:
                    del self._orphans[0]
                    continue
                self._adopted = orphan, _Delivery(orphan, journal.acknowledged(orphan.path))
            orphan, delivery = self._adopted
            if not delivery.done:
                return delivery
            self._adopted = None
            del self._orphans[0]
            try:
                if journal.damaged(orphan.path):
                    # Behind bytes that changed on the disk there may be frames that nobody can read now.
                    aside = journal.set_aside(orphan.path)
                    orphan.close(remove=False)
                    faults.trouble("sender.damaged", f"a journal is damaged; what could be read was sent, see {aside}")
                else:
                    orphan.close(remove=True)
            except OSError as fault:
                faults.trouble("sender.remove", f"{orphan.path} was delivered, but cannot be removed ({fault})")
        return None

    def _deliver(self, delivery: _Delivery) -> float:
        """Send one batch. Returns how long to wait before the next, in seconds; 0 for not at all."""
        url = self._find_url()
        if url is None:
            return LOOK_FOR_GATEWAY_S
        try:
            batch = _next_batch(delivery)
        except OSError as fault:
            faults.trouble("sender.read", f"a journal cannot be read now, trying again ({fault})")
            return self._longer_wait()
        if not batch:
            return LOOK_FOR_GATEWAY_S
        target = None
        try:
            target = self._find_target(url)
            if batch[0].kind is Kind.PENDING and not target.is_ours():
                self._advance(delivery, batch[-1].end)
                return 0.0
            return self._send(delivery, target, batch)
        except OSError as fault:
            if target is not None:
                target.close()
            self._target = None
            if self._settings.endpoint is None:
                # gateway.json outlived its gateway; the next one is looked for often, since asking costs nothing.
                return LOOK_FOR_GATEWAY_S
            faults.trouble("sender.reach", f"{url} cannot be reached, trying again ({fault})")
            return self._longer_wait()

    def _send(self, delivery: _Delivery, target: Target, batch: Sequence[Frame]) -> float:
        """Send frames of one kind. Returns how long to wait before the next, in seconds; 0 for not at all."""
        answer = target.post(_PATHS[batch[0].kind], b"".join(frame.payload for frame in batch))
        if answer.status in _MALFORMED and len(batch) > 1:
            # Requests concatenate, so one that is too large or spoilt by a part of it comes apart again.
            middle = len(batch) // 2
            return self._send(delivery, target, batch[:middle]) or self._send(delivery, target, batch[middle:])
        if answer.status in _MALFORMED:
            wait_s = self._send_halves(delivery, target, batch[0].kind, batch[0].payload, answer)
            if wait_s:
                return wait_s
        elif not answer.taken:
            return self._put_off(target, answer)
        else:
            self.reached = target.url
        if delivery is self._own:
            self.delivered_spans += sum(_spans(frame) for frame in batch) if answer.taken else 0
        self._advance(delivery, batch[-1].end)
        return 0.0

    def _send_halves(self, delivery: _Delivery, target: Target, kind: Kind, payload: bytes, answer: Answer) -> float:
        from sojourn import otlp

        # An endpoint that has taken nothing yet may call everything malformed: no reason to try it span by span.
        halves = otlp.halve(kind, payload) if answer.status == 413 or self.reached == target.url else None
        if halves is None:
            self._set_aside(target, kind, payload, answer)
            return 0.0
        for half in halves:
            answer = target.post(_PATHS[kind], half)
            if answer.status in _MALFORMED:
                if wait_s := self._send_halves(delivery, target, kind, half, answer):
                    return wait_s
            elif not answer.taken:
                return self._put_off(target, answer)
            else:
                self.reached = target.url
                if delivery is self._own and kind is Kind.TRACES:
                    self.delivered_spans += otlp.count(kind, half)
        return 0.0

    def _put_off(self, target: Target, answer: Answer) -> float:
        """Say why nothing was taken over, and return how long to wait."""
        if answer.status in {401, 403, 407}:
            who = "the proxy asks for a login" if answer.status == 407 else f"{target.url} refuses the key"
            faults.trouble("sender.key", f"{who} ({answer.status}); what is recorded stays in the journal")
            return LONGEST_WAIT_S
        if 300 <= answer.status < 400:
            there = f" to {answer.location}" if answer.location else ""
            words = f"{target.url} redirects{there} ({answer.status}), which is not followed; give that as the endpoint"
            faults.trouble("sender.redirect", words)
            return LONGEST_WAIT_S
        if answer.retry_after_s:
            wait_s = min(answer.retry_after_s, LONGEST_BID_S) * _dice.uniform(1.0, 1.1)
            self._bidden_until = time.monotonic() + wait_s
        else:
            wait_s = self._longer_wait()
        faults.trouble("sender.status", f"{target.url} answered {answer.status}, trying again")
        return wait_s

    def _advance(self, delivery: _Delivery, offset: int) -> None:
        with suppress(OSError):
            # Should the disk refuse, the frames are sent once more some day, and replace themselves.
            delivery.source.acknowledge(offset)
        with self._changed:
            delivery.sent = offset
            self._wait_s = 0.0
            self._progress_at = time.monotonic()
            self._changed.notify_all()

    def _set_aside(self, target: Target, kind: Kind, payload: bytes, answer: Answer) -> None:
        from sojourn import otlp

        number = otlp.count(kind, payload)
        self.refused += number
        words = f"{target.url} refused a batch as malformed ({answer.status} {answer.text[:200]})"
        folder = self._settings.home.refused
        try:
            self._settings.home.make(folder)
            _make_room(folder, len(payload))
            path = folder / f"{time.time_ns()}-{os.getpid()}-{kind.name.lower()}.otlp"
            _write_private(path, payload)
            reason = {"url": target.url, "status": answer.status, "said": answer.text, "records": number}
            _write_private(path.with_suffix(".json"), json.dumps(reason, indent=1).encode())
            faults.trouble("sender.refused", f"{words}; it is kept in {folder}")
        except OSError as fault:
            faults.trouble("sender.refused", f"{words}; it could not be kept ({fault})")

    def _find_url(self) -> str | None:
        if self._settings.endpoint is not None:
            return self._settings.endpoint
        gateway = self._settings.home.gateway()
        return None if gateway is None else gateway.url

    def _find_target(self, url: str) -> Target:
        # Here, on the sender's own thread: the HTTP client of the standard library costs 20 ms to import.
        with loading():
            from sojourn.target import Target, is_loopback

        if self._target is None or self._target.url != url:
            if self._target is not None:
                self._target.close()
            with loading():
                proxy = None if is_loopback(urlsplit(url).hostname) else find_proxy(url)
            self._target = Target(url, self._settings.api_key, proxy)
        return self._target

    def _longer_wait(self) -> float:
        base = min(max(self._wait_s, FIRST_WAIT_S / 2) * 2, LONGEST_WAIT_S)
        # Jitter, so that many processes do not come back at once.
        return base * _dice.uniform(0.75, 1.25)


def _suppress_instrumentation() -> None:
    # The host may instrument HTTP clients; our deliveries are no part of its program. The plain key is the public one.
    from opentelemetry import context

    context.attach(context.set_value("suppress_instrumentation", True))


def _spans(frame: Frame) -> int:
    from sojourn import otlp

    return otlp.count(frame.kind, frame.payload) if frame.kind is Kind.TRACES else 0


def _write_private(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)


def _make_room(folder: Path, needed: int) -> None:
    """Remove the oldest of what was refused, so that it never takes more than its share."""
    there = sorted(path for path in folder.iterdir() if path.suffix == ".otlp")
    total = needed + sum(path.stat().st_size for path in there)
    for path in there:
        if total <= MAX_REFUSED_BYTES:
            return
        total -= path.stat().st_size
        path.unlink(missing_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)
        faults.trouble("sender.refused_limit", f"{folder} is full: the oldest of it is dropped")


def _next_batch(delivery: _Delivery) -> list[Frame]:
    batch: list[Frame] = []
    size = 0
    for frame in delivery.source.frames(delivery.sent):
        if batch and (frame.kind is not batch[0].kind or size + len(frame.payload) > MAX_BATCH_BYTES):
            break
        batch.append(frame)
        size += len(frame.payload)
    return batch


def _adopt(path: Path, settings: Settings) -> Orphan | None:
    """A dead process's journal, if it was meant for this same endpoint and key; those for none are the gateway's."""
    with suppress(OSError, journal.NotAJournal):
        header, _ = journal.read(path)
        if (header.endpoint, header.key_fingerprint) == (settings.endpoint, settings.key_fingerprint):
            return Orphan.adopt(path)
    return None
