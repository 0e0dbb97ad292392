"""The handlers of `/v2` that write: what a program of AgentOps' session era records becomes OTLP."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentops.bodies import member, read_json
from sojourn_gateway.apis.agentops.door import Through  # noqa: TC001  # FastAPI reads the annotation at run time
from sojourn_gateway.apis.agentops.exported import SECTIONS, rows_of
from sojourn_gateway.apis.agentops.facts import (
    agent_declared,
    parse_tags,
    session_begun,
    session_updated,
    thread_declared,
)
from sojourn_gateway.apis.agentops.faults import bad_request
from sojourn_gateway.apis.agentops.sessions import (
    find_session,
    issue_session,
    parse_session_id,
    parse_writing,
    present_url,
)
from sojourn_gateway.apis.agentops.uploads import keep_printed
from sojourn_gateway.asgi.services import Serving  # noqa: TC001  # FastAPI reads the annotation at run time
from sojourn_gateway.ingest.agentops_events import (
    Sender,
    encode_events,
    encode_logs,
    reported_by_developer,
    trace_id_of,
)
from sojourn_gateway.ingest.agentops_rows import items_of, parse_event, parse_object, parse_text
from sojourn_gateway.model.faults import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.ingest.agentops_rows import Event
    from sojourn_gateway.ingest.body import Signal
    from sojourn_gateway.model.session import StepKind
    from sojourn_gateway.model.span import Json, Span

__all__ = ["router"]

_DONE: Final = "Success"
_MOST_TOLD: Final = 5

router = APIRouter()


@router.post("/v2/create_session")
@router.post("/v2/sessions")
async def create_session(request: Request, serving: Serving, door: Through) -> Response:
    """Start a session, or join it."""
    told = member(await read_json(request, serving), "session")
    session = parse_session_id(parse_text(told, "session_id"))
    token, sender = issue_session(serving, session, parse_text(told, "init_timestamp") or str(uuid4()))
    begun = session_begun(sender, told, time.time_ns())
    await _keep_logs(serving, sender, begun)
    door.writers.say(serving.project, session, sender.process, parse_tags(told))
    return JSONResponse({"status": _DONE, "jwt": token, "session_url": present_url(request, session)})


@router.post("/v2/update_session")
async def update_session(request: Request, serving: Serving, door: Through) -> Response:
    """Tags, video, end; the answer says what the session cost so far."""
    told = member(await read_json(request, serving), "session")
    sender = parse_writing(request, serving).sender
    tags = parse_tags(told)
    remembered = (serving.project, sender.session_id, sender.process)
    before = door.writers.said(*remembered)
    records = session_updated(sender, told, before, time.time_ns())
    if records:
        await _keep_logs(serving, sender, records)
    if told.get("tags") is not None:
        door.writers.say(*remembered, tags)
    found = await run_in_threadpool(serving.queries.session_summary, serving.project, sender.session_id)
    cost = None if found is None else found.cost.usd
    told_back = {
        "status": "success",
        "token_cost": "0.00" if not cost else f"{cost:f}",
        "session_url": present_url(request, sender.session_id),
    }
    return JSONResponse(told_back)


@router.post("/v2/reauthorize_jwt")
async def reauthorize(request: Request, serving: Serving) -> Response:
    """A fresh token of a session that is there."""
    session = parse_text(await read_json(request, serving), "session_id")
    found = await run_in_threadpool(find_session, serving, session)
    token, _ = issue_session(serving, found.id, str(uuid4()))
    return JSONResponse({"status": _DONE, "jwt": token})


@router.post("/v2/create_events")
async def create_events(request: Request, serving: Serving) -> Response:
    """Keep events. Of those that cannot be understood the answer tells, and the others are kept all the same."""
    told = await read_json(request, serving)
    sender = parse_writing(request, serving).sender
    await _keep_events(serving, sender, _rows(told))
    return JSONResponse(_DONE)


@router.post("/v2/update_events")
async def update_events(request: Request, serving: Serving) -> Response:
    """Replace events by their ids; what a row does not say stays as it is."""
    told = await read_json(request, serving)
    sender = parse_writing(request, serving).sender
    rows = [parse_object(row, "an event") for row in _rows(told)]
    wanted = {parse_text(row, "id") for row in rows}
    known = await run_in_threadpool(_known, serving, sender.session_id, wanted)
    await _keep_events(serving, sender, [{**known.get(parse_text(row, "id"), {}), **row} for row in rows])
    return JSONResponse(_DONE)


@router.post("/v2/create_agent")
async def create_agent(request: Request, serving: Serving) -> Response:
    """Declare an agent."""
    told = await read_json(request, serving)
    sender = parse_writing(request, serving).sender
    declared = agent_declared(sender, _needed(told, "id"), parse_text(told, "name"), time.time_ns())
    await _keep_logs(serving, sender, [declared])
    return JSONResponse(_DONE)


@router.post("/v2/create_thread")
async def create_thread(request: Request, serving: Serving) -> Response:
    """Declare a conversation of an agent."""
    told = await read_json(request, serving)
    sender = parse_writing(request, serving).sender
    declared = thread_declared(sender, _needed(told, "id"), parse_text(told, "agent_id"), time.time_ns())
    await _keep_logs(serving, sender, [declared])
    return JSONResponse(_DONE)


@router.put("/v2/update_logs")
async def update_logs(request: Request, serving: Serving) -> Response:
    """What the program printed, as a whole: each upload replaces the one before."""
    told = await read_json(request, serving)
    sender = parse_writing(request, serving).sender
    printed = parse_text(told, "logs")
    trace_id = trace_id_of(sender.session_id)
    await keep_printed(serving, sender, trace_id, printed)
    return JSONResponse({"status": _DONE, "logs_url": f"{request.base_url}v4/logs/{trace_id.hex()}"})


@router.post("/v2/developer_errors")
async def developer_errors(request: Request, serving: Serving) -> Response:
    """A fault inside the client's own library: kept as a line of the log, of its session when that is known."""
    told = await read_json(request, serving)
    session = parse_text(told, "session_id")[:512]
    record = reported_by_developer(session, told, time.time_ns())
    await _keep_logs(serving, Sender(session, ""), [record])
    return JSONResponse(_DONE)


