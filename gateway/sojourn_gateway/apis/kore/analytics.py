"""The handlers of the public analytics: each is asked by GET, or by POST with the same parameters in a flat body."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import chain, islice, tee
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentops.json_text import Answer
from sojourn_gateway.apis.kore.analytics_asks import (
    parse_analytics_ledger,
    parse_analytics_sessions,
    parse_flat,
    parse_history,
    parse_stream,
    present_cursor,
    present_offset,
)
from sojourn_gateway.apis.kore.analytics_present import (
    CATEGORIES,
    MOST_BYTES,
    fitting,
    named,
    present_analytics_session,
    present_streamed,
)
from sojourn_gateway.apis.kore.bodies import read_object
from sojourn_gateway.apis.kore.conversation import conversation_of, present_conversation
from sojourn_gateway.apis.kore.faults import missing
from sojourn_gateway.apis.kore.generations import ledger, present_generation
from sojourn_gateway.apis.kore.plan import decision_kind
from sojourn_gateway.apis.kore.present import CHANNEL
from sojourn_gateway.apis.kore.projects import demand_project
from sojourn_gateway.apis.kore.question import question
from sojourn_gateway.apis.kore.reading import events_planned, read_all, read_together, summaries_of
from sojourn_gateway.asgi.access import Unauthorized
from sojourn_gateway.asgi.services import Serving, path_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from starlette.datastructures import QueryParams

    from sojourn_gateway.apis.kore.analytics_asks import Cursor, Stream
    from sojourn_gateway.apis.kore.conversation import Message
    from sojourn_gateway.apis.kore.event import Event
    from sojourn_gateway.apis.kore.reading import Read
    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.happening import Talk
    from sojourn_gateway.model.page import Page
    from sojourn_gateway.model.session import SessionSummary

__all__ = ["router"]

_TURNS_AT_ONCE: Final = 50
_MOST_TURNS: Final = 1_000
"""Of one page: filters may pass over all of them, and a request must come to an end."""
_BEHIND_ALL: Final = 2**31
"""A rank that no event of a turn has."""
_SESSIONS_AT_ONCE: Final = 50
_STEPS_AT_ONCE: Final = 10_000
_EVENTS_AT_LEAST: Final = 100
"""Of the stream, that are read at once: filters may pass over most of a few."""
_EVENTS_AT_MOST: Final = 500

router = APIRouter()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An event to be read, and when its turn began."""

    begun: int
    read: Read
    rank: int


@router.get("/api/public/analytics/projects/{rest:rest}")
def get(request: Request, serving: Serving) -> Response:
    """What is asked with a query."""
    return _answer(request, serving, request.query_params)


@router.post("/api/public/analytics/projects/{rest:rest}")
async def post(request: Request, serving: Serving) -> Response:
    """What is asked with a body."""
    asked = parse_flat(await read_object(request, serving))
    return await run_in_threadpool(_answer, request, serving, asked)


def _answer(request: Request, serving: Services, query: QueryParams) -> Response:
    if "authorization" in request.headers:
        raise Unauthorized("malformed", "the key of the public analytics belongs into the header x-api-key alone")
    project_id, *parts = path_parts(request)[4:]
    demand_project(serving, project_id)
    found = _PARTS.get("/".join(parts))
    if found is None:
        raise missing("Route")
    return Answer(found(serving, query))


def _sessions(serving: Services, query: QueryParams) -> dict[str, Any]:
    ask = question(serving, parse_analytics_sessions(query))
    page = serving.queries.sessions(serving.project, ask)
    now_ns = serving.queries.outlines.now_ns
    batches = (page.items[at : at + _SESSIONS_AT_ONCE] for at in range(0, len(page.items), _SESSIONS_AT_ONCE))
    # No more of them than fit.
    items = fitting(
        present_analytics_session(one, tallies[one.id], now_ns)
        for batch in batches
        for tallies in (serving.queries.happenings.tallies(serving.project, batch),)
        for one in batch
    )
    return {
        "success": True,
        "sessions": items,
        "total": page.total,
        "offset": ask.offset,
        "limit": ask.limit,
        "hasMore": ask.offset + len(items) < page.total,
    }


def _ledger(serving: Services, query: QueryParams) -> dict[str, Any]:
    asked = parse_analytics_ledger(query)
    calls, total = ledger(serving, asked)
    items = fitting(present_generation(event, is_full=asked.is_full) for event in calls)
    return {
        "success": True,
        "statusCode": 200,
        "generations": items,
        "total": total,
        "limit": asked.ask.limit,
        "offset": asked.ask.offset,
        "dataMode": "full" if asked.is_full else "summary",
        "hasMore": asked.ask.offset + len(items) < total,
    }


