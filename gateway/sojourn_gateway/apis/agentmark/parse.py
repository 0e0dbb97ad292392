"""Query parameters of `/v1`, checked as strictly as the contract asks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeVar, get_args

from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.model.session import EndState, SessionsAsk, SortSessions
from sojourn_gateway.model.trace import SortTraces, TracesAsk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import QueryParams

__all__ = ["parse_fields", "parse_paging", "parse_sessions", "parse_traces"]

T = TypeVar("T")

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT: Final = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9})\d*)?Z", re.ASCII)
_NOT_YET: Final = ("filter", "dataset_run_id", "commit_sha")
_SORT_SESSIONS: Final[tuple[SortSessions, ...]] = get_args(SortSessions)
_SORT_TRACES: Final[tuple[SortTraces, ...]] = get_args(SortTraces)
_STATES: Final[tuple[EndState, ...]] = get_args(EndState)
_ORDERS: Final = ("asc", "desc")
_STATUSES: Final[tuple[Literal["OK", "ERROR"], ...]] = ("OK", "ERROR")
_SECOND_NS: Final = 1_000_000_000
# What the store's 64-bit counts of nanoseconds can hold.
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2262, 1, 1, tzinfo=UTC)


def parse_sessions(query: QueryParams) -> SessionsAsk:
    """Parameters of `GET /v1/sessions`. Raises a 400 that names every field in fault."""
    reading = _Reading(query)
    ask = SessionsAsk(
        limit=reading.number("limit", 50, 1, 1000),
        offset=reading.number("offset", 0, 0),
        sort_by=reading.choice("sort_by", _SORT_SESSIONS, "start"),
        descending=reading.choice("sort_order", _ORDERS, "desc") == "desc",
        since_ns=reading.moment("start_date"),
        until_ns=reading.moment("end_date", last=True),
        search=reading.text("search"),
        name=reading.text("name"),
        user_id=reading.text("user_id") or reading.text("userId"),
        tag=reading.text("tag"),
        state=reading.choice("state", (None, *_STATES), None),
        include_implicit=reading.choice("include_implicit", ("true", "false"), "false") == "true",
    )
    reading.finish()
    return ask


def parse_traces(query: QueryParams) -> TracesAsk:
    """Parameters of `GET /v1/traces`. Raises a 400 that names every field in fault, 501 for what is not offered."""
    for name in _NOT_YET:
        if query.get(name):
            raise HttpFault(
                501,
                "not_available_locally",
                f"this gateway cannot select traces by {name!r}",
                hint="leave it out; a narrower answer is never given as if it were the whole",
            )
    reading = _Reading(query)
    ask = TracesAsk(
        limit=reading.number("limit", 50, 1, 1000),
        offset=reading.number("offset", 0, 0),
        sort_by=reading.choice("sort_by", _SORT_TRACES, "start_time"),
        descending=reading.choice("sort_order", _ORDERS, "desc") == "desc",
        since_ns=reading.day("start_date"),
        until_ns=reading.day("end_date", last=True),
        session_id=reading.text("session_id"),
        status=reading.choice("status", (None, *_STATUSES), None),
        name=reading.text("name"),
        user_id=reading.text("user_id"),
        model=reading.text("model"),
        tags=tuple(tag for tag in query.getlist("tag") if tag),
    )
    reading.finish()
    return ask


def parse_paging(query: QueryParams) -> tuple[int, int]:
    """`limit` and `offset` alone."""
    reading = _Reading(query)
    paging = reading.number("limit", 50, 1, 1000), reading.number("offset", 0, 0)
    reading.finish()
    return paging


def parse_fields(query: QueryParams, known: Sequence[str], default: Sequence[str]) -> frozenset[str]:
    """The comma list `fields`; absent: `default`."""
    if "fields" not in query:
        return frozenset(default)
    asked = [name.strip() for name in query["fields"].split(",") if name.strip()]
    if unknown := [name for name in asked if name not in known]:
        raise _refusal({"fields": f"unknown: {', '.join(unknown)[:100]}; known: {', '.join(known)}"})
    return frozenset(asked)


@dataclass
class _Reading:
    """Reads one query, and gathers what is wrong with it instead of stopping at the first fault."""

    query: QueryParams
    faults: dict[str, str] = field(default_factory=dict[str, str])

    def finish(self) -> None:
        if self.faults:
            raise _refusal(self.faults)

    def text(self, name: str) -> str | None:
        return self.query.get(name) or None

    def number(self, name: str, default: int, least: int, most: int = 2**31 - 1) -> int:
        text = self.query.get(name)
        if text is None:
            return default
        try:
            number = int(text) if re.fullmatch(r"[+-]?\d{1,18}", text.strip(), re.ASCII) else None
        except ValueError:
            number = None
        if number is None:
            self.faults[name] = "must be a whole number"
        elif not least <= number <= most:
            self.faults[name] = f"must be from {least} to {most}"
        else:
            return number
        return default

    def choice(self, name: str, known: tuple[T, ...], default: T) -> T:
        text = self.query.get(name)
        if text is None:
            return default
        for value in known:
            if value == text:
                return value
        self.faults[name] = f"must be one of {', '.join(str(value) for value in known if value is not None)}"
        return default

    def day(self, name: str, *, last: bool = False) -> int | None:
        """The first, or last, nanosecond of a day in UTC."""
        text = self.query.get(name)
        if text is None:
            return None
        moment = _parsed(text, "%Y-%m-%d") if _DATE.fullmatch(text) else None
        if moment is None:
            self.faults[name] = "must be a date, YYYY-MM-DD"
            return None
        return _nanoseconds(moment + timedelta(days=1)) - 1 if last else _nanoseconds(moment)

    def moment(self, name: str, *, last: bool = False) -> int | None:
        """A moment; as an upper bound, the last nanosecond of the precision that answers show (a millisecond)."""
        text = self.query.get(name)
        if text is None:
            return None
        found = _MOMENT.fullmatch(text)
        parsed: datetime | None = None
        if found is not None:
            parsed = _parsed(found[1], "%Y-%m-%dT%H:%M:%S" if found[1].count(":") == 2 else "%Y-%m-%dT%H:%M")
        if found is None or parsed is None:
            self.faults[name] = "must be a date and time in UTC such as 2026-01-31T08:00:00Z"
            return None
        fraction = found[2] or ""
        nanoseconds = _nanoseconds(parsed) + int(fraction.ljust(9, "0") or 0)
        return nanoseconds + (999_999 if last and len(fraction) <= 3 else 0)


def _refusal(faults: dict[str, str]) -> HttpFault:
    return HttpFault(400, "invalid_query_params", "Invalid query parameters", details=faults)


def _parsed(text: str, pattern: str) -> datetime | None:
    try:
        moment = datetime.strptime(text, pattern).replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment if _EARLIEST <= moment <= _LATEST else None


def _nanoseconds(moment: datetime) -> int:
    return int((moment - _EARLIEST) / timedelta(seconds=1)) * _SECOND_NS
