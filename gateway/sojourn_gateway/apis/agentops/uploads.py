"""What programs upload beside their spans: everything they printed, and objects."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from sojourn import semconv
from sojourn_gateway.apis.agentops.auth import check_bearer
from sojourn_gateway.apis.agentops.bodies import read_json
from sojourn_gateway.apis.agentops.door import Through  # noqa: TC001  # FastAPI reads the annotation at run time
from sojourn_gateway.apis.agentops.faults import bad_request, missing
from sojourn_gateway.apis.agentops.json_text import Answer
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import Serving  # noqa: TC001  # FastAPI reads the annotation at run time
from sojourn_gateway.ingest.agentops_events import Sender, encode_logs, lines_printed
from sojourn_gateway.ingest.agentops_rows import parse_text
from sojourn_gateway.model.log import LogsAsk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.log import LogLine

__all__ = ["keep_printed", "router"]

_LARGEST: Final = 25 * 1024 * 1024
_LINES_AT_ONCE: Final = 5000
_HEX: Final = re.compile(r"[0-9a-fA-F]{32}")

router = APIRouter()


@router.post("/v4/logs/upload/")
@router.post("/v4/logs/upload")
async def upload_log(request: Request, serving: Serving) -> Response:
    """Everything that a program printed in a trace; each upload replaces the one before."""
    await run_in_threadpool(check_bearer, request, serving)
    trace_id = _parse_trace_header(request.headers.get("trace-id"))
    printed = await _body(request, serving)
    session = await run_in_threadpool(_session_of, serving, trace_id)
    await keep_printed(serving, Sender(session, ""), bytes.fromhex(trace_id), printed)
    size = len(printed.encode())
    return Answer({"url": f"{request.base_url}v4/logs/{trace_id}", "size": size})


@router.get("/v4/logs/{log_id}")
def read_log(log_id: str, request: Request, serving: Serving) -> Response:
    """What was printed in a trace or session, as one text; else the lines of its log."""
    check_bearer(request, serving)
    for session in _spellings(log_id):
        lines = list(_lines(serving, session))
        printed = _printed(lines)
        if printed or lines:
            content = "\n".join(printed or [str(line.message) for line in lines])
            return Answer({"content": content, "trace_id": log_id, "freeplan_truncated": False})
    if any(serving.queries.session_summary(serving.project, session) for session in _spellings(log_id)):
        return Answer({"content": "", "trace_id": log_id, "freeplan_truncated": False})
    raise missing("Trace")


@router.post("/v4/objects/upload/")
@router.post("/v4/objects/upload")
async def upload_object(request: Request, serving: Serving, door: Through) -> Response:
    """A text that a program wants to keep."""
    await run_in_threadpool(check_bearer, request, serving)
    content = (await _body(request, serving)).encode()
    try:
        name = await run_in_threadpool(door.objects.keep, serving.project, content)
    except OSError as fault:
        raise HttpFault(503, "service_unavailable", f"the object cannot be kept: {fault.strerror}") from None
    return Answer({"url": f"{request.base_url}v4/objects/{name}", "size": len(content)})


@router.get("/v4/objects/{name}")
def read_object(name: str, request: Request, serving: Serving, door: Through) -> Response:
    """An object of this project."""
    check_bearer(request, serving)
    found = door.objects.read(serving.project, name)
    if found is None:
        raise missing("Object")
    # Somebody else wrote it: no browser may take it for a page.
    headers = {"Content-Disposition": f'attachment; filename="{name[:12]}.txt"'}
    return Response(found, media_type="text/plain; charset=utf-8", headers=headers)


async def keep_printed(serving: Services, sender: Sender, trace_id: bytes, printed: str) -> None:
    """Keep what a program printed. The lines of an earlier upload are replaced, where they stand."""
    since_ns = await run_in_threadpool(_printed_since, serving, sender.session_id)
    records = lines_printed(sender.session_id, trace_id, printed, since_ns)
    if records:
        body = await run_in_threadpool(encode_logs, sender, records)
        await serving.ingest.submit("logs", serving.project, body)


def _printed_since(serving: Services, session: str) -> int:
    page = serving.queries.session_logs(serving.project, LogsAsk(session, _LINES_AT_ONCE))
    for line in page.items:
        if semconv.PRINTED_LINES in line.attributes:
            return line.time_ns
    found = serving.queries.session_summary(serving.project, session)
    return time.time_ns() if found is None else found.start_ns


def _printed(lines: list[LogLine]) -> list[str]:
    found = [line for line in lines if semconv.PRINTED_LINES in line.attributes]
    # A shorter upload leaves lines of the longer one behind it; the first line says how many there are.
    count: Any = found[0].attributes[semconv.PRINTED_LINES] if found else 0
    return [str(line.message) for line in found[:count]]


def _lines(serving: Services, session: str) -> Iterator[LogLine]:
    offset = 0
    while True:
        page = serving.queries.session_logs(serving.project, LogsAsk(session, _LINES_AT_ONCE, offset))
        yield from page.items
        offset += len(page.items)
        if not page.items or offset >= page.total:
            return


def _session_of(serving: Services, trace_id: str) -> str:
    found = serving.queries.trace_summary(serving.project, trace_id)
    return found.session_ids[0] if found is not None and found.session_ids else trace_id


def _spellings(text: str) -> list[str]:
    """An id as it is, and what else it may mean: a trace's with dashes, a session's without."""
    try:
        found = UUID(text)
    except ValueError:
        return [text]
    return list(dict.fromkeys((text, found.hex, str(found))))


def _parse_trace_header(said: str | None) -> str:
    """The client writes the id of its trace as a decimal number."""
    text = (said or "").strip()
    if not text:
        raise bad_request("Trace-Id header is missing")
    number = 0
    if text.isascii() and text.isdigit() and len(text) < 40:
        number = int(text)
    elif _HEX.fullmatch(text):
        number = int(text, 16)
    if not 0 < number < 1 << 128:
        raise bad_request("Invalid Trace-Id header")
    return f"{number:032x}"


async def _body(request: Request, serving: Services) -> str:
    told = await read_json(request, serving)
    if "body" not in told:
        raise bad_request("`body` is missing")
    text = parse_text(told, "body")
    if len(text.encode()) > _LARGEST:
        raise HttpFault(413, "payload_too_large", "the body is larger than 25 MB")
    return text
