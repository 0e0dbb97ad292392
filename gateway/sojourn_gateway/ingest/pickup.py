"""Journals whose process died are taken over: what they hold is kept here, and their open sessions are ended."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import NAMESPACE_OID, uuid5

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from sojourn import journal, semconv
from sojourn.journal import Frame, Header, Kind, NotAJournal
from sojourn_gateway.ingest.attributes import encode_attributes
from sojourn_gateway.model.faults import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sojourn.home import Home
    from sojourn_gateway.ingest.body import Signal
    from sojourn_gateway.ingest.ingest import Ingest

__all__ = ["Pickup", "Swept"]

_GROUP_BYTES: Final = 8 * 1024 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_DIED: Final = "the process ended without ending the session"


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did."""

    journals: int = 0
    """Dead processes whose files are now here, and gone."""
    frames: int = 0
    """Requests that were taken in."""
    ended_sessions: tuple[str, ...] = ()
    """Sessions that a dead process left open."""
    damaged: tuple[Path, ...] = ()
    """Journals that could not be read to their end: set aside under these names, never deleted."""


@dataclass(slots=True)
class _Seen:
    """What a journal says of the sessions of its process."""

    started: dict[str, None] = field(default_factory=dict[str, None])
    ended: set[str] = field(default_factory=set[str])
    last_ns: int = 0
    bad_frames: int = 0


class Pickup:
    """Takes over the journals of a home."""

    def __init__(self, ingest: Ingest, home: Home, *, project: str = "default") -> None:
        """Bring journals of `home` into `ingest`, under `project`: they bear no key that would say another."""
        self._ingest = ingest
        self._folder = home.journals
        self._project = project

    def sweep(self, *, include_live: bool = False) -> Swept:
        """Take over what dead processes left; with `include_live` also read, without touching, what living ones wrote.

        A journal that belongs to a gateway elsewhere, or to a key, is left for it. What is here already changes
        nothing. Raises what `Ingest.submit` raises; then the journal stays, and the next sweep goes on with it.
        """
        journals = frames = 0
        ended: list[str] = []
        damaged: list[Path] = []
        for paths in _chains(journal.paths(self._folder)):
            with ExitStack() as holding:
                held = _adopt_all(paths, holding)
                if not held:
                    frames += sum(map(self._look_at, paths)) if include_live else 0
                    continue
                taken = self._take_over(held)
            journals += taken.journals
            frames += taken.frames
            ended.extend(taken.ended_sessions)
            damaged.extend(taken.damaged)
        return Swept(journals, frames, tuple(ended), tuple(damaged))

    def _look_at(self, path: Path) -> int:
        try:
            header, frames = journal.read(path, journal.acknowledged(path))
            return sum(count for _, count in self._submit(frames, _Seen())) if _is_for_us(header) else 0
        except (OSError, NotAJournal):
            # Delivered and removed in this moment.
            return 0

    def _take_over(self, paths: Sequence[Path]) -> Swept:
        """Submit the files of a dead process, whose locks are held, end its sessions, and remove them."""
        seen = _Seen()
        count = 0
        damaged: list[Path] = []
        whole: list[Path] = []
        header: Header | None = None
        for path in paths:
            try:
                header, frames = journal.read(path)
            except NotAJournal:
                damaged.append(journal.set_aside(path))
                continue
            if not _is_for_us(header):
                return Swept()
            seen.started.update(dict.fromkeys(header.sessions))
            seen.ended.difference_update(header.sessions)
            seen.bad_frames = 0
            for end, submitted in self._submit(_noted(frames, seen), seen, journal.acknowledged(path)):
                count += submitted
                journal.remember(path, end)
            whole.append(path)
            if seen.bad_frames or journal.damaged(path):
                damaged.append(path)
        open_sessions = tuple(session for session in seen.started if session not in seen.ended)
        if open_sessions and header is not None:
            body = _endings(header, open_sessions, seen.last_ns or header.created_ns)
            self._ingest.submit_now("logs", self._project, body)
        # Only now: should the ends not have been taken, the next sweep must find again which sessions there were.
        for path in whole:
            if path in damaged:
                damaged[damaged.index(path)] = journal.set_aside(path)
            else:
                journal.discard(path)
        return Swept(0 if damaged else 1, count, open_sessions, tuple(damaged))

    def _submit(self, frames: Iterable[Frame], seen: _Seen, known: int = 0) -> Iterator[tuple[int, int]]:
        """Submit frames that end behind `known`, in groups; after each, where it ended and how many it held."""
        group: dict[Signal, list[bytes]] = {"traces": [], "logs": []}
        size = count = end = 0
        for frame in frames:
            if frame.end <= known:
                continue
            group["logs" if frame.kind is Kind.LOGS else "traces"].append(frame.payload)
            size, count, end = size + len(frame.payload), count + 1, frame.end
            if size >= _GROUP_BYTES:
                self._submit_group(group, seen)
                yield end, count
                group = {"traces": [], "logs": []}
                size = count = 0
        if count:
            self._submit_group(group, seen)
            yield end, count

    def _submit_group(self, group: dict[Signal, list[bytes]], seen: _Seen) -> None:
        for signal, payloads in group.items():
            if not payloads:
                continue
            try:
                # Requests, one behind the other, are a request.
                self._ingest.submit_now(signal, self._project, b"".join(payloads))
            except Malformed:
                if len(payloads) == 1:
                    seen.bad_frames += 1
                    continue
                for payload in payloads:
                    self._submit_group({signal: [payload]}, seen)


