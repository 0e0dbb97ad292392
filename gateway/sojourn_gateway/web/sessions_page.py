"""The list of sessions, as a page."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, get_args
from urllib.parse import parse_qsl, urlsplit

from sojourn_gateway import wording
from sojourn_gateway.model.session import EndState, SessionsAsk, SortSessions
from sojourn_gateway.query.filters import MOST_FILTER, parse_filter
from sojourn_gateway.web.links import session_href, with_query
from sojourn_gateway.web.marks import State, cost_mark, state_of

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from sojourn_gateway.model.page import Page
    from sojourn_gateway.model.session import SessionSummary
    from sojourn_gateway.web.marks import CostMark

__all__ = ["EXAMPLES", "PAGE_SIZE", "SessionsView", "Wish", "parse_wish", "sessions_between", "view_sessions"]

PAGE_SIZE: Final = 50

EXAMPLES: Final = (
    "errors > 0",
    "cost > 0.01 and latency_ms > 60000",
    'model contains "gpt" and tool_calls > 5',
    "(user_id = ada or tags = refund) and failed_traces > 0",
    "score__helpful < 0.5",
    "metadata.plan = pro",
    'last_error contains "timeout"',
)

_SORTS: Final[tuple[SortSessions, ...]] = get_args(SortSessions)
_STATES: Final[tuple[EndState, ...]] = get_args(EndState)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_TEXT_FIRST: Final = frozenset({"name", "user_id", "state"})
"""Columns that a reader expects from A to Z at the first click; numbers from the largest."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the address asks for; the address and nothing else holds the state of the page."""

    search: str = ""
    filter: str = ""
    """In the filter language of the API and the command."""
    state: EndState | None = None
    user: str = ""
    tag: str = ""
    since_ns: int | None = None
    until_ns: int | None = None
    """Begun before this."""
    implicit: bool = False
    sort: SortSessions = "start"
    descending: bool = True
    page: int = 1

    def ask(self) -> SessionsAsk:
        """The query that answers it. Raises `BadFilter`."""
        return SessionsAsk(
            limit=PAGE_SIZE,
            offset=(self.page - 1) * PAGE_SIZE,
            sort_by=self.sort,
            descending=self.descending,
            since_ns=self.since_ns,
            until_ns=None if self.until_ns is None else self.until_ns - 1,
            search=self.search or None,
            user_id=self.user or None,
            tag=self.tag or None,
            state=self.state,
            include_implicit=self.implicit,
            where=parse_filter("sessions", self.filter) if self.filter else None,
        )

    def href(self) -> str:
        """The address that says this; what is usual is left out."""
        usual = Wish()
        return with_query(
            "/sessions",
            {
                "q": self.search,
                "filter": self.filter,
                "state": self.state or "",
                "user": self.user,
                "tag": self.tag,
                "since": "" if self.since_ns is None else _present_moment(self.since_ns),
                "until": "" if self.until_ns is None else _present_moment(self.until_ns),
                "implicit": "1" if self.implicit else "",
                "sort": self.sort if (self.sort, self.descending) != (usual.sort, usual.descending) else "",
                "order": "" if self.descending else "asc",
                "page": str(self.page) if self.page > 1 else "",
            },
        )

    @property
    def narrowed(self) -> bool:
        """Whether it leaves sessions out."""
        between = self.since_ns is not None or self.until_ns is not None
        return bool(self.search or self.filter or self.state or self.user or self.tag or between)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head, and the address that sorts by it."""

    label: str
    name: str
    href: str | None = None
    sorted: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter that can be put on or taken off."""

    label: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One session."""

    id: str
    href: str
    title: str
    untitled: bool
    first_input: str
    last_output: str
    trouble: str
    """The last error; of a session that failed without one, its reason."""
    state: State
    user: str
    user_href: str
    tags: tuple[Choice, ...]
    start_ns: int
    started: str
    started_exactly: str
    duration: str
    turns: str
    model_calls: str
    tokens: str
    tokens_exactly: str
    cost: CostMark
    errors: int
    implicit: bool


@dataclass(frozen=True, slots=True)
class SessionsView:
    """The whole page."""

    wish: Wish
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    states: tuple[Choice, ...]
    chosen: tuple[Choice, ...]
    """Filters that are on beside search and state; their address takes them off."""
    fault: str
    """What is wrong with the filter, when it was not understood; then no session is shown."""
    examples: tuple[str, ...]
    """Filters that tell the language."""
    carried: tuple[tuple[str, str], ...]
    """What a new search or filter keeps of the wish: names and values of hidden fields."""
    implicit: Choice
    total: str
    span: str
    previous: str | None
    following: str | None
    newest_ns: int


def parse_wish(query: QueryParams) -> Wish:
    """What an address asks for; what it says wrongly counts as not said, as a bookmark may be old."""
    sort = query.get("sort", "")
    state = query.get("state", "")
    page = query.get("page", "")
    return Wish(
        search=query.get("q", "").strip()[:500],
        filter=query.get("filter", "").strip()[:MOST_FILTER],
        state=state if state in _STATES else None,
        user=query.get("user", "")[:512],
        tag=query.get("tag", "")[:512],
        since_ns=_parse_moment(query.get("since", "")),
        until_ns=_parse_moment(query.get("until", "")),
        implicit=query.get("implicit") == "1",
        sort=sort if sort in _SORTS else "start",
        descending=query.get("order") != "asc",
        page=int(page) if re.fullmatch(r"[1-9]\d{0,5}", page, re.ASCII) else 1,
    )


def sessions_between(since_ns: int, until_ns: int) -> str:
    """The address of the list of the sessions that began in a stretch of time, its end left out."""
    return Wish(since_ns=since_ns, until_ns=until_ns).href()


def view_sessions(wish: Wish, page: Page[SessionSummary], now_ns: int, *, fault: str = "") -> SessionsView:
    """The page that answers a wish; `fault` says why it could not be answered."""
    first, last = page.offset + 1, page.offset + len(page.items)
    return SessionsView(
        wish=wish,
        columns=tuple(_column(wish, label, name, sort) for label, name, sort in _COLUMNS),
        rows=tuple(_row(wish, session, now_ns) for session in page.items),
        states=tuple(_state_choices(wish)),
        chosen=tuple(_chosen(wish)),
        fault=fault,
        examples=EXAMPLES,
        carried=tuple(_carried(wish)),
        implicit=Choice("Traces without a session", _at(replace(wish, implicit=not wish.implicit)), wish.implicit),
        total=wording.plural(page.total, "session"),
        span=f"{first:,}–{last:,} of {page.total:,}" if page.items else "",
        previous=replace(wish, page=wish.page - 1).href() if wish.page > 1 else None,
        following=replace(wish, page=wish.page + 1).href() if last < page.total else None,
        newest_ns=max((session.start_ns for session in page.items), default=0),
    )


_COLUMNS: Final[tuple[tuple[str, str, str | None], ...]] = (
    ("Session", "session", "name"),
    ("State", "state", "state"),
    ("User", "user", "user_id"),
    ("Started", "started", "start"),
    ("Duration", "duration", "latency_ms"),
    ("Turns", "turns", "trace_count"),
    ("Calls", "calls", "model_calls"),
    ("Tokens", "tokens", "total_tokens"),
    ("Cost", "cost", "total_cost"),
    ("Errors", "errors", "errors"),
)


def _column(wish: Wish, label: str, name: str, sort: str | None) -> Column:
    if sort not in _SORTS:
        return Column(label, name)
    if wish.sort == sort:
        turned = replace(wish, descending=not wish.descending, page=1)
        return Column(label, name, turned.href(), "descending" if wish.descending else "ascending")
    return Column(label, name, replace(wish, sort=sort, descending=sort not in _TEXT_FIRST, page=1).href())


def _row(wish: Wish, session: SessionSummary, now_ns: int) -> Row:
    first_input = wording.excerpt(_worded(session.first_input), 160)
    failed = session.last_error or (session.reason if session.state == "Fail" else "")
    return Row(
        id=session.id,
        href=session_href(session.id),
        title=session.name or first_input or session.id,
        untitled=not session.name,
        first_input=first_input if session.name else "",
        last_output=wording.excerpt(_worded(session.last_output), 160),
        trouble=wording.excerpt(failed, 160),
        state=state_of(session),
        user=session.user_id,
        user_href=_at(replace(wish, user=session.user_id)),
        tags=tuple(Choice(tag, _at(replace(wish, tag=tag)), tag == wish.tag) for tag in session.tags[:4]),
        start_ns=session.start_ns,
        started=wording.ago(session.start_ns, now_ns),
        started_exactly=wording.clock(session.start_ns),
        duration=wording.duration(session.duration_ms / 1000),
        turns=wording.count(session.trace_count),
        model_calls=wording.count(session.model_calls),
        tokens=wording.short_count(session.tokens.total) if session.tokens.total else "",
        tokens_exactly=f"{session.tokens.input:,} in, {session.tokens.output:,} out",
        cost=cost_mark(session.cost, session.model_calls),
        errors=session.errors,
        implicit=session.implicit,
    )


def _worded(text: str | None) -> str:
    """What says something: a tool that was given nothing has an input all the same."""
    return "" if text in (None, "{}", "[]", "null", '""') else text


def _state_choices(wish: Wish) -> list[Choice]:
    labels: list[tuple[str, EndState | None]] = [
        ("All", None),
        ("Open", "open"),
        ("Success", "Success"),
        ("Fail", "Fail"),
        ("Indeterminate", "Indeterminate"),
    ]
    return [Choice(label, _at(replace(wish, state=state)), wish.state == state) for label, state in labels]


def _chosen(wish: Wish) -> list[Choice]:
    found: list[Choice] = []
    if wish.user:
        found.append(Choice(f"user: {wish.user}", _at(replace(wish, user="")), True))
    if wish.tag:
        found.append(Choice(f"tag: {wish.tag}", _at(replace(wish, tag="")), True))
    if wish.since_ns is not None or wish.until_ns is not None:
        since = "" if wish.since_ns is None else f" from {wording.clock(wish.since_ns)}"
        until = "" if wish.until_ns is None else f" until {wording.clock(wish.until_ns)}"
        found.append(Choice(f"begun{since}{until}", _at(replace(wish, since_ns=None, until_ns=None)), True))
    return found


def _carried(wish: Wish) -> list[tuple[str, str]]:
    """Search and filter have fields of their own; a new one begins at the first page."""
    rest = replace(wish, search="", filter="", page=1).href()
    return parse_qsl(urlsplit(rest).query)


def _parse_moment(told: str) -> int | None:
    if not _MOMENT.fullmatch(told):
        return None
    try:
        return max(int(datetime.fromisoformat(told).timestamp()), 0) * 1_000_000_000
    except (ValueError, OverflowError):
        return None


def _present_moment(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _at(wish: Wish) -> str:
    """The address of a changed filter: it begins at the first page again."""
    return replace(wish, page=1).href()
