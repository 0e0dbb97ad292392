"""`GET /v1/traces/export`: spans as JSON lines, CSV, or chats to train with, streamed."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from sojourn_gateway.apis.agentmark.fields import Fields
from sojourn_gateway.apis.agentmark.forms import is_list, is_object
from sojourn_gateway.apis.agentmark.present import present_span
from sojourn_gateway.asgi.services import Serving  # noqa: TC001  # FastAPI reads the annotation at run time
from sojourn_gateway.model.score import ScoresAsk
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.model.where import AllOf, Compare, Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.datastructures import QueryParams

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.span import Span, Status
    from sojourn_gateway.model.where import Where

__all__ = ["Export", "defused", "parse_export", "router"]

Format = Literal["jsonl", "csv", "openai"]

_MEDIA: Final[dict[Format, str]] = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "openai": "application/x-ndjson",
}
_FORMATS: Final[tuple[Format, ...]] = ("jsonl", "csv", "openai")
_STATUSES: Final[dict[str, Status]] = {
    "STATUS_CODE_UNSET": "unset",
    "STATUS_CODE_OK": "ok",
    "STATUS_CODE_ERROR": "error",
}
_CONTENT: Final = ("input", "output", "output_object", "tool_calls", "attributes", "events", "links")
_COLUMNS: Final = (
    *("id", "trace_id", "parent_id", "session_id", "name", "type", "status", "status_message", "timestamp"),
    *("duration_ms", "model", "input_tokens", "output_tokens", "tokens", "cost", "service_name", "prompt_name"),
    *("input", "output"),
)
_MONTH_NS: Final = 30 * 86_400_000_000_000
_PAGE: Final = 200

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Export:
    """What to write, and how."""

    format: Format
    limit: int
    lightweight: bool
    ask: SpansAsk
    least_score: Decimal | None
    most_score: Decimal | None


@router.get("/v1/traces/export")
def export(request: Request, serving: Serving) -> Response:
    """The spans of some time, newest first."""
    asked = parse_export(request.query_params, time.time_ns())
    headers = {"Content-Disposition": f'attachment; filename="traces.{asked.format.replace("openai", "jsonl")}"'}
    return StreamingResponse(_lines(serving, asked), media_type=_MEDIA[asked.format], headers=headers)


def parse_export(query: QueryParams, now_ns: int) -> Export:
    """The parameters. Raises a 400 that names every field in fault."""
    reading = Fields(query)
    cursor = reading.text("cursor")
    until, offset = (None, 0) if cursor is None else _parse_cursor(reading, cursor)
    status = reading.choice("status", (None, *_STATUSES), None)
    kind = reading.choice("type", ("all", "GENERATION", "SPAN", "EVENT"), "all")
    key, value = reading.text("metadata_key"), reading.text("metadata_value")
    if (key is None) != (value is None):
        reading.faults["metadata_value" if value is None else "metadata_key"] = "both, or neither"
    until = reading.moment("endDate", last=True) or until or now_ns
    asked = Export(
        format=reading.choice("format", _FORMATS, "jsonl"),
        limit=reading.number("limit", 500, 1, 2000),
        lightweight=reading.flag("lightweight"),
        ask=SpansAsk(
            limit=_PAGE,
            offset=offset,
            type=None if kind == "all" else cast("Any", kind),
            status=None if status is None else _STATUSES[status],
            name=reading.text("name"),
            since_ns=reading.moment("startDate") or max(until - _MONTH_NS, 0),
            until_ns=until,
            where=_all(
                _equals(Field("model", "string"), reading.text("model")),
                _equals(Field("user_id", "string"), reading.text("userId")),
                _equals(Field("tags", "tags"), reading.text("tag")),
                _equals(Field("metadata", "metadata", key or ""), value),
            ),
        ),
        least_score=_decimal(reading, "minScore"),
        most_score=_decimal(reading, "maxScore"),
    )
    reading.finish()
    return asked


def defused(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _lines(serving: Services, asked: Export) -> Iterator[str]:
    """Line by line, a page of spans in memory at a time; JSON lines end with what they were."""
    exported, skipped, total, taken = 0, 0, 0, asked.ask.offset
    if asked.format == "csv":
        yield _row(_COLUMNS)
    graded = _graded(serving, asked)
    more = True
    while more and exported + skipped < asked.limit:
        size = min(_PAGE, asked.limit - exported - skipped)
        page = serving.queries.spans(serving.project, replace(asked.ask, limit=size, offset=taken))
        total = page.total
        for span in page.items:
            taken += 1
            line = None
            if graded is None or span.span_id in graded or span.trace_id in graded:
                line = _line(asked, span)
            if line is None:
                skipped += 1
            else:
                exported += 1
                yield line
        more = bool(page.items) and taken < total
    if asked.format != "csv":
        until = asked.ask.until_ns
        cursor = base64.urlsafe_b64encode(f"{until}:{taken}".encode()).decode() if more else None
        meta = {"total": total, "exported": exported, "skipped": skipped, "next_cursor": cursor}
        yield f"{json.dumps({'_export_meta': meta})}\n"


def _line(asked: Export, span: Span) -> str | None:
    told = cast("dict[str, Any]", present_span(span, content=not asked.lightweight))
    match asked.format:
        case "csv":
            return _row(defused(told.get(name)) for name in _COLUMNS)
        case "openai":
            chat = _chat(told)
            return None if chat is None else f"{json.dumps({'messages': chat}, ensure_ascii=False)}\n"
        case "jsonl":
            kept = {name: value for name, value in told.items() if not (asked.lightweight and name in _CONTENT)}
            return f"{json.dumps(kept, ensure_ascii=False)}\n"


def _chat(told: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The messages of a model call with its answer; None for what is no chat, or has no content."""
    if told["type"] != "GENERATION" or not told.get("input") or not told.get("output"):
        return None
    try:
        messages: Any = json.loads(told["input"])
    except (ValueError, RecursionError):
        return None
    if not is_list(messages) or not messages:
        return None
    found = list[dict[str, Any]]()
    for message in messages:
        if not is_object(message) or "role" not in message:
            return None
        found.append({"role": message["role"], "content": _words(message.get("content"))})
    return [*found, {"role": "assistant", "content": told["output"]}]


