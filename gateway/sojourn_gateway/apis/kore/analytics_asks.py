"""Parameters of the public analytics, as a query or as the fields of a flat JSON body."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import QueryParams

from sojourn_gateway.apis.agentops.json_text import parse_json
from sojourn_gateway.apis.kore.faults import bad_parameter
from sojourn_gateway.apis.kore.generations import MODES, Ledger, narrowed_ledger
from sojourn_gateway.apis.kore.parameters import Parameters
from sojourn_gateway.apis.kore.parse import Listing, channelled
from sojourn_gateway.ingest.agentops_rows import as_text, items_of
from sojourn_gateway.model.calls_ask import CallsAsk
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.where import AllOf, Among, Compare, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.apis.kore.states import Status
    from sojourn_gateway.model.where import Where

__all__ = [
    "Cursor",
    "History",
    "Stream",
    "parse_analytics_ledger",
    "parse_analytics_sessions",
    "parse_flat",
    "parse_history",
    "parse_stream",
    "present_cursor",
    "present_offset",
]

_USUAL: Final = 100
_MOST: Final = 10_000
_STATUSES: Final[tuple[Status, ...]] = ("active", "idle", "ended", "completed", "escalated", "abandoned", "archived")
_CONTAINED: Final[dict[str, tuple[Status, ...]]] = {
    "contained": ("completed", "ended"),
    "contained_resolved": ("completed",),
    "contained_partial": (),
    "contained_unresolved": ("ended",),
    "escalated": ("escalated",),
    "abandoned": ("abandoned", "failed"),
}
EVENT_TYPES: Final = ("llm", "tool", "decision", "error")
EVENT_NAMES: Final = (
    "llm.call.completed",
    "llm.call.failed",
    "tool.call.completed",
    "tool.call.failed",
    "tool.call.skipped",
    "agent.decision",
)
_ORDERS: Final = ("asc", "desc")
_SESSION: Final = Field("session_id", "string")
_TRACE: Final = re.compile("[0-9a-f]{32}")

Cursor = tuple[int, str, str, int]
"""Start, trace, session and rank of the last event of a page."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Which events, trace by trace."""

    since_ns: int
    until_ns: int
    limit: int
    cursor: Cursor | None
    bound: str
    """What a cursor is bound to: all that says which events are meant."""
    event_types: tuple[str, ...]
    event_names: tuple[str, ...]
    unsupported: tuple[str, ...]
    session_ids: tuple[str, ...]
    event_id: str | None
    trace_id: str | None
    agent: str | None
    decision_kind: str | None
    channel: str | None
    environment: str | None
    has_error: bool | None
    is_full: bool
    descending: bool


@dataclass(frozen=True, slots=True)
class History:
    """Whose messages."""

    since_ns: int
    until_ns: int
    session_ids: tuple[str, ...]
    limit: int
    offset: int


def parse_flat(told: Mapping[str, Any]) -> QueryParams:
    """The fields of a body as parameters: a list is one that was given again and again."""
    pairs: list[tuple[str, str]] = []
    for name, value in told.items():
        if isinstance(value, dict):
            inner: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]  # JSON of a reader
            pairs += [(f"{name}[{key}]", _text(f"{name}[{key}]", one)) for key, one in inner.items()]
        elif isinstance(value, list):
            pairs += [(name, _text(name, one)) for one in items_of(value)]
        elif value is not None:
            pairs.append((name, _text(name, value)))
    return QueryParams(pairs)


def parse_analytics_sessions(query: QueryParams) -> Listing:
    """Parameters of the sessions."""
    given = Parameters(query)
    session_ids = given.texts("sessionIds", _MOST)
    since_ns, until_ns = _dates(given)
    ways: list[Where] = []
    if session_ids:
        ways.append(Among(_SESSION, session_ids))
    channel, channel_uid = given.text("channel"), given.text("channelUId")
    if channel is not None:
        ways.append(channelled(channel))
    dimensions = given.dimensions("traceDimensions")
    if channel_uid is not None:
        dimensions["channelUId"] = channel_uid
    ways += [Compare(Field("metadata", "metadata", key), "equals", value) for key, value in dimensions.items()]
    status: Status | None = given.choice("status", _STATUSES)
    containment = given.choice("containmentType", tuple(_CONTAINED))
    statuses: list[Status] = []
    if status is not None:
        statuses.append(status)
    if status == "abandoned":
        # This family has no word for a session that failed.
        statuses.append("failed")
    if containment is not None:
        contained = _CONTAINED[containment]
        statuses = [one for one in contained if not statuses or one in statuses] or ["archived"]
    ask = SessionsAsk(
        limit=_limit(given),
        offset=given.offset(),
        since_ns=since_ns,
        until_ns=None if until_ns is None else until_ns - 1,
        include_implicit=True,
        where=AllOf(tuple(ways)) if ways else None,
    )
    listing = Listing(ask, tuple(statuses), given.text("environment"))
    if not session_ids:
        _demand(since_ns, until_ns)
    return listing