def _chains(paths: Iterable[Path]) -> Iterator[list[Path]]:
    """The files of each process together, in their order; what is no journal stands alone."""
    chains: dict[str, list[tuple[int, Path]]] = {}
    for path in paths:
        try:
            header, _ = journal.read(path)
        except OSError:
            # Delivered and removed in this moment.
            continue
        except NotAJournal:
            chains[str(path)] = [(0, path)]
            continue
        chains.setdefault(header.chain, []).append((header.number, path))
    for files in chains.values():
        yield [path for _, path in sorted(files)]


def _adopt_all(paths: Iterable[Path], holding: ExitStack) -> list[Path] | None:
    """Hold the locks of the files that are still there; None when one of them has an owner: the process lives."""
    held: list[Path] = []
    for path in paths:
        file = journal.adopt(path)
        if file is not None:
            holding.enter_context(file)
            held.append(path)
        elif path.exists():
            return None
    return held


def _is_for_us(header: Header) -> bool:
    if header.key_fingerprint is not None:
        return False
    return header.endpoint is None or urlsplit(header.endpoint).hostname in _LOOPBACK


def _noted(frames: Iterable[Frame], seen: _Seen) -> Iterator[Frame]:
    """The same frames, with what they say of sessions noted in passing."""
    for frame in frames:
        try:
            if frame.kind is Kind.LOGS:
                _note_events(ExportLogsServiceRequest.FromString(frame.payload), seen)
            else:
                _note_spans(ExportTraceServiceRequest.FromString(frame.payload), seen)
        except DecodeError:
            # Whether it is taken in is the engine's to say; for the sessions it says nothing.
            pass
        yield frame


def _note_events(request: ExportLogsServiceRequest, seen: _Seen) -> None:
    for by_resource in request.resource_logs:
        for by_scope in by_resource.scope_logs:
            for record in by_scope.log_records:
                seen.last_ns = max(seen.last_ns, record.time_unix_nano)
                told = {one.key: one.value.string_value for one in record.attributes}
                session = told.get(semconv.SESSION_ID, "")
                name = record.event_name or told.get(semconv.EVENT_NAME, "")
                if session and name == semconv.SESSION_START:
                    seen.started[session] = None
                    # Ended and started again under the same id: open again.
                    seen.ended.discard(session)
                elif name == semconv.SESSION_END:
                    seen.ended.add(session)


def _note_spans(request: ExportTraceServiceRequest, seen: _Seen) -> None:
    for by_resource in request.resource_spans:
        for by_scope in by_resource.scope_spans:
            for span in by_scope.spans:
                seen.last_ns = max(seen.last_ns, span.start_time_unix_nano, span.end_time_unix_nano)


def _endings(header: Header, sessions: Iterable[str], time_ns: int) -> bytes:
    """The ends that the process did not write. The same journal gives the same records, however often it is swept."""
    records = [
        LogRecord(
            time_unix_nano=time_ns,
            observed_time_unix_nano=time_ns,
            event_name=semconv.SESSION_END,
            attributes=encode_attributes(
                {
                    semconv.SESSION_ID: session,
                    semconv.LOG_UID: uuid5(NAMESPACE_OID, f"{header.chain} {session}").hex,
                    semconv.SESSION_END_STATE: "Indeterminate",
                    semconv.SESSION_END_REASON: _DIED,
                    semconv.SESSION_END_EXPLICIT: False,
                }
            ),
        )
        for session in sessions
    ]
    scope = InstrumentationScope(name="sojourn.gateway")
    request = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(scope=scope, log_records=records)])]
    )
    return bytes(request.SerializeToString())
