"""From the end of a span to its frame in the journal."""

from __future__ import annotations

import os
import time
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import RLock, Thread
from typing import TYPE_CHECKING, Final, Protocol

from opentelemetry.sdk.trace import SpanProcessor

from sojourn import current, faults, semconv
from sojourn.chain import Chain
from sojourn.journal import Kind, identify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from sojourn.journal import Frame
    from sojourn.otlp import SessionEvent
    from sojourn.settings import Settings
    from sojourn.tally import Tally

__all__ = ["Ledger", "Recorder", "Spool"]

LINGER_S: Final = 0.02
"""How long a first span waits for company before both are written; what is promised is 50 ms."""
PENDING_AFTER_NS: Final = 1_000_000_000
HEARTBEAT_S: Final = 60.0
MAX_SPANS_A_FRAME: Final = 256
MAX_WAITING: Final = 4096
"""Spans, and as many events, that wait to be written: beyond that the thread that records writes them itself."""
RELIEF_S: Final = 0.1

Spool = Chain


class Ledger(Protocol):
    """What the recorder asks of the client."""

    def current_session_id(self) -> str | None:
        """The session that a span started now, in this context, belongs to."""
        ...

    def tally_of(self, session_id: str) -> Tally | None:
        """Where spans of that session are counted; None when this process does not know it."""
        ...

    def sampled(self, session_id: str) -> bool:
        """Whether the session is recorded, rather than only counted."""
        ...

    def open_session_ids(self) -> Sequence[str]:
        """The sessions that still run in this process."""
        ...

    def owned_session_ids(self) -> Sequence[str]:
        """Those of them that this process started, and must end."""
        ...

    def journalled(self, spool: Spool) -> None:
        """Called after frames were appended."""
        ...


