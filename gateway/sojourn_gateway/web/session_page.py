"""One session, as a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sojourn_gateway import wording
from sojourn_gateway.model.messages import as_text
from sojourn_gateway.web.conversation import transcribe
from sojourn_gateway.web.inspector import inspect
from sojourn_gateway.web.links import session_href, with_query
from sojourn_gateway.web.marks import cost_mark, state_of
from sojourn_gateway.web.waterfall import draw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.session import Session, SessionSummary
    from sojourn_gateway.model.span import Json, Span
    from sojourn_gateway.web.conversation import Conversation
    from sojourn_gateway.web.inspector import Inspector
    from sojourn_gateway.web.marks import CostMark, State
    from sojourn_gateway.web.waterfall import Waterfall

__all__ = ["SessionView", "View", "view_session"]

View = Literal["timeline", "conversation"]


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
    """The whole page; of waterfall and conversation only the one that is looked at."""

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
    tabs: tuple[Tab, ...]
    view: View
    waterfall: Waterfall | None
    conversation: Conversation | None
    inspector: Inspector | None
    missing_span: bool
    first_error_href: str | None
    everything_href: str
    json_href: str
    open: bool
    signature: str
    """Changes when there is something new to show."""


def view_session(
    session: Session, now_ns: int, *, view: View, span_id: str = "", everything: bool = False
) -> SessionView:
    """The page of a session, with the step `span_id` in the inspector."""
    summary = session.summary
    chosen = next((span for span in session.spans if span.span_id == span_id), None)
    failed = next((span for span in session.spans if span.status == "error"), None)
    is_open = summary.state == "open"
    until_ns = now_ns if is_open else summary.end_ns
    shown_view = view if view == "conversation" else ""
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
        figures=_figures(session, now_ns),
        host=_pairs(session.host),
        metadata=_pairs(session.metadata),
        tabs=(
            Tab("Timeline", session_href(summary.id, span=span_id), view == "timeline"),
            Tab("Conversation", session_href(summary.id, view="conversation", span=span_id), view == "conversation"),
        ),
        view=view,
        waterfall=draw(summary.id, session.spans, until_ns, chosen, everything=everything)
        if view == "timeline"
        else None,
        conversation=transcribe(summary.id, session.spans) if view == "conversation" else None,
        inspector=None if chosen is None else inspect(summary.id, chosen, shown_view),
        missing_span=bool(span_id) and chosen is None,
        first_error_href=None if failed is None else session_href(summary.id, view=shown_view, span=failed.span_id),
        everything_href=session_href(summary.id, rows="all", span=span_id),
        json_href=f"/v1{session_href(summary.id)}",
        open=is_open,
        signature=signature(summary),
    )


def signature(summary: SessionSummary) -> str:
    """The same text as long as a reload would show the same; the page compares it with `/v1`'s figures."""
    return f"{summary.state}|{summary.span_count}|{summary.errors}|{summary.tokens.total}|{summary.trace_count}"


def _figures(session: Session, now_ns: int) -> tuple[Figure, ...]:
    summary = session.summary
    end_ns = now_ns if summary.state == "open" else summary.end_ns
    busy = _busy_ns(session.spans, end_ns)
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
        Figure("Model calls", wording.count(summary.model_calls), ", ".join(summary.models[:2])),
        Figure("Tool calls", wording.count(summary.tool_calls)),
        Figure("Turns", wording.count(summary.trace_count), wording.plural(summary.span_count, "step")),
        # A foreign exporter does not say which process it speaks of.
        Figure("Processes", wording.count(summary.process_count) if summary.process_count else "–"),
        Figure("Errors", wording.count(summary.errors), bad=summary.errors > 0),
    )


def _busy_ns(spans: tuple[Span, ...], until_ns: int) -> int:
    """How long at least one step ran."""
    total, reached = 0, 0
    for span in sorted(spans, key=lambda span: span.start_ns):
        end_ns = until_ns if span.end_ns is None else span.end_ns
        total += max(0, end_ns - max(reached, span.start_ns))
        reached = max(reached, end_ns)
    return total


def _pairs(values: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
    return tuple((name, as_text(value)) for name, value in values.items())
