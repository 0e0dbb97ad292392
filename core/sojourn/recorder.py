"""From the end of a span to its frame in the journal."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from contextlib import suppress
from threading import Lock, RLock, Thread
from typing import TYPE_CHECKING, Final, TypeVar

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from sojourn import current, faults, semconv
from sojourn.chain import Chain
from sojourn.clock import new_uuid
from sojourn.forgetting import forget_oldest
from sojourn.journal import MAX_FRAME, Kind, identify
from sojourn.lean import Keeper, LeanSpan
from sojourn.wording import Wording, waits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from sojourn.content import ContentPolicy
    from sojourn.journal import Frame
    from sojourn.ledger import Ledger
    from sojourn.otlp import Forked, SessionEvent
    from sojourn.settings import Settings

__all__ = ["Recorder", "Spool"]

LINGER_S: Final = 0.02
"""How long a first span waits for company before both are written; what is promised is 50 ms."""
PENDING_AFTER_NS: Final = 1_000_000_000
HEARTBEAT_S: Final = 60.0
MAX_SPANS_A_FRAME: Final = 256
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024
"""What spans or events together may take: what is larger comes apart, since a reader takes no frame of any size."""
MAX_WAITING: Final = 4096
"""Spans, and as many events, that wait to be written: beyond that the thread that records writes them itself."""
MAX_WEIGHT: Final = 64 * 1024 * 1024
"""Bytes of content, roughly, that wait to be put into words: the same beyond that."""
RELIEF_S: Final = 0.1
NO_ROOM: Final = 2
"""How many times as much may wait while redactors do not keep up: beyond that content is withheld."""
PATIENCE_S: Final = 5.0
"""How long whoever wants everything written waits for a redactor that another thread has called."""
MAX_OPEN: Final = 100_000
MAX_CARRIED_OVER: Final = 1024
"""Open spans that are watched; what a program begins and forgets must not fill its memory."""
LOOK_S: Final = 0.2
"""How often it is looked which spans have been open for long, since there may be many of them."""

Spool = Chain
Ended = ReadableSpan | LeanSpan
"""A span that has ended: of OpenTelemetry's, whole, or one of ours, whose content may not be in words yet."""
R = TypeVar("R")


