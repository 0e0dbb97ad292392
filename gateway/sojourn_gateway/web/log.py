"""The log of a session, as rows of a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway import wording
from sojourn_gateway.model.log import SEVERITIES
from sojourn_gateway.model.messages import as_text
from sojourn_gateway.web.links import session_href

if TYPE_CHECKING:
    from sojourn_gateway.model.log import LogLine
    from sojourn_gateway.model.page import Page
    from sojourn_gateway.model.session import SessionSummary

__all__ = ["LINES", "Log", "write_log"]

LINES: Final = 500
"""Lines of one page."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and the step in which it was written."""

    at: str
    after: str
    """Time since the session's start."""
    level: str
    failed: bool
    logger: str
    message: str
    stack: str
    span_id: str
    trace_id: str
    href: str


@dataclass(frozen=True, slots=True)
class Log:
    """The lines of one page."""

    lines: tuple[Line, ...]
    total: int
    first: int
    """Number of the first line shown, from 1."""
    earlier_href: str | None
    later_href: str | None


def write_log(session: SessionSummary, page: Page[LogLine]) -> Log:
    """A page of lines, oldest first."""

    def href(offset: int) -> str:
        return session_href(session.id, view="logs", offset=str(offset) if offset else "")

    reached = page.offset + len(page.items)
    return Log(
        lines=tuple(_line(session, line) for line in page.items),
        total=page.total,
        first=page.offset + 1,
        earlier_href=href(max(0, page.offset - page.limit)) if page.offset else None,
        later_href=href(reached) if reached < page.total else None,
    )


def _line(session: SessionSummary, line: LogLine) -> Line:
    return Line(
        at=wording.clock(line.time_ns),
        after=f"+{wording.duration(max(0, line.time_ns - session.start_ns) / 1e9)}",
        level=line.level or line.event,
        failed=line.severity >= SEVERITIES["error"],
        logger=line.logger,
        message=as_text(line.message),
        stack=as_text(line.attributes.get(semconv.EXCEPTION_STACKTRACE, "")),
        span_id=line.span_id or "",
        trace_id=line.trace_id or "",
        href=session_href(session.id, view="logs", span=line.span_id) if line.span_id else "",
    )
