"""The list of sessions, as a page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, get_args

from sojourn_gateway import wording
from sojourn_gateway.model.session import EndState, SessionsAsk, SortSessions
from sojourn_gateway.web.links import session_href, with_query
from sojourn_gateway.web.marks import State, cost_mark, state_of

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from sojourn_gateway.model.page import Page
    from sojourn_gateway.model.session import SessionSummary
    from sojourn_gateway.web.marks import CostMark

__all__ = ["SessionsView", "Wish", "parse_wish", "view_sessions"]

PAGE_SIZE: Final = 50

_SORTS: Final[tuple[SortSessions, ...]] = get_args(SortSessions)
_STATES: Final[tuple[EndState, ...]] = get_args(EndState)
_TEXT_FIRST: Final = frozenset({"name", "user_id", "state"})
"""Columns that a reader expects from A to Z at the first click; numbers from the largest."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the address asks for; the address and nothing else holds the state of the page."""

    search: str = ""
    state: EndState | None = None
    user: str = ""
    tag: str = ""
    implicit: bool = False
    sort: SortSessions = "start"
    descending: bool = True
    page: int = 1

    def ask(self) -> SessionsAsk:
        """The query that answers it."""
        return SessionsAsk(
            limit=PAGE_SIZE,
            offset=(self.page - 1) * PAGE_SIZE,
            sort_by=self.sort,
            descending=self.descending,
            search=self.search or None,
            user_id=self.user or None,
            tag=self.tag or None,
            state=self.state,
            include_implicit=self.implicit,
        )

    def href(self) -> str:
        """The address that says this; what is usual is left out."""
        usual = Wish()
        return with_query(
            "/sessions",
            {
                "q": self.search,
                "state": self.state or "",
                "user": self.user,
                "tag": self.tag,
                "implicit": "1" if self.implicit else "",
                "sort": self.sort if (self.sort, self.descending) != (usual.sort, usual.descending) else "",
                "order": "" if self.descending else "asc",
                "page": str(self.page) if self.page > 1 else "",
            },
        )

    @property
    def narrowed(self) -> bool:
        """Whether it leaves sessions out."""
        return bool(self.search or self.state or self.user or self.tag)


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
    """User and tag filters that are on; their address takes them off."""
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
        state=state if state in _STATES else None,
        user=query.get("user", "")[:512],
        tag=query.get("tag", "")[:512],
        implicit=query.get("implicit") == "1",
        sort=sort if sort in _SORTS else "start",
        descending=query.get("order") != "asc",
        page=int(page) if page.isascii() and page.isdigit() and 0 < int(page) < 1_000_000 else 1,
    )


def view_sessions(wish: Wish, page: Page[SessionSummary], now_ns: int) -> SessionsView:
    """The page that answers a wish."""
    first, last = page.offset + 1, page.offset + len(page.items)
    return SessionsView(
        wish=wish,
        columns=tuple(_column(wish, label, name, sort) for label, name, sort in _COLUMNS),
        rows=tuple(_row(wish, session, now_ns) for session in page.items),
        states=tuple(_state_choices(wish)),
        chosen=tuple(_chosen(wish)),
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
    first_input = wording.excerpt(session.first_input or "", 160)
    return Row(
        id=session.id,
        href=session_href(session.id),
        title=session.name or first_input or session.id,
        untitled=not session.name,
        first_input=first_input if session.name else "",
        last_output=wording.excerpt(session.last_output or "", 160),
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
    return found


def _at(wish: Wish) -> str:
    """The address of a changed filter: it begins at the first page again."""
    return replace(wish, page=1).href()