def _words(content: Any) -> str:
    if is_list(content):
        return "\n".join(str(one.get("text", "")) for one in content if is_object(one))
    return "" if content is None else str(content)


def _graded(serving: Services, asked: Export) -> set[str] | None:
    """The ids that have a score in the range; None when no range was asked for."""
    if asked.least_score is None and asked.most_score is None:
        return None
    score = Field("score", "numeric")
    where = _all(
        None if asked.least_score is None else Compare(score, "gte", asked.least_score),
        None if asked.most_score is None else Compare(score, "lte", asked.most_score),
    )
    found, offset = set[str](), 0
    while True:
        page = serving.queries.scores(serving.project, ScoresAsk(limit=1000, offset=offset, where=where))
        found |= {one.resource_id for one in page.items}
        offset += len(page.items)
        if not page.items or offset >= page.total:
            return found


def _row(values: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(values)
    return text.getvalue()


def _parse_cursor(reading: Fields, cursor: str) -> tuple[int | None, int]:
    try:
        until, _, offset = base64.urlsafe_b64decode(cursor.encode()).decode("ascii").partition(":")
        if until.isdigit() and offset.isdigit() and len(until) < 20 and len(offset) < 10:
            return int(until), int(offset)
    except (ValueError, binascii.Error):
        pass
    reading.faults["cursor"] = "must be the next_cursor of an export"
    return None, 0


def _decimal(reading: Fields, name: str) -> Decimal | None:
    text = reading.text(name)
    if text is None:
        return None
    plain = text.removeprefix("-")
    if len(text) > 32 or not plain.replace(".", "", 1).isdigit() or not plain.isascii():
        reading.faults[name] = "must be a number"
        return None
    return Decimal(text)


def _equals(field: Field, value: str | None) -> Where | None:
    return None if value is None else Compare(field, "equals", value)


def _all(*parts: Where | None) -> Where | None:
    told = tuple(part for part in parts if part is not None)
    return AllOf(told) if told else None
