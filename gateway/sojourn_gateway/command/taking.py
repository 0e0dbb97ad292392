"""What a file holds, on its way into the store: what is too large to be taken at once goes by halves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sojourn_gateway import wording
from sojourn_gateway.engine import wire
from sojourn_gateway.keeping.importing import Grades
from sojourn_gateway.keeping.made import Request
from sojourn_gateway.model.faults import Malformed, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from google.protobuf.message import Message

    from sojourn_gateway.model.score import Score

__all__ = ["Rejected", "take_all"]

Rejected = tuple[int, str]
"""How many spans or records of a request were rejected, and why."""
_NAMED: Final = 10
"""Of what was too large by itself so many are named; the rest is a number."""


def take_all(
    items: Iterable[Request | Grades],
    send: Callable[[Request], Iterable[Rejected]],
    keep: Callable[[tuple[Score, ...]], None],
) -> dict[str, Any]:
    """Have all of it kept; how many spans, log records and scores were, and why others were not.

    Both functions keep all of what they get or nothing of it. What one refuses as `TooLarge` is given to it again by
    halves, so that only what is too large by itself is left out.
    """
    tally = _Tally()
    for item in items:
        if isinstance(item, Grades):
            _keep(item.scores, keep, tally)
        else:
            _send(item, send, tally)
    return tally.told()


@dataclass(slots=True)
class _Tally:
    """What became of what was to be taken in."""

    spans: int = 0
    logs: int = 0
    scores: int = 0
    rejected: Counter[str] = field(default_factory=Counter[str])
    too_large: int = 0
    named: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def count(self, request: Request, rejected: Iterable[Rejected]) -> None:
        """A request that was kept but for some of it."""
        kept = request.items
        for number, why in rejected:
            kept -= number
            if number:
                self.rejected[why] += number
        if request.signal == "traces":
            self.spans += max(kept, 0)
        else:
            self.logs += max(kept, 0)

    def leave(self, name: str, why: str) -> None:
        """What was too large by itself."""
        self.too_large += 1
        if len(self.named) < _NAMED:
            self.named.append({"place": name, "why": why, "records": 1})

    def told(self) -> dict[str, Any]:
        """All of it."""
        rejected = [
            {"place": wording.plural(number, "span or record"), "why": why, "records": number}
            for why, number in sorted(self.rejected.items())
        ]
        return {
            "spans": self.spans,
            "logs": self.logs,
            "scores": self.scores,
            "left_out": self.rejected.total() + self.too_large,
            "reasons": rejected + self.named,
        }


def _send(request: Request, send: Callable[[Request], Iterable[Rejected]], tally: _Tally) -> None:
    try:
        tally.count(request, send(request))
    except Malformed as fault:
        tally.count(request, [(request.items, str(fault))])
    except TooLarge as fault:
        halves = _halves(request)
        if not halves:
            tally.leave(_name(request), str(fault))
        for half in halves:
            _send(half, send, tally)


def _keep(scores: tuple[Score, ...], keep: Callable[[tuple[Score, ...]], None], tally: _Tally) -> None:
    try:
        keep(scores)
        tally.scores += len(scores)
    except TooLarge as fault:
        if len(scores) == 1:
            tally.leave(f"score {scores[0].name[:80]!r} of {scores[0].kind} {scores[0].resource_id}", str(fault))
            return
        middle = len(scores) // 2
        _keep(scores[:middle], keep, tally)
        _keep(scores[middle:], keep, tally)


def _halves(request: Request) -> list[Request]:
    """Two requests that hold as much; none when there is one span or record, or nothing that can be told apart."""
    # Not by `sojourn.otlp.halve`, which reads all of it: of a foreign file not every text is UTF-8.
    middle = request.items // 2
    try:
        sides = (_cut(request.body, 0, middle), _cut(request.body, middle, request.items)) if middle else ()
    except DecodeError:
        return []
    return [
        Request(request.signal, body, number)
        for body, number in zip(sides, (middle, request.items - middle), strict=False)
    ]


def _cut(body: bytes, first: int, last: int) -> bytes:
    """The request with some of its spans or records only, under the resources and scopes that they had."""
    kept: list[bytes] = []
    at = 0
    for resource in _resources(body):
        before = at
        # One of whose items none goes along may be large, too.
        scopes: list[Message] = []
        for scope in wire.field(resource, "scopes"):
            items: Sequence[bytes] = wire.field(scope, "items")
            some = items[max(first - at, 0) : max(last - at, 0)]
            at += len(items)
            if some:
                del scope.items[:]
                scope.items.extend(some)
                scopes.append(scope)
        held: Any = wire.field(resource, "scopes")
        del held[:]
        held.extend(scopes)
        if before < last and at > first:
            kept.append(wire.bytes_field(1, resource.SerializeToString()))
    return b"".join(kept)


def _resources(body: bytes) -> Iterator[Message]:
    """Of either signal: what holds spans holds them as what holds records does, and neither is read."""
    for one in wire.field(wire.REQUEST.FromString(body), "items"):
        yield wire.RECORDS.FromString(one)


def _name(request: Request) -> str:
    """What the one span or record of a request is called in the program that made it."""
    try:
        raw = next(
            item for one in _resources(request.body) for scope in wire.field(one, "scopes") for item in scope.items
        )
        if request.signal == "traces":
            span = Span.FromString(raw)
            return f"span {span.name[:80]!r}, {span.span_id.hex()} of trace {span.trace_id.hex()}"
        record = LogRecord.FromString(raw)
    except (DecodeError, StopIteration):
        # Text that is no UTF-8: it was taken all the same, were it smaller.
        return wording.plural(request.items, "span or record")
    at = datetime.fromtimestamp((record.time_unix_nano or record.observed_time_unix_nano) / 1e9, UTC)
    return f"log record {record.event_name[:80]!r} of {at.isoformat(timespec='milliseconds')}"