class Recorder(SpanProcessor, Keeper):
    """Stamps spans with their session, and writes them to the journal from a thread of its own.

    On the caller's thread a span costs an attribute at its start and two appends at its end. What spans of ours hold of
    content (see behind.py) is put into words on the recorder's.
    """

    def __init__(self, settings: Settings, resource: Resource, ledger: Ledger, name: Callable[[], str]) -> None:
        self._settings = settings
        self._resource = resource
        self._ledger = ledger
        self._host_name = name
        self.spool: Spool | None = None
        self._closed = False
        self._forked: Forked | None = None
        self._carried_over: dict[str, None] = {}
        """Sessions that this process, a forked child, was seen to record in; asked once more, the ledger knows."""
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = RLock()
        self.journalled_spans = 0
        self.dropped = 0
        """Spans and session events of this and of dead processes that were given up."""
        # A bell: whoever has something to write rings by releasing it, the writing thread waits by acquiring it. Unlike
        # an event it can be rung by a signal handler that interrupts the ringing.
        self._bell = Lock()
        self._going = True
        self._open: dict[int, Span | LeanSpan] = {}
        self._told_pending: set[int] = set()
        self._seen_open: dict[int, float] = {}
        self._ended: deque[Ended] = deque()
        self._ready: list[Ended] = []
        self._weight = 0
        # Apart from the other, since a disk may take its time while a program asks what was counted so far.
        self._counting = RLock()
        self._wording = Wording()
        self._wanted: list[LeanSpan] = []
        """Open spans that are to be told as pending as soon as they are in words."""
        self._events: deque[SessionEvent] = deque()
        self._unwritten: deque[tuple[Kind, bytes, int]] = deque()
        self._heartbeat_at = time.monotonic() + HEARTBEAT_S
        self._look_at = 0.0
        self._thread = Thread(target=self._run, name="sojourn-recorder", daemon=True)
        # While the interpreter shuts down there is no new thread to be had, and a child may be forked even then.
        try:
            self._thread.start()
        except RuntimeError:
            self._closed = True

    @property
    def policy(self) -> ContentPolicy:
        return self._ledger.policy

    # --- on the program's threads ---------------------------------------------------------------------------------

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002  # OTel's signature
        """Stamp the span with its session."""
        self.begin(span)

    def begin(self, span: Span | LeanSpan) -> None:
        """The same, of a span of either make."""
        if self._pid != os.getpid():
            self._begin_in_child()
        stamps = current.stamps()
        if stamps:
            for key, fact in self._ledger.policy.redact_facts(stamps).items():
                if key not in (span.attributes or ()):
                    span.set_attribute(key, fact)
        attributes = span.attributes
        if attributes is None or semconv.SESSION_ID not in attributes:
            session_id = self._ledger.current_session_id()
            if session_id is not None:
                span.set_attribute(semconv.SESSION_ID, session_id)
        self._open[span.get_span_context().span_id] = span
        if len(self._open) > MAX_OPEN:  # asked here as well, since this runs for every span
            forget_oldest(self._open, MAX_OPEN)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span to the writing thread."""
        self.finish(span)

    def finish(self, span: Ended) -> None:
        """The same, of a span of either make."""
        if self._pid != os.getpid():
            self._begin_in_child()
        context = span.get_span_context()
        if context is not None:
            self._open.pop(context.span_id, None)
        waiting = len(self._ended) + len(self._ready)
        if isinstance(span, LeanSpan):
            if waiting >= NO_ROOM * MAX_WAITING or self._weight >= NO_ROOM * MAX_WEIGHT:
                self._make_do(span)
            # Two threads may add at once, and one be lost: each cycle weighs anew.
            self._weight += span.size
        self._ended.append(span)
        if self._closed:
            self._write_late()
        elif waiting + 1 < MAX_WAITING and self._weight < MAX_WEIGHT:
            self._ring()
        else:
            self._relieve()

    def _make_do(self, span: LeanSpan) -> None:
        """Redactors do not keep up, though the program's threads help: what they would be asked about is given up."""
        if self._ledger.policy.redactors:
            span.withhold()

    def emit(self, event: SessionEvent) -> None:
        """Hand a session event to the writing thread."""
        if self._pid != os.getpid():
            self._begin_in_child()
        if self._forked is not None:
            self._carry_over(event.session_id)
        self._events.append(event)
        if self._closed:
            self._write_late()
        elif len(self._events) < MAX_WAITING:
            self._ring()
        else:
            self._relieve()

    def _ring(self) -> None:
        if self._bell.locked():
            # Somebody else may have rung it in this very moment.
            with suppress(RuntimeError):
                self._bell.release()

    def _relieve(self) -> None:
        """Faster than can be written: this thread helps, so that memory stays bounded and nothing is dropped."""
        # Not for ever: whoever writes may wait for something that this thread holds, such as a lock of a log handler.
        with faults.contained("recorder.relieve"):
            self._cycle(patience_s=RELIEF_S)

    def settle(self) -> None:
        """Count everything that has ended so far, so that a tally read next is complete."""
        with self._counting:
            while self._ended:
                span = self._ended[0]
                session_id = None if span.attributes is None else span.attributes.get(semconv.SESSION_ID)
                if self._forked is not None and session_id is not None:
                    self._carry_over(str(session_id))
                if self._is_sampled(span):
                    self._ready.append(span)
                if self._ended and self._ended[0] is span:
                    self._ended.popleft()
                if session_id is not None:
                    with faults.contained("recorder.count"):
                        self._ledger.tally_of(str(session_id)).count(span)

    def holds(self, span_id: int) -> bool:
        """Whether a span is one of ours that is still open."""
        return span_id in self._open

    def _is_sampled(self, span: Span | Ended) -> bool:
        session_id = (span.attributes or {}).get(semconv.SESSION_ID)
        return session_id is None or self._ledger.sampled(str(session_id))

    def flush(self) -> bool:
        """Write everything that has ended so far, on the caller's thread; False when another is not done with it."""
        written = self._closed or self._pid != os.getpid()
        if self._closed:
            self._write_late()
        elif not written:
            with faults.contained("recorder.flush"):
                written = self._cycle(patience_s=PATIENCE_S)
        return written

    def close(self) -> None:
        """Write what is left, what is still open as pending, and stop the thread."""
        if self._pid != os.getpid():
            return
        self._going = False
        self._ring()
        self._thread.join(timeout=1.0)
        self._finish(pending_after_ns=0, patience_s=PATIENCE_S)

    def give_up(self, delivered: Callable[[], bool]) -> None:
        """After `close`: leave the journal to others, or remove it when all of it was delivered."""
        if self._pid != os.getpid():
            return
        with self._lock:
            # What threads that still run have recorded since.
            self._finish()
            self._closed = True
            spool, self.spool = self.spool, None
            if spool is not None:
                spool.close(remove=delivered())

    def leave_in_child(self) -> None:
        """After `fork`, in the child: let go of what is the parent's. What is recorded here begins anew."""
        spool, self.spool = self.spool, None
        if spool is not None:
            spool.leave_in_child()
        # Another thread of the parent may have held it, and is not here to let go of it.
        self._lock, self._counting, self._wording = RLock(), RLock(), Wording()
        self.journalled_spans = self.dropped = 0
        self._closed = False

    def _write_late(self) -> None:
        """After `give_up`: what is recorded at the very end goes into a file of its own, for others to deliver."""
        with faults.contained("recorder.late") if not sys.is_finalizing() else suppress(Exception), self._lock:
            self._finish()
            spool, self.spool = self.spool, None
            if spool is not None:
                spool.close(remove=False)

    def _finish(self, pending_after_ns: int = PENDING_AFTER_NS, patience_s: float = 0) -> None:
        """Write all there is. What a redactor still has in hand then is withheld."""
        self._cycle(pending_after_ns, patience_s)
        late = [span for span in (*self._ready.copy(), *self._wanted) if waits(span)]
        if late:
            for span in late:
                span.withhold()
            self._cycle(pending_after_ns, patience_s)

    def _carry_over(self, session_id: str) -> None:
        if session_id not in self._carried_over:
            self._carried_over[session_id] = None
            forget_oldest(self._carried_over, MAX_CARRIED_OVER)
            self._ledger.carried_over(session_id)

    # --- on the writing thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._going:
            # The time-out lets open spans be told and heartbeats be sent while nothing ends.
            if self._bell.acquire(timeout=1.0) and self._going:
                time.sleep(LINGER_S)
                self._bell.acquire(blocking=False)
            try:
                with faults.contained("recorder.cycle"):
                    self._cycle(patience_s=PATIENCE_S)
            except BaseException as fault:  # noqa: BLE001  # redactors raise what they like; this thread must not end
                faults.note("recorder.cycle", fault)

    def _cycle(self, pending_after_ns: int = PENDING_AFTER_NS, patience_s: float = 0) -> bool:
        """Write everything that has ended, once it is in words; False when another thread was waited for in vain."""
        waiting: deque[LeanSpan] | None = None
        while self._lock.acquire(timeout=patience_s):
            try:
                self._keep(pending_after_ns)
            finally:
                self._lock.release()
            if waiting is None:  # what comes later is for the next cycle, else this one might never end
                waiting = deque(span for span in (*self._ready.copy(), *self._wanted) if waits(span))
            # Without the lock, since redactors are called there.
            if not (waiting and self._wording.work(waiting, patience_s, at_most_s=PATIENCE_S)):
                return not waiting
        if patience_s >= PATIENCE_S:
            faults.trouble("recorder.slow", "the journal takes its time; what has ended since is written later")
        return False

    def _keep(self, pending_after_ns: int) -> None:
        # A signal handler may enter this again, write everything and kill the process. So each thing leaves its
        # queue only after it is in the next: at worst it is written twice, under the same id.
        self.settle()
        # Before the spans: whoever finds the journal of a dead process must know that a session began in it.
        self._beat()
        self._encode_events()
        while batch := _as_fits(self._ready.copy()):
            self._encode_spans(Kind.TRACES, batch)
            for span in batch:
                with suppress(ValueError):
                    self._ready.remove(span)
        self._weight = sum(map(_weight, (*self._ready, *self._ended.copy())))
        self._tell_pending(pending_after_ns)
        if self.spool is not None:
            self.spool.tend()
        if self._unwritten:
            self._write()

    def _encode_spans(self, kind: Kind, spans: Sequence[Span | Ended]) -> None:
        from sojourn import otlp

        encode = otlp.encode_finished if kind is Kind.TRACES else otlp.encode_pending

        def lose(lost: int) -> None:
            # A span that is lost while it is pending may still arrive when it ends.
            if kind is Kind.TRACES:
                self.dropped += lost

        # Here, once: what cannot be encoded is tried again in parts.
        whole: list[ReadableSpan] = []
        for span in spans:
            try:
                whole.append(span.readable() if isinstance(span, LeanSpan) else span)
            except Exception as fault:  # noqa: BLE001  # it must not stand in the way of all others for ever
                faults.note("recorder.encode", fault)
                lose(1)
        self._encode(kind, whole, lambda some: encode(some, self._forked), lose)

    def _encode(
        self,
        kind: Kind,
        records: Sequence[R],
        encode: Callable[[Sequence[R]], bytes],
        lose: Callable[[int], None],
    ) -> None:
        """Make frames of spans or events; `lose` is told how many could not be taken."""
        try:
            payload = encode(records)
        except Exception as fault:  # noqa: BLE001  # one that cannot be encoded must not take its neighbours along
            if len(records) == 1:
                faults.note("recorder.encode", fault)
                lose(1)
                return
            for record in records:
                self._encode(kind, [record], encode, lose)
            return
        if len(payload) > MAX_FRAME_BYTES and len(records) > 1:
            middle = len(records) // 2
            self._encode(kind, records[:middle], encode, lose)
            self._encode(kind, records[middle:], encode, lose)
        elif len(payload) > MAX_FRAME:
            # Nobody would read it, nor what stands behind it.
            faults.trouble("recorder.large", f"a span or log line of {len(payload):,} bytes is too large to be kept")
            lose(1)
        else:
            self._unwritten.append((kind, payload, len(records)))

    def _tell_pending(self, after_ns: int) -> None:
        # By the clock of the spans, and by one that nobody sets, should that one jump back.
        now, steady = time.time_ns(), time.monotonic()
        if after_ns and steady < self._look_at:
            return
        self._look_at = steady + LOOK_S
        # A copy in one step of C, since the program's threads add and remove meanwhile.
        open_spans = self._open.copy()
        self._told_pending.intersection_update(open_spans)
        self._seen_open = {span_id: self._seen_open.get(span_id, steady) for span_id in open_spans}
        late = [
            span
            for span_id, span in open_spans.items()
            if span_id not in self._told_pending
            and self._is_sampled(span)
            and max(now - (span.start_time or now), (steady - self._seen_open[span_id]) * 1e9) >= after_ns
        ]
        self._wanted = [span for span in late if waits(span)]
        if self._wanted:
            self._look_at = 0.0
            late = [span for span in late if not waits(span)]
        if late:
            self._told_pending.update(span.get_span_context().span_id for span in late)
            self._encode_spans(Kind.PENDING, late)

    def _beat(self) -> None:
        if time.monotonic() < self._heartbeat_at:
            return
        from sojourn.otlp import SessionEvent

        self._heartbeat_at = time.monotonic() + HEARTBEAT_S
        now = time.time_ns()
        for session_id in self._ledger.open_session_ids():
            self._events.append(SessionEvent(semconv.SESSION_HEARTBEAT, session_id, now, {}))

    def _encode_events(self) -> None:
        if not self._events:
            return
        from sojourn import otlp

        events = list(self._events)

        def lose(lost: int) -> None:
            self.dropped += lost

        self._encode(Kind.LOGS, events, lambda some: otlp.encode_events(some, self._resource), lose)
        if self._events and self._events[0] is events[0]:
            for _ in events:
                self._events.popleft()

    def _write(self) -> None:
        if self.spool is None:
            self.spool = self._open_spool()
        while self._unwritten:
            frame = self._unwritten[0]
            kind, payload, taken = frame
            self.spool.append(kind, payload)
            if self._unwritten and self._unwritten[0] is frame:
                self._unwritten.popleft()
                if kind is Kind.TRACES:
                    # Not before: whoever reads that number takes them to outlive the process.
                    self.journalled_spans += taken
        self._ledger.journalled(self.spool)

    def _open_spool(self) -> Spool:
        settings = self._settings
        return Chain(
            lambda: settings.home.make(settings.home.journals),
            identify(self._pid, self._host_name(), settings.endpoint, settings.key_fingerprint),
            limit_bytes=settings.journal_limit,
            sessions=self._ledger.owned_session_ids,
            lost=self._count_lost,
        )

    def _count_lost(self, frame: Frame) -> None:
        from sojourn import otlp

        # A span that is given up while it is pending may still arrive when it ends.
        if frame.kind is not Kind.PENDING:
            self.dropped += otlp.count(frame.kind, frame.payload)

    def _begin_in_child(self) -> None:
        # What the parent had not written yet it will write itself; threads did not survive the fork.
        with self._lock:
            if self._pid == os.getpid():
                return
            from sojourn.otlp import Forked

            told = self._resource.attributes
            instance, parent = new_uuid().hex, str(told.get(semconv.SERVICE_INSTANCE_ID))
            self._forked = Forked(os.getpid(), instance, self._forked.parent if self._forked is not None else parent)
            self._resource = self._resource.merge(
                Resource({semconv.PROCESS_PID: os.getpid(), semconv.SERVICE_INSTANCE_ID: instance}, None)
            )
            self._carried_over = {}
            self._begin()
        self._ledger.begun_in_child()


def _weight(span: Ended) -> int:
    return span.size if isinstance(span, LeanSpan) else 0


def _as_fits(spans: list[Ended]) -> list[Ended]:
    """As many of the first that are in words as may be written at once."""
    weight, taken = 0, list[Ended]()
    for span in spans:
        if not waits(span):
            taken.append(span)
            weight += _weight(span)
            if weight > MAX_FRAME_BYTES or len(taken) == MAX_SPANS_A_FRAME:
                break
    return taken