class Recorder(SpanProcessor):
    """Stamps spans with their session, and writes them to the journal from a thread of its own.

    On the caller's thread a span costs an attribute at its start and two appends at its end.
    """

    def __init__(self, settings: Settings, resource: Resource, ledger: Ledger, name: Callable[[], str]) -> None:
        self._settings = settings
        self._resource = resource
        self._ledger = ledger
        self._host_name = name
        self.spool: Spool | None = None
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = RLock()
        self.journalled_spans = 0
        self.dropped = 0
        """Spans and session events of this and of dead processes that were given up."""
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._open: dict[int, Span] = {}
        self._told_pending: set[int] = set()
        self._seen_open: dict[int, float] = {}
        self._ended: deque[ReadableSpan] = deque()
        self._ready: list[ReadableSpan] = []
        self._events: deque[SessionEvent] = deque()
        self._unwritten: deque[tuple[Kind, bytes]] = deque()
        self._heartbeat_at = time.monotonic() + HEARTBEAT_S
        self._thread = Thread(target=self._run, name="sojourn-recorder", daemon=True)
        self._thread.start()

    # --- on the program's threads ---------------------------------------------------------------------------------

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002  # OTel's signature
        """Stamp the span with its session."""
        if self._pid != os.getpid():
            self._begin_in_child()
        for key, fact in current.stamps().items():
            if key not in (span.attributes or ()):
                span.set_attribute(key, fact)
        attributes = span.attributes
        if attributes is None or semconv.SESSION_ID not in attributes:
            session_id = self._ledger.current_session_id()
            if session_id is not None:
                span.set_attribute(semconv.SESSION_ID, session_id)
        self._open[span.get_span_context().span_id] = span

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span to the writing thread."""
        if self._pid != os.getpid():
            self._begin_in_child()
        context = span.get_span_context()
        if context is not None:
            self._open.pop(context.span_id, None)
        self._ended.append(span)
        if len(self._ended) + len(self._ready) < MAX_WAITING:
            self._wake.put(True)
        else:
            self._relieve()

    def emit(self, event: SessionEvent) -> None:
        """Hand a session event to the writing thread."""
        if self._pid != os.getpid():
            self._begin_in_child()
        self._events.append(event)
        if len(self._events) < MAX_WAITING:
            self._wake.put(True)
        else:
            self._relieve()

    def _relieve(self) -> None:
        """Faster than can be written: this thread helps, so that memory stays bounded and nothing is dropped."""
        # Not for ever: whoever writes may wait for something that this thread holds, such as a lock of a log handler.
        if self._lock.acquire(timeout=RELIEF_S):
            try:
                self._cycle()
            finally:
                self._lock.release()

    def settle(self) -> None:
        """Count everything that has ended so far, so that a tally read next is complete."""
        with self._lock:
            while self._ended:
                span = self._ended[0]
                session_id = (span.attributes or {}).get(semconv.SESSION_ID)
                if self._is_sampled(span):
                    self._ready.append(span)
                if self._ended and self._ended[0] is span:
                    self._ended.popleft()
                tally = self._ledger.tally_of(str(session_id)) if session_id is not None else None
                if tally is not None:
                    with faults.contained("recorder.count"):
                        tally.count(span)

    def holds(self, span_id: int) -> bool:
        """Whether a span is one of ours that is still open."""
        return span_id in self._open

    def _is_sampled(self, span: ReadableSpan) -> bool:
        session_id = (span.attributes or {}).get(semconv.SESSION_ID)
        return session_id is None or self._ledger.sampled(str(session_id))

    def flush(self) -> None:
        """Write everything that has ended so far, on the caller's thread."""
        if self._pid == os.getpid():
            self._cycle()

    def close(self) -> None:
        """Write what is left, what is still open as pending, and stop the thread."""
        if self._pid != os.getpid():
            return
        self._wake.put(False)
        self._thread.join(timeout=1.0)
        with self._lock:
            self._cycle(pending_after_ns=0)

    # --- on the writing thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        going = True
        while going:
            # The time-out lets open spans be told and heartbeats be sent while nothing ends.
            with suppress(Empty):
                going = self._wake.get(timeout=1.0)
                if going:
                    time.sleep(LINGER_S)
                while not self._wake.empty():
                    going = self._wake.get_nowait() and going
            with faults.contained("recorder.cycle"):
                self._cycle()

    def _cycle(self, pending_after_ns: int = PENDING_AFTER_NS) -> None:
        with self._lock:
            # A signal handler may enter this again, write everything and kill the process. So each thing leaves its
            # queue only after it is in the next: at worst it is written twice, under the same id.
            self.settle()
            # Before the spans: whoever finds the journal of a dead process must know that a session began in it.
            self._beat()
            self._encode_events()
            while self._ready:
                batch = self._ready[:MAX_SPANS_A_FRAME]
                self._encode_spans(Kind.TRACES, batch)
                if self._ready and self._ready[0] is batch[0]:
                    del self._ready[: len(batch)]
            self._tell_pending(pending_after_ns)
            if self.spool is not None:
                self.spool.tend()
            if self._unwritten:
                self._write()

    def _encode_spans(self, kind: Kind, spans: Sequence[ReadableSpan]) -> None:
        from sojourn import otlp

        encode = otlp.encode_finished if kind is Kind.TRACES else otlp.encode_pending
        try:
            self._unwritten.append((kind, encode(spans)))
            if kind is Kind.TRACES:
                self.journalled_spans += len(spans)
        except Exception as fault:  # noqa: BLE001  # one span that cannot be encoded must not take its neighbours along
            if len(spans) == 1:
                faults.note("recorder.encode", fault)
                self.dropped += 1
                return
            for span in spans:
                self._encode_spans(kind, [span])

    def _tell_pending(self, after_ns: int) -> None:
        # By the clock of the spans, and by one that nobody sets, should that one jump back.
        now, steady = time.time_ns(), time.monotonic()
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
        self._unwritten.append((Kind.LOGS, otlp.encode_events(events, self._resource)))
        if self._events and self._events[0] is events[0]:
            for _ in events:
                self._events.popleft()

    def _write(self) -> None:
        if self.spool is None:
            self.spool = self._open_spool()
        while self._unwritten:
            frame = self._unwritten[0]
            self.spool.append(*frame)
            if self._unwritten and self._unwritten[0] is frame:
                self._unwritten.popleft()
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
        # What the parent had not written yet it will write itself; locks and threads did not survive the fork.
        if self.spool is not None:
            self.spool.leave_in_child()
            self.spool = None
        self._begin()
