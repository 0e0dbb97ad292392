"""One session, as a page."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from sojourn_gateway import wording
from sojourn_gateway.model.messages import as_text
from sojourn_gateway.web.grades import grades_of
from sojourn_gateway.web.inspector import inspect
from sojourn_gateway.web.links import session_href, with_query
from sojourn_gateway.web.log import write_log
from sojourn_gateway.web.marks import cost_mark, state_of
from sojourn_gateway.web.session_read import CALLS_SHOWN
from sojourn_gateway.web.waterfall import ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.model.glance import Glance
    from sojourn_gateway.model.log import LogLine
    from sojourn_gateway.model.page import Page
    from sojourn_gateway.model.score import Score
    from sojourn_gateway.model.session import SessionSummary
    from sojourn_gateway.model.span import Json
    from sojourn_gateway.web.conversation import Conversation
    from sojourn_gateway.web.grades import Grade
    from sojourn_gateway.web.inspector import Inspector
    from sojourn_gateway.web.log import Log
    from sojourn_gateway.web.marks import CostMark, State
    from sojourn_gateway.web.session_read import SessionRead, SessionWish, View
    from sojourn_gateway.web.waterfall import Waterfall

__all__ = ["SessionView", "view_session"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the head, and what it consists of."""

    label: str
    value: str
    note: str = ""
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Tab:
    """A way to look at the session."""

    label: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class SessionView:
    """The whole page; of waterfall, conversation and log only the one that is looked at."""

    id: str
    title: str
    untitled: bool
    implicit: bool
    state: State
    reason: str
    started: str
    ended: str
    user: str
    user_href: str
    tags: tuple[tuple[str, str], ...]
    models: tuple[str, ...]
    cost: CostMark
    figures: tuple[Figure, ...]
    host: tuple[tuple[str, str], ...]
    metadata: tuple[tuple[str, str], ...]
    video: str
    attachments: tuple[tuple[str, str, str], ...]
    """Name, size and path of each file."""
    grades: tuple[Grade, ...]
    grades_left_out: int
    grade_href: str
    """Where the form of a score is sent."""
    tabs: tuple[Tab, ...]
    view: View
    find: str
    """Only the steps in which this text stands are shown."""
    waterfall: Waterfall | None
    conversation: Conversation | None
    log: Log | None
    inspector: Inspector | None
    missing_span: bool
    first_error_href: str | None
    next_error_href: str | None
    """The first failed step behind those that are shown."""
    errors_href: str | None
    """Where the errors are told: the first failed step, else the log, where those recorded by hand stand."""
    earlier_href: str | None
    later_href: str | None
    """The steps, or calls of the conversation, before and behind those that are shown."""
    markdown_href: str
    json_href: str
    analysis_href: str
    news_href: str
    """Its line of the list, from which the page sees at little cost whether there is something new."""
    open: bool
    signature: str
    """Changes when there is something new to show."""


def view_session(
    read: SessionRead,
    wish: SessionWish,
    now_ns: int,
    *,
    project: str,
    lines: Page[LogLine] | None = None,
    scores: Page[Score] | None = None,
) -> SessionView:
    """The page of a session; `lines` is its log, where that is looked at."""
    session, summary, view, span_id = read.session, read.session.summary, wish.view, wish.span_id
    failed = next((step for step in read.steps if step.status == "error"), None)
    is_open = summary.state == "open"
    shown_view = "" if view == "timeline" else view
    given = () if scores is None else scores.items

    def page_href(first: int | None) -> str | None:
        if first is None:
            return None
        return session_href(summary.id, view=shown_view, find=wish.find, **{"from": str(max(0, first))})

    def error_href(failed_id: str, find: str = "") -> str | None:
        return session_href(summary.id, view=shown_view, find=find, span=failed_id) if failed_id else None

    return SessionView(
        id=summary.id,
        title=summary.name or wording.excerpt(summary.first_input or "", 100) or summary.id,
        untitled=not summary.name,
        implicit=summary.implicit,
        state=state_of(summary),
        reason=summary.reason,
        started=wording.clock(summary.start_ns),
        ended="" if is_open else wording.clock(summary.end_ns),
        user=summary.user_id,
        user_href=with_query("/sessions", {"user": summary.user_id}),
        tags=tuple((tag, with_query("/sessions", {"tag": tag})) for tag in summary.tags),
        models=summary.models,
        cost=cost_mark(summary.cost, summary.model_calls),
        figures=_figures(summary, read.steps, now_ns),
        host=_pairs(session.host),
        metadata=_pairs(session.metadata),
        video=session.video,
        attachments=tuple((one.name, wording.size(one.size), one.path) for one in session.attachments),
        grades=grades_of(summary.id, given, read.steps, shown_view),
        grades_left_out=0 if scores is None else scores.total - len(given),
        grade_href=session_href(summary.id),
        tabs=(
            Tab("Timeline", session_href(summary.id, span=span_id), view == "timeline"),
            Tab("Conversation", session_href(summary.id, view="conversation", span=span_id), view == "conversation"),
            Tab("Log", session_href(summary.id, view="logs", span=span_id), view == "logs"),
        ),
        view=view,
        find=wish.find,
        waterfall=read.waterfall,
        conversation=read.conversation,
        log=None if lines is None else write_log(summary, lines),
        inspector=None if read.chosen is None else inspect(summary.id, read.chosen, shown_view, scores=given),
        missing_span=bool(span_id) and read.chosen is None,
        first_error_href=None if failed is None else error_href(failed.span_id),
        next_error_href=None if read.waterfall is None else error_href(read.waterfall.error_after, wish.find),
        errors_href=_errors_href(summary, failed, shown_view),
        earlier_href=page_href(read.first - (CALLS_SHOWN if view == "conversation" else ROWS) if read.first else None),
        later_href=page_href(read.later),
        markdown_href=session_href(summary.id, **{"as": "markdown"}),
        json_href=f"/v1{session_href(summary.id)}",
        analysis_href=f"/api/projects/{quote(project, safe='')}{session_href(summary.id)}/analysis",
        news_href=_news_href(summary.id),
        open=is_open,
        signature=signature(summary),
    )