def _history(serving: Services, query: QueryParams) -> dict[str, Any]:
    asked = parse_history(query)
    page = serving.queries.happenings.messages(
        serving.project, asked.since_ns, asked.until_ns, asked.session_ids, limit=asked.limit, offset=asked.offset
    )
    total = page.total
    # No more of them than fit; only the sessions that lie within the page are read.
    left, placed = tee(_talk(serving, page))
    items = fitting(message for _, message in left)
    # What is erased or moved meanwhile was counted and is not told: a page goes on behind what it counts.
    rest = next(islice(placed, len(items), None), None)
    following = min(asked.offset + asked.limit, total) if rest is None else rest[0]
    has_more = following < total
    return {
        "success": True,
        "messages": items,
        "totalRecords": total,
        "hasMore": has_more,
        "offset": asked.offset,
        "limit": asked.limit,
        "nextCursor": present_offset(following) if has_more else None,
    }


def _talk(serving: Services, page: Page[Talk]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The messages of a page, each with its rank among all."""
    upto = page.offset + page.limit
    for begin in range(0, len(page.items), _SESSIONS_AT_ONCE):
        talks = {talk.session_id: talk for talk in page.items[begin : begin + _SESSIONS_AT_ONCE]}
        for reads in read_together(serving, summaries_of(serving, list(talks))):
            chosen: list[Message] = []
            places: list[tuple[int, str]] = []
            for read in reads:
                talk = talks[read.summary.id]
                first, last = max(page.offset - talk.before, 0), min(upto - talk.before, talk.count)
                chosen += (own := conversation_of(read)[first:last])
                places += [(talk.before + first + rank, read.summary.id) for rank in range(len(own))]
            for one, (rank, session_id) in zip(present_conversation(serving, chosen), places, strict=True):
                yield rank, {**one, "sessionId": session_id}


def _traces(serving: Services, query: QueryParams) -> dict[str, Any]:
    asked = parse_stream(query)
    traces: list[dict[str, Any]] = []
    cursor: str | None = None
    has_more, told, taken = False, 0, 0
    for place, found in _streamed(serving, asked):
        at = present_cursor(asked.bound, place)
        if found is None:
            cursor, has_more = at, True
            break
        read, event = found
        shown = present_streamed(event, at, is_full=asked.is_full)
        taken += len(json.dumps(shown))
        has_more = told == asked.limit or (told > 0 and taken > MOST_BYTES)
        if has_more:
            break
        if not traces or (traces[-1]["traceId"], traces[-1]["sessionId"]) != (event.trace_id, read.summary.id):
            traces.append(_trace(read, event))
        traces[-1]["events"].append(shown)
        cursor = at
        told += 1
    return {
        "success": True,
        "traces": traces,
        "pageInfo": {"hasMore": has_more, "nextCursor": cursor if has_more else None},
        "meta": {
            "limit": asked.limit,
            "returned": told,
            "dataMode": "full" if asked.is_full else "summary",
            "unsupportedEventNamesRequested": list(asked.unsupported),
        },
    }


def _trace(read: Read, event: Event) -> dict[str, Any]:
    metadata = read.outline.metadata
    return {
        "traceId": event.trace_id,
        "sessionId": read.summary.id,
        "environment": metadata.get("environment") or read.outline.environment or None,
        "channel": metadata.get("channel") or CHANNEL,
        "agentName": event.agent_name,
        "deploymentId": metadata.get("deploymentId"),
        "events": list[dict[str, Any]](),
    }


def _streamed(serving: Services, asked: Stream) -> Iterator[tuple[Cursor, tuple[Read, Event] | None]]:
    """The events behind the cursor, each with its place; trace by trace.

    Ends with the place of no event when it looked at so many turns that the next page had better go on.
    """
    after: tuple[int, str, str] | None = None
    looked = 0
    if asked.cursor is not None:
        begun, trace_id, session_id, rank = asked.cursor
        after = (begun, trace_id, session_id)
        for read in read_all(serving, summaries_of(serving, [session_id])):
            ranks = _ranks_of_turns(read)[trace_id]
            yield from _placed(serving, asked, _of_turn(asked, read, begun, ranks, behind=rank))
    while True:
        turns = serving.queries.outlines.turns_after(
            serving.project,
            asked.since_ns,
            asked.until_ns,
            after,
            descending=asked.descending,
            limit=_TURNS_AT_ONCE,
            sessions=asked.session_ids,
            trace_id=asked.trace_id,
        )
        ids = list(dict.fromkeys(session_id for *_, session_id in turns))
        there = {one.id: one for one in summaries_of(serving, ids)}
        for run in _runs([turn for turn in turns if turn[2] in there], there):
            own = {session_id: there[session_id] for *_, session_id in run}
            reads = {read.summary.id: read for read in read_all(serving, own.values())}
            ranks_of = {session_id: _ranks_of_turns(read) for session_id, read in reads.items()}
            meant = (turn for turn in run if _is_meant(asked, reads[turn[2]]))
            chosen = (
                _of_turn(asked, reads[session_id], begun, ranks_of[session_id][trace_id])
                for begun, trace_id, session_id in meant
            )
            yield from _placed(serving, asked, chain.from_iterable(chosen))
        if len(turns) < _TURNS_AT_ONCE:
            return
        after = turns[-1]
        looked += len(turns)
        if looked >= _MOST_TURNS:
            yield (*after, -1 if asked.descending else _BEHIND_ALL), None
            return


def _runs(
    turns: Iterable[tuple[int, str, str]], sessions: Mapping[str, SessionSummary]
) -> Iterator[list[tuple[int, str, str]]]:
    """The turns, in runs of which the sessions have some thousand steps together, or are one."""
    run: list[tuple[int, str, str]] = []
    held: dict[str, int] = {}
    for turn in turns:
        steps = sessions[turn[2]].span_count
        if held and turn[2] not in held and sum(held.values()) + steps > _STEPS_AT_ONCE:
            yield run
            run, held = [], {}
        held[turn[2]] = steps
        run.append(turn)
    if run:
        yield run


def _is_meant(asked: Stream, read: Read) -> bool:
    metadata = read.outline.metadata
    channel = metadata.get("channel") or CHANNEL
    environment = metadata.get("environment") or read.outline.environment
    return asked.channel in (None, channel) and asked.environment in (None, environment)


def _ranks_of_turns(read: Read) -> defaultdict[str, list[int]]:
    """By trace, the places of its events among all of the session; of an unknown one, none."""
    ranks = defaultdict[str, list[int]](list)
    for rank, one in enumerate(read.planned):
        ranks[one.trace_id].append(rank)
    return ranks


def _of_turn(
    asked: Stream, read: Read, begun: int, all_ranks: Sequence[int], behind: int | None = None
) -> Iterator[_Wanted]:
    """The events of a turn that may be meant; what a tool was asked stands before what it answered."""
    turn = [(rank, read.planned[rank]) for rank in all_ranks]
    ranks = [
        rank
        for rank, one in turn
        if one.type in CATEGORIES
        and asked.since_ns <= one.timestamp_ns < asked.until_ns
        and (not asked.event_types or CATEGORIES[one.type] in asked.event_types)
        and (asked.agent is None or one.agent == asked.agent)
        and (asked.decision_kind is None or decision_kind(one) == asked.decision_kind)
        and (behind is None or (rank < behind if asked.descending else rank > behind))
    ]
    calls = {one.span_id: rank for rank, one in turn if one.type == "tool_call"}
    for rank in reversed(ranks) if asked.descending else ranks:
        planned = read.planned[rank]
        if planned.type == "tool_result" and (call := calls.get(planned.span_id)) is not None:
            yield _Wanted(begun, read, call)
        yield _Wanted(begun, read, rank)


def _placed(serving: Services, asked: Stream, wanted: Iterable[_Wanted]) -> Iterator[tuple[Cursor, tuple[Read, Event]]]:
    """Those that are meant, with their places; what a tool answered together with what it was asked."""
    at_once = min(max(asked.limit + asked.limit // 2, _EVENTS_AT_LEAST), _EVENTS_AT_MOST)
    left, told = tee(wanted)
    plans = ((one.read.planned[one.rank], one.rank, one.read.summary.id) for one in left)
    given: Event | None = None
    for event, one in zip(events_planned(serving, plans, at_once=at_once), told, strict=True):
        if event.type == "tool_call":
            given = event
            continue
        whole = event
        if event.type == "tool_result" and given is not None and _is_of(event, given):
            whole = replace(event, data={**given.data, **event.data})
        if (
            (asked.event_id is None or whole.id == asked.event_id)
            and (not asked.event_names or named(whole) in asked.event_names)
            and asked.has_error in (None, whole.has_error)
        ):
            yield (one.begun, event.trace_id, one.read.summary.id, event.seq), (one.read, whole)


def _is_of(result: Event, call: Event) -> bool:
    return (result.trace_id, result.span_id, result.session_id) == (call.trace_id, call.span_id, call.session_id)


_PARTS: Final[dict[str, Callable[[Services, QueryParams], dict[str, Any]]]] = {
    "sessions": _sessions,
    "traces": _traces,
    "llm-ledger": _ledger,
    "conversation-history": _history,
}
