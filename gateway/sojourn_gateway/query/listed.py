"""A page of spans from all over the store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine import listing, reading
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.page import Page
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.query.spans import spans_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.span import Span
    from sojourn_gateway.query.beside import Beside

__all__ = ["FEW", "list_spans"]

FEW: Final = 500
"""So many spans of a session or a trace are read as one of these is, and the page is taken out of them."""


def list_spans(engine: Engine, project: str, ask: SpansAsk, beside: Beside) -> Page[Span]:
    """A page of spans. Each is told its session, and its user: its own, else its trace's."""
    if _is_whole(ask) and (page := _page_of_few(engine, project, ask)) is not None:
        return page
    hours: Sequence[Row] | None = None
    if listing.may_be_new(ask):
        if listing.is_of_all(engine, project, ask):
            spans, total = beside.ask(
                lambda: _newest(engine, project, ask), lambda: listing.count_spans(engine, project, ask)
            )
        else:
            spans, counted = beside.ask(
                lambda: _newest(engine, project, ask), lambda: listing.count_spans_by_hour(engine, project, ask)
            )
            hours, total = counted, sum(count for _, count in counted)
        if spans is not None:
            return Page(spans, total, ask.limit, ask.offset)
    rows, total = listing.list_spans(engine, project, ask, hours)
    return Page(_spans(engine, project, rows), total, ask.limit, ask.offset)


def _is_whole(ask: SpansAsk) -> bool:
    """Whether all spans of a trace or a session are asked for, by nothing else."""
    told = SpansAsk(ask.limit, ask.offset, ask.descending, content=ask.content)
    whole = replace(told, trace_id=ask.trace_id, session_id=ask.session_id)
    return ask == whole and ask != told


def _page_of_few(engine: Engine, project: str, ask: SpansAsk) -> Page[Span] | None:
    """None when there are many."""
    rows = reading.read_few_spans(
        engine, project, trace_id=ask.trace_id, session_id=ask.session_id, most=FEW, content=ask.content
    )
    if rows is None:
        return None
    found = spans_of(rows, engine.price)
    if ask.session_id is not None:
        found = [span for span in found if (span.session_id or span.trace_id) == ask.session_id]
    found.sort(key=lambda span: (-span.start_ns if ask.descending else span.start_ns, span.trace_id, span.span_id))
    page = found[ask.offset : ask.offset + ask.limit]
    nameless = sorted({span.trace_id for span in page if not span.user_id})
    users = listing.read_users(engine, project, nameless) if nameless else {}
    owned = (
        _owned(span, span.session_id, span.user_id or text(users.get(bytes.fromhex(span.trace_id), b"")))
        for span in page
    )
    return Page(tuple(owned), len(found), ask.limit, ask.offset)


def _newest(engine: Engine, project: str, ask: SpansAsk) -> tuple[Span, ...] | None:
    rows = listing.newest_spans(engine, project, ask)
    return None if rows is None else _spans(engine, project, rows)


def _spans(engine: Engine, project: str, rows: Sequence[Row]) -> tuple[Span, ...]:
    belonging = listing.belonging(engine, project, rows)
    # At once, so that what many spans share of a resource is parsed once.
    spans = spans_of(rows, engine.price)
    return tuple(
        _owned(span, text(session) or None, text(user)) for span, (session, user) in zip(spans, belonging, strict=True)
    )


def _owned(span: Span, session_id: str | None, user_id: str) -> Span:
    # Most spans name both themselves, and to make a span anew takes longer than to see that.
    if span.session_id == session_id and span.user_id == user_id:
        return span
    return replace(span, session_id=session_id, user_id=user_id)