def _rows(told: Mapping[str, Json]) -> list[Any]:
    rows = told.get("events")
    if not isinstance(rows, list):
        raise bad_request("`events` must be a list")
    return items_of(rows)


def _needed(told: Mapping[str, Json], name: str) -> str:
    found = parse_text(told, name)
    if not found:
        raise bad_request(f"`{name}` is missing")
    return found


def _known(serving: Services, session: str, wanted: set[str]) -> dict[str, dict[str, Json]]:
    """What a session has under these ids, each as the event that it was."""
    found: dict[str, dict[str, Json]] = {}
    ids = sorted(wanted)

    def steps(kind: StepKind) -> Iterator[list[Span]]:
        # What tells of a failed step has an id of its own.
        return serving.queries.session_steps.of(serving.project, session, kind, None if kind == "failed" else ids)

    for kind in SECTIONS:
        for rows in rows_of(serving, session, kind, steps):
            found.update((row.id, {"event_type": kind, **row.told}) for row in rows if row.id in wanted)
    return found


async def _keep_events(serving: Services, sender: Sender, rows: Sequence[Json]) -> None:
    good: list[Event] = []
    bad: list[str] = []
    now_ns = time.time_ns()
    for number, row in enumerate(rows):
        try:
            good.append(parse_event(row, now_ns))
        except Malformed as fault:
            bad.append(f"event {number}: {fault}")
    traces, logs = encode_events(sender, good)
    bodies: tuple[tuple[Signal, bytes], ...] = (("traces", traces), ("logs", logs))
    # At once, so that they may share a commit.
    await asyncio.gather(*(serving.ingest.submit(signal, serving.project, body) for signal, body in bodies if body))
    if bad:
        more = f" and {len(bad) - _MOST_TOLD} more" if len(bad) > _MOST_TOLD else ""
        raise bad_request(f"{len(good)} of {len(rows)} events were kept; {'; '.join(bad[:_MOST_TOLD])}{more}")


async def _keep_logs(serving: Services, sender: Sender, records: Sequence[LogRecord]) -> None:
    await serving.ingest.submit("logs", serving.project, encode_logs(sender, records))
