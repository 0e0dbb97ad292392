"""What a record of another product becomes: spans, log records and scores under OTLP's and our names."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar
from uuid import UUID

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from sojourn_gateway.ingest.agentops_rows import as_text
from sojourn_gateway.ingest.attributes import encode_attributes
from sojourn_gateway.model.faults import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from sojourn_gateway.ingest.body import Signal
    from sojourn_gateway.model.score import Score

__all__ = [
    "Left",
    "Made",
    "Request",
    "hex_span_id",
    "hex_trace_id",
    "is_object",
    "moment_ns",
    "number",
    "span_id",
    "text",
    "trace_id",
]

T = TypeVar("T", "Span", "LogRecord")

# To keep one durably costs more than to make some hundred.
_AT_ONCE: Final = 4_000
_BYTES_AT_ONCE: Final = 4 * 1024 * 1024
"""Of spans, log records and scores, what one request holds."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS: Final = 2**63 - 1
_UNITS: Final = ((10**17, 1), (10**14, 10**3), (10**11, 10**6), (0, 10**9))
"""From which size on a number since 1970 counts nanoseconds, microseconds, milliseconds; below: seconds."""


@dataclass(frozen=True, slots=True)
class Request:
    """OTLP in protobuf, and how many spans or log records it holds."""

    signal: Signal
    body: bytes
    items: int


@dataclass(frozen=True, slots=True)
class Left:
    """A record that could not be taken, and why."""

    place: str
    why: str
    damaged: bool = False
    """The file is broken there: what it held can be told by nobody."""


@dataclass(slots=True)
class Made:
    """What was made so far, of one resource."""

    resource: Mapping[str, Any]
    spans: list[Span] = field(default_factory=list["Span"])
    logs: list[LogRecord] = field(default_factory=list["LogRecord"])
    scores: list[Score] = field(default_factory=list["Score"])

    _size: int = 0

    def add_span(self, span: Span) -> None:
        """One more."""
        self.spans.append(span)
        self._size += span.ByteSize()

    def add_log(self, record: LogRecord) -> None:
        """One more."""
        self.logs.append(record)
        self._size += record.ByteSize()

    def add_scores(self, scores: Iterable[Score]) -> None:
        """Some more."""
        for score in scores:
            self.scores.append(score)
            self._size += len(score.name) + len(score.label) + len(score.reason)

    @property
    def enough(self) -> bool:
        """Whether it should leave before more is made."""
        return len(self.spans) + len(self.logs) + len(self.scores) >= _AT_ONCE or self._size >= _BYTES_AT_ONCE

    def requests(self) -> list[Request]:
        """The spans and log records as OTLP."""
        resource = Resource(attributes=encode_attributes(self.resource))
        found: list[Request] = []
        for some in _apart(self.spans):
            spans = ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=some)])
            body = ExportTraceServiceRequest(resource_spans=[spans]).SerializeToString()
            found.append(Request("traces", body, len(some)))
        for lines in _apart(self.logs):
            logs = ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=lines)])
            body = ExportLogsServiceRequest(resource_logs=[logs]).SerializeToString()
            found.append(Request("logs", body, len(lines)))
        return found


def _apart(items: Sequence[T]) -> Iterator[list[T]]:
    """Those together that are no larger than all may be; each that is, alone: what is refused for it is it alone."""
    together: list[T] = []
    for one in items:
        if one.ByteSize() > _BYTES_AT_ONCE:
            yield [one]
        else:
            together.append(one)
    if together:
        yield together


def trace_id(own: str) -> bytes:
    """The bytes of an id that is hexadecimal, with dashes or without; of any other those of a stable hash."""
    try:
        found = UUID(own).bytes
    except ValueError:
        found = bytes(16)
    return found if any(found) else sha256(f"trace {own}".encode()).digest()[:16]


def span_id(own: str) -> bytes:
    """The bytes of an id of 16 hexadecimal digits; of any other those of a stable hash."""
    try:
        found = bytes.fromhex(own) if len(own) == 16 else b""
    except ValueError:
        found = b""
    return found if any(found) and len(found) == 8 else sha256(f"span {own}".encode()).digest()[:8]


def hex_trace_id(own: str) -> str:
    """As `trace_id`, in hexadecimal digits."""
    return trace_id(own).hex()


def hex_span_id(own: str) -> str:
    """As `span_id`, in hexadecimal digits."""
    return span_id(own).hex()


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether it is an object of JSON."""
    return isinstance(value, dict)


def text(told: Mapping[str, Any], *names: str) -> str:
    """The first of some members that is a text, or a number as text; empty without one."""
    for name in names:
        value = told.get(name)
        if isinstance(value, str) and value:
            return as_text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def number(value: Any) -> float | None:
    """A finite number, also one that stands in a text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def moment_ns(told: Mapping[str, Any], *names: str) -> int | None:
    """The first of some members that is there, as nanoseconds since 1970; UTC when it names no zone.

    Raises `Malformed` for one that is no time.
    """
    for name in names:
        value = told.get(name)
        if value is None or value == "":
            continue
        found = _from_text(value) if isinstance(value, str) else _from_number(value)
        if found is None or not 0 <= found <= _LAST_NS:
            raise Malformed(f"`{name}` is no time: {as_text(value)[:80]!r}")
        return found
    return None


def _from_text(value: str) -> int | None:
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (utc - _EPOCH) // timedelta(microseconds=1) * 1000


def _from_number(value: Any) -> int | None:
    told = number(value)
    if told is None:
        return None
    unit = next(unit for least, unit in _UNITS if told >= least or not least)
    return value * unit if isinstance(value, int) else round(told * unit)
