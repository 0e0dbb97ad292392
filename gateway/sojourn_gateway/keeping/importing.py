"""Files that other products and exporters left behind, as what the store takes in: which they are shows in them.

OTLP in protobuf and JSON, exports of sessions and traces of AgentOps, traces, observations and scores of Langfuse, and
our own scores. One record at a time is in memory, and some thousand of what they become.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, cast

from sojourn_gateway.ingest.agentops_rows import items_of
from sojourn_gateway.ingest.otlp_json import parsed_to_protobuf
from sojourn_gateway.keeping import agentops_files, langfuse, otlp_requests
from sojourn_gateway.keeping.json_pieces import Broken, Head, Record, json_pieces
from sojourn_gateway.keeping.made import Left, Made, Request, is_object, text
from sojourn_gateway.keeping.scores import MEMBERS, parse_score
from sojourn_gateway.model.faults import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sojourn_gateway.ingest.body import Signal
    from sojourn_gateway.model.score import Score

__all__ = ["Grades", "Item", "Left", "read_file"]

Told = dict[str, Any]

_HELD: Final = 20_000
"""Records that wait for the name of their trace or session, which the file tells behind them."""
_OTLP: Final[dict[str, tuple[Signal, str, str]]] = {
    "resourceSpans": ("traces", "scopeSpans", "spans"),
    "resource_spans": ("traces", "scope_spans", "spans"),
    "resourceLogs": ("logs", "scopeLogs", "logRecords"),
    "resource_logs": ("logs", "scope_logs", "log_records"),
}
_METRICS: Final = ("resourceMetrics", "resource_metrics")
_LISTS: Final = frozenset(
    {*_OTLP, *_METRICS, *agentops_files.SECTIONS, "spans", "traces", "data", "observations", "scores"}
)
"""Lists whose elements are records."""
_HEAD: Final = 4096
_ITEM: Final = 0x0A
"""The byte before each resource in protobuf, and a line break."""
_BLANK: Final = b" \t\r\n"
_JSON_BEGINS: Final = b"{[ \r\t\xef"
_JSON: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:(?:\[\s*)+\]|(?:\[\s*)*\{\s*(?:"[^\x00-\x1f]|\}))')
"""What begins an object or a list whatever blanks stand before; no resource begins so, whose lengths are low bytes."""
_OUR_SPAN: Final = frozenset({"trace_id", "span_id", "start_ns", "step"})
_OUR_LOG: Final = frozenset({"time_ns", "observed_ns", "severity", "event"})


@dataclass(frozen=True, slots=True)
class Grades:
    """Scores."""

    scores: tuple[Score, ...]


Item = Request | Grades | Left


def read_file(file: IO[bytes], name: str) -> Iterator[Item]:
    """What a file holds. It is read from its start, and can be read again from there.

    What cannot be understood comes as `Left`, and the rest all the same.
    """
    head = file.read(_HEAD)
    file.seek(0)
    if not head.strip(_BLANK):
        return
    if _JSON.match(head):
        yield from _Reading().items(file)
    elif head[0] == _ITEM:
        yield from otlp_requests.read_requests(file, name)
    elif head[4:5] == bytes([_ITEM]):
        yield from otlp_requests.read_prefixed(file, name)
    elif head[0] in _JSON_BEGINS:
        yield from _Reading().items(file)
    else:
        yield Left(name, "neither OTLP in protobuf nor JSON")


class _Reading:
    """What was understood of a file of JSON so far."""

    def __init__(self) -> None:
        self._langfuse = Made(langfuse.RESOURCE)
        self._agentops = Made(agentops_files.RESOURCE)
        self._waiting: list[tuple[str, Callable[[Told], None]]] = []
        """Rows and spans of AgentOps that do not name their session or trace."""

    def items(self, file: IO[bytes]) -> Iterator[Item]:
        for piece in json_pieces(file, _LISTS):
            match piece:
                case Broken():
                    yield Left(piece.place, piece.why)
                case Head():
                    yield from self._guarded(piece.place, partial(self._head, piece))
                    yield from self._nameless()
                case Record():
                    yield from self._guarded(piece.place, partial(self._record, piece))
            if self._large():
                yield from self._flushed()
        yield from self._nameless()
        yield from self._flushed()

    def _guarded(self, place: str, read: Callable[[], Iterator[Item]]) -> Iterator[Item]:
        try:
            yield from read()
        except (Malformed, ValueError, TypeError, RecursionError) as fault:
            yield Left(place, str(fault))

    def _record(self, record: Record) -> Iterator[Item]:
        if record.within in _OTLP:
            yield from _otlp(record)
        elif record.within in _METRICS:
            yield Left(record.place, "points of metrics are not taken from files: send them to /v1/metrics")
        elif not is_object(record.value):
            # Lists of a trace name its observations and scores by their ids alone.
            if not record.within:
                yield Left(record.place, "no object")
        else:
            yield from self._told(record)

    def _head(self, head: Head) -> Iterator[Item]:
        """An object whose lists, if it has some, were told before."""
        told, streamed = head.members, head.streamed
        if agentops_files.is_export(told, streamed):
            agentops_files.make_session(told, self._agentops)
            yield from self._late(cast("Told", told["session"]))
        elif agentops_files.is_trace(told, streamed):
            yield from self._late(told)
        elif isinstance(told.get("trace"), dict):
            langfuse.make_trace(cast("Told", told["trace"]), self._langfuse)
            yield from self._inside(f"{head.place}, trace", cast("Told", told["trace"]))
        elif not streamed or langfuse.is_trace(told):
            yield from self._told(Record(head.place, "", told))

    def _told(self, record: Record) -> Iterator[Item]:
        """A record that may be any."""
        place, within, beside = record.place, record.within, record.beside
        told = cast("Told", record.value)
        if agentops_files.is_span(told):
            if in_trace := text(told, "trace_id") or text(beside, "trace_id"):
                agentops_files.make_span(told, in_trace, self._agentops)
            else:
                self._wait(place, lambda head: agentops_files.make_span(told, text(head, "trace_id"), self._agentops))
        elif within in agentops_files.SECTIONS:
            if in_session := text(told, "session_id") or _session_of(beside):
                agentops_files.make_row(within, told, in_session, self._agentops)
            else:
                self._wait(place, lambda head: agentops_files.make_row(within, told, text(head, "id"), self._agentops))
        elif agentops_files.is_export(told, ()) or agentops_files.is_trace(told, ()) or _holds_lists(told):
            yield from self._inside(place, told)
            yield from self._head(Head(place, _without_lists(told), tuple(set(told) & _LISTS)))
        elif langfuse.is_observation(told):
            langfuse.make_observation(told, self._langfuse)
        elif langfuse.is_score(told):
            langfuse.make_score(told, self._langfuse)
        elif langfuse.is_trace(told):
            langfuse.make_trace(told, self._langfuse)
        elif told.keys() >= MEMBERS:
            yield Grades((parse_score(told),))
        else:
            yield Left(place, _unknown(told))

    def _inside(self, place: str, told: Told) -> Iterator[Item]:
        """The records in the lists of a record."""
        for name in _LISTS & told.keys():
            if isinstance(told[name], list):
                for index, one in enumerate(items_of(told[name])):
                    record = Record(f"{place}, {name}[{index}]", name, one, told)
                    yield from self._guarded(record.place, partial(self._record, record))

    def _wait(self, place: str, make: Callable[[Told], None]) -> None:
        if len(self._waiting) >= _HELD:
            raise Malformed("the file does not say in front of it of which session or trace it is")
        self._waiting.append((place, make))

    def _late(self, head: Told) -> Iterator[Item]:
        """What waited for the name of its session or trace."""
        waiting, self._waiting = self._waiting, []
        for place, make in waiting:
            try:
                make(head)
            except (Malformed, ValueError, TypeError, RecursionError) as fault:
                yield Left(place, str(fault))
            if self._large():
                yield from self._flushed()

    def _nameless(self) -> Iterator[Item]:
        """What waited in vain."""
        waiting, self._waiting = self._waiting, []
        for place, _ in waiting:
            yield Left(place, "the file does not say of which session or trace it is")

    def _large(self) -> bool:
        return self._langfuse.enough or self._agentops.enough

    def _flushed(self) -> Iterator[Item]:
        for made in (self._langfuse, self._agentops):
            yield from made.requests()
            if made.scores:
                yield Grades(tuple(made.scores))
        self._langfuse = Made(langfuse.RESOURCE)
        self._agentops = Made(agentops_files.RESOURCE)


def _otlp(record: Record) -> Iterator[Item]:
    """The spans or log records of one resource; when some are broken, the others without them."""
    signal, scopes, items = _OTLP[record.within]
    told: Any = record.value
    if not is_object(told):
        yield Left(record.place, "no object")
        return
    try:
        body = parsed_to_protobuf(signal, {record.within: [told]})
        yield Request(signal, body, otlp_requests.count_items(signal, body))
        return
    except Malformed as fault:
        why = str(fault)
    if not items_of(told.get(scopes)):
        yield Left(record.place, why)
        return
    for index, scope in enumerate(items_of(told.get(scopes))):
        one = cast("Told", scope) if isinstance(scope, dict) else {}
        number = len(items_of(one.get(items)))
        yield from _whole_ones(record.within, told, one, range(number), f"{record.place}.{scopes}[{index}].{items}")


def _whole_ones(within: str, resource: Told, scope: Told, chosen: range, place: str) -> Iterator[Item]:
    """Those of a scope that are whole: the broken are found by halves, so that the others stay together."""
    signal, scopes, items = _OTLP[within]
    some = items_of(scope.get(items))[chosen.start : chosen.stop]
    if not some:
        return
    try:
        body = parsed_to_protobuf(signal, {within: [{**resource, scopes: [{**scope, items: some}]}]})
    except Malformed as fault:
        if len(some) == 1:
            yield Left(f"{place}[{chosen.start}]", str(fault))
            return
        middle = chosen.start + len(some) // 2
        yield from _whole_ones(within, resource, scope, range(chosen.start, middle), place)
        yield from _whole_ones(within, resource, scope, range(middle, chosen.stop), place)
        return
    yield Request(signal, body, len(some))


def _session_of(told: Mapping[str, Any]) -> str:
    session = told.get("session")
    return text(cast("Told", session), "id", "session_id") if isinstance(session, dict) else ""


def _holds_lists(told: Mapping[str, Any]) -> bool:
    return any(isinstance(told.get(name), list) and any(isinstance(one, dict) for one in told[name]) for name in _LISTS)


def _without_lists(told: Told) -> Told:
    return {name: value for name, value in told.items() if name not in _LISTS}


def _unknown(told: Told) -> str:
    if told.keys() >= _OUR_SPAN or told.keys() >= _OUR_LOG:
        return "a line of `sojourn export --format jsonl`, which is for reading: what comes back is the format otlp"
    if "countTraces" in told or ("createdAt" in told and "userIds" in told):
        return "a row of Langfuse's table of sessions holds sums only: export traces, observations and scores"
    names = ", ".join(list(told)[:6])
    return f"an object with {names[:120]} is of no kind that is known" if names else "an empty object"