def _news_href(session_id: str) -> str:
    filtered = [{"field": "session_id", "operator": "equals", "value": session_id}]
    return with_query("/v1/sessions", {"filter": json.dumps(filtered), "include_implicit": "true"})


def signature(summary: SessionSummary) -> str:
    """The same text as long as a reload would show the same; the page compares it with `/v1`'s figures."""
    return f"{summary.state}|{summary.span_count}|{summary.errors}|{summary.tokens.total}|{summary.trace_count}"


def _figures(summary: SessionSummary, steps: Sequence[Glance], now_ns: int) -> tuple[Figure, ...]:
    end_ns = now_ns if summary.state == "open" else summary.end_ns
    busy = _busy_ns(steps, end_ns)
    cost = cost_mark(summary.cost, summary.model_calls)
    tokens = summary.tokens
    split = [f"{tokens.input:,} in", f"{tokens.output:,} out"] if tokens.total else []
    if tokens.cache_read:
        split.append(f"{tokens.cache_read:,} cached")
    if tokens.reasoning:
        split.append(f"{tokens.reasoning:,} reasoning")
    wall = max(0, end_ns - summary.start_ns)
    return (
        Figure("Duration", wording.duration(wall / 1e9), f"{wording.duration(busy / 1e9)} at work"),
        Figure("Cost", cost.text or "–", cost.note or ("no known price" if cost.unknown else "")),
        Figure("Tokens", wording.count(tokens.total), " · ".join(split)),
        Figure("Model calls", wording.count(summary.model_calls), _models(steps)),
        Figure("Tool calls", wording.count(summary.tool_calls)),
        Figure("Turns", wording.count(summary.trace_count), _turns(summary)),
        # A foreign exporter does not say which process it speaks of.
        Figure("Processes", wording.count(summary.process_count) if summary.process_count else "–"),
        Figure("Errors", wording.count(summary.errors), bad=summary.errors > 0),
    )


def _turns(summary: SessionSummary) -> str:
    steps = wording.plural(summary.span_count, "step")
    if summary.trace_count < 2:
        return steps
    half, most = (wording.duration(one / 1000) for one in (summary.turn_p50_ms, summary.turn_p95_ms))
    return f"{steps} · median {half}, 95% within {most}"


def _errors_href(summary: SessionSummary, failed: Glance | None, view: str) -> str | None:
    if failed is not None:
        return session_href(summary.id, view=view, span=failed.span_id)
    return session_href(summary.id, view="logs") if summary.errors else None


def _models(steps: Sequence[Glance]) -> str:
    """The two models that were called most, and how many more there were."""
    called = Counter(step.model for step in steps if step.step in ("model", "embedding") and step.model)
    names = [name for name, _ in called.most_common()]
    more = [f"{len(names) - 2} more"] if len(names) > 2 else []
    return ", ".join(names[:2] + more)


def _busy_ns(steps: Sequence[Glance], until_ns: int) -> int:
    """How long at least one step ran."""
    total, reached = 0, 0
    for step in steps:  # they are in order of start
        end_ns = until_ns if step.end_ns is None else step.end_ns
        total += max(0, end_ns - max(reached, step.start_ns))
        reached = max(reached, end_ns)
    return total


def _pairs(values: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    return tuple((name, as_text(value)) for name, value in values.items())
