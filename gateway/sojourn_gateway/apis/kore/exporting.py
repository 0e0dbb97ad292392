"""Events as a stream: CSV, a JSON array, or JSON lines; some sessions and some hundred events in memory at a time."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

from fastapi.responses import StreamingResponse

from sojourn_gateway.apis.kore.parameters import Parameters
from sojourn_gateway.apis.kore.present import present_event
from sojourn_gateway.apis.kore.reading import events_across, read_all, summaries_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastapi import Response
    from starlette.datastructures import QueryParams

    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.apis.kore.plan import Planned
    from sojourn_gateway.apis.kore.reading import Read
    from sojourn_gateway.asgi.services import Services

__all__ = ["Export", "export", "parse_export"]

Format = Literal["csv", "json", "jsonl"]

_FORMATS: Final[tuple[Format, ...]] = ("csv", "json", "jsonl")
_MEDIA: Final[dict[Format, str]] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
}
_USUAL: Final = 10_000
_MOST: Final = 100_000
_MOST_SESSIONS: Final = 10_000
_SESSIONS_AT_ONCE: Final = 50
_COLUMNS: Final = (
    *("sessionId", "traceId", "spanId", "parentSpanId", "eventId", "seq", "timestamp", "type", "agentName", "turn"),
    *("durationMs", "hasError", "decisionKind", "model", "inputTokens", "outputTokens", "estimatedCost", "toolName"),
    *("success", "data"),
)
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Export:
    """What to write, and how."""

    format: Format
    session_ids: tuple[str, ...]
    since_ns: int | None
    until_ns: int | None
    event_type: str | None
    limit: int

    def wants(self, planned: Planned) -> bool:
        """Whether an event is one of them."""
        return (
            (self.event_type is None or planned.type == self.event_type)
            and (self.since_ns is None or planned.timestamp_ns >= self.since_ns)
            and (self.until_ns is None or planned.timestamp_ns < self.until_ns)
        )


def parse_export(query: QueryParams) -> Export:
    """The parameters."""
    given = Parameters(query)
    chosen: Format | None = given.choice("format", _FORMATS)
    return Export(
        format=chosen or "csv",
        session_ids=given.texts("sessionId", _MOST_SESSIONS),
        since_ns=given.moment("from"),
        until_ns=given.moment("to"),
        event_type=given.text("eventType"),
        limit=given.limit(_USUAL, _MOST),
    )


def export(serving: Services, asked: Export) -> Response:
    """The answer, which is made while it is sent."""
    day = datetime.now(UTC).date().isoformat()
    name = f"traces-{_UNSAFE.sub('_', serving.project)}-{day}.{asked.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_pieces(serving, asked), media_type=_MEDIA[asked.format], headers=headers)


def _pieces(serving: Services, asked: Export) -> Iterator[bytes]:
    events = _events(serving, asked)
    match asked.format:
        case "csv":
            yield _row(_COLUMNS)
            for event in events:
                yield _row(_cells(event))
        case "jsonl":
            for event in events:
                yield _json(present_event(event)) + b"\n"
        case "json":
            yield b"["
            for rank, event in enumerate(events):
                yield (b",\n" if rank else b"\n") + _json(present_event(event))
            yield b"\n]\n"


def _events(serving: Services, asked: Export) -> Iterator[Event]:
    return events_across(serving, islice(_chosen(serving, asked), asked.limit))


def _chosen(serving: Services, asked: Export) -> Iterator[tuple[Read, int]]:
    for ids in _pages(serving, asked):
        for session in read_all(serving, summaries_of(serving, ids)):
            for rank, planned in enumerate(session.planned):
                if asked.wants(planned):
                    yield session, rank


def _pages(serving: Services, asked: Export) -> Iterator[Sequence[str]]:
    if not asked.session_ids:
        yield from serving.queries.happenings.session_pages(
            serving.project, asked.since_ns, asked.until_ns, asked.event_type
        )
        return
    for begin in range(0, len(asked.session_ids), _SESSIONS_AT_ONCE):
        yield asked.session_ids[begin : begin + _SESSIONS_AT_ONCE]


def _cells(event: Event) -> list[Any]:
    shown, data = present_event(event), event.data
    usage: dict[str, Any] = data.get("usage", {})
    told = {
        **shown,
        "eventId": event.id,
        "decisionKind": data.get("decisionKind"),
        "model": data.get("model"),
        "inputTokens": usage.get("inputTokens"),
        "outputTokens": usage.get("outputTokens"),
        "estimatedCost": data.get("estimatedCost"),
        "toolName": data.get("toolName"),
        "success": data.get("success"),
        "data": _json(shown["data"]).decode(),
    }
    return [_cell(told[name]) for name in _COLUMNS]


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA) and _NUMBER.fullmatch(value) is None:
        return f"'{value}"
    return value


def _row(cells: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode("utf-8", "replace")


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, which JSON can say and UTF-8 cannot.
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