def parse_analytics_ledger(query: QueryParams) -> Ledger:
    """Parameters of the ledger."""
    given = Parameters(query)
    since_ns, until_ns = _dates(given)
    ask = CallsAsk(limit=_limit(given), offset=given.offset(), since_ns=since_ns, until_ns=until_ns)
    ledger = narrowed_ledger(given, ask)
    _demand(since_ns, until_ns)
    return ledger


def parse_history(query: QueryParams) -> History:
    """Parameters of the messages."""
    given = Parameters(query)
    session_ids = given.texts("sessionIds", _MOST)
    since_ns, until_ns = _dates(given)
    cursor = given.text("cursor")
    offset = given.offset()
    if cursor is not None:
        found = _opened(cursor)
        if not isinstance(found, int) or found < 0:
            raise bad_parameter("cursor", "must be one that an answer gave")
        offset = found
    limit = _limit(given)
    if not session_ids:
        _demand(since_ns, until_ns)
    return History(since_ns or 0, _END if until_ns is None else until_ns, session_ids, limit, offset)


def parse_stream(query: QueryParams) -> Stream:
    """Parameters of the events."""
    given = Parameters(query)
    since_ns, until_ns = _dates(given)
    types = given.texts("eventTypes", len(EVENT_TYPES))
    if unknown := [one for one in types if one not in EVENT_TYPES]:
        raise bad_parameter("eventTypes", f"must be of {', '.join(EVENT_TYPES)}, not {unknown[0][:80]}")
    names = given.texts("eventNames", 100)
    trace_id = given.text("traceId")
    told = sorted((name, value) for name, value in query.multi_items() if name not in ("cursor", "limit"))
    bound = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
    stream = Stream(
        since_ns=since_ns or 0,
        until_ns=_END if until_ns is None else until_ns,
        limit=_limit(given),
        cursor=_parse_cursor(given, bound),
        bound=bound,
        event_types=types,
        event_names=tuple(one for one in names if one in EVENT_NAMES),
        unsupported=tuple(one for one in names if one not in EVENT_NAMES),
        session_ids=given.texts("sessionIds", _MOST),
        event_id=given.text("eventId"),
        trace_id=None if trace_id is None else trace_id.lower(),
        agent=given.text("agentName"),
        decision_kind=given.text("decisionKind"),
        channel=given.text("channel"),
        environment=given.text("environment"),
        has_error=given.flag("hasError"),
        is_full=given.choice("dataMode", MODES) == "full",
        descending=given.choice("sortOrder", _ORDERS) == "desc",
    )
    _demand(since_ns, until_ns)
    return stream


def present_cursor(bound: str, cursor: Cursor) -> str:
    """A cursor that is good for the same question alone."""
    return base64.urlsafe_b64encode(json.dumps([bound, *cursor]).encode()).decode().rstrip("=")


def present_offset(offset: int) -> str:
    """A cursor of a list that is paged by offset."""
    return base64.urlsafe_b64encode(json.dumps(offset).encode()).decode().rstrip("=")


_END: Final = 9_214_646_400_000_000_000
"""2262: behind all that a store of nanoseconds holds."""


def _parse_cursor(given: Parameters, bound: str) -> Cursor | None:
    told = given.text("cursor")
    if told is None:
        return None
    match _opened(told):
        case [str(of), int(begun), str(trace), str(session), int(rank)] if (
            _TRACE.fullmatch(trace) and 0 <= begun < 2**63
        ):
            if of != bound:
                raise bad_parameter("cursor", "is bound to the parameters that it was given for")
            return int(begun), trace, session, rank
        case _:
            raise bad_parameter("cursor", "must be one that an answer gave")


def _opened(cursor: str) -> object:
    try:
        told = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        return parse_json(as_text(parse_json(told)))
    except ValueError:
        return None


def _dates(given: Parameters) -> tuple[int | None, int | None]:
    since_ns, until_ns = given.moment("fromDate"), given.moment("toDate")
    if since_ns is not None and until_ns is not None and since_ns >= until_ns:
        raise bad_parameter("toDate", "must be later than fromDate")
    return since_ns, until_ns


def _demand(since_ns: int | None, until_ns: int | None) -> None:
    """Raise a 400 unless both dates are given. Last of all, so that what else is read can be described."""
    for name, found in (("fromDate", since_ns), ("toDate", until_ns)):
        if found is None:
            raise bad_parameter(name, "is required: a time in ISO 8601 such as 2026-01-31T08:00:00Z")


def _limit(given: Parameters) -> int:
    limit = given.number("limit", _USUAL, 1)
    if limit > _MOST:
        raise bad_parameter("limit", f"must be a whole number from 1 to {_MOST}")
    return limit


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise bad_parameter(name, "must be a text, a number, true or false, or a list of these")
