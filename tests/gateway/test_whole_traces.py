"""Traces with spans in several sessions: listed once, summed once, wherever most traces are in one session alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from sojourn_gateway.engine import whole_traces
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.model.trace import SortTraces, TracesAsk, TraceSummary
from sojourn_gateway.query.filters import parse_filter
from tests.gateway.sender import CHAT, Store, span, trace_id

if TYPE_CHECKING:
    from collections.abc import Sequence


def chat(session: str, tokens: int, model: str = "gpt-4o-mini") -> dict[str, Any]:
    told = {**CHAT, "gen_ai.request.model": model, "gen_ai.response.model": model, "gen_ai.usage.input_tokens": tokens}
    return {**told, **({"session.id": session} if session else {})}


@pytest.fixture
def mixed(store: Store) -> Store:
    """Two traces in two sessions each, between three that are in one, and one in none."""
    spans = [
        span(trace_id(), f"single {number}", at_s=10 * number, lasts_s=1, attributes=chat(f"s{number}", number))
        for number in range(3)
    ]
    for number in range(2):
        trace = trace_id()
        root = span(trace, f"shared {number}", at_s=5 + 10 * number, lasts_s=9, attributes=chat("outer", 10))
        inner = chat(f"inner {number}", 20 + number, "gpt-4o")
        error = "odd" if number else None
        spans += [root, span(trace, "call", parent=root, at_s=6 + 10 * number, attributes=inner, error=error)]
    store.send(*spans, span(trace_id(), "alone", at_s=40, lasts_s=2, attributes={"user.id": "u"}))
    return store


def listed(store: Store, told: str | None = None, **ask: Any) -> Sequence[TraceSummary]:
    where = None if told is None else parse_filter("traces", told)
    page = store.queries.traces(store.project, TracesAsk(where=where, **ask))
    assert page.total == len(page.items) or "limit" in ask
    return page.items


@pytest.fixture(params=[whole_traces.MOST_SHARED, 1], ids=["a few are shared", "too many are shared"])
def most(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_traces, "MOST_SHARED", request.param)


@pytest.mark.usefixtures("most")
def test_a_trace_in_two_sessions_is_one_line_with_the_sums_of_both(mixed: Store) -> None:
    found = {one.name: one for one in listed(mixed)}
    assert set(found) == {"single 0", "single 1", "single 2", "shared 0", "shared 1", "alone"}
    shared = found["shared 1"]
    assert (shared.session_ids, shared.span_count, shared.tokens.input) == (("inner 1", "outer"), 2, 21)
    assert (shared.errors, shared.status, shared.latency_ms) == (1, "error", 9000.0)
    assert (found["alone"].session_ids, found["alone"].user_id) == ((), "u")
    assert found["single 2"].session_ids == ("s2",)
    whole = mixed.queries.trace(mixed.project, shared.id)
    assert whole is not None
    assert whole.summary == shared


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize("descending", [True, False])
def test_pages_in_any_order_cover_shared_traces_once(mixed: Store, descending: bool) -> None:
    for key in get_args(SortTraces):
        order: dict[str, Any] = {"sort_by": key, "descending": descending}
        whole = [one.id for one in listed(mixed, **order)]
        pages = [listed(mixed, limit=2, offset=offset, **order) for offset in (0, 2, 4)]
        assert [one.id for page in pages for one in page] == whole
        assert len(set(whole)) == 6


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize(
    ("told", "names"),
    [
        ("session_id = outer", ["shared 0", "shared 1"]),
        ('session_id = "inner 1"', ["shared 1"]),
        ("model = gpt-4o", ["shared 0", "shared 1"]),
        ("prompt_tokens >= 20", ["shared 0", "shared 1"]),
        ("latency_ms > 8000", ["shared 0", "shared 1"]),
        ("session_id != outer", ["alone", "single 0", "single 1", "single 2"]),
    ],
)
def test_a_filter_sees_a_shared_trace_whole(mixed: Store, told: str, names: list[str]) -> None:
    assert sorted(one.name for one in listed(mixed, told)) == names


def test_in_one_session_a_shared_trace_shows_what_is_in_it(mixed: Store) -> None:
    (shared,) = listed(mixed, session_id="inner 1")
    assert (shared.span_count, shared.tokens.input, shared.session_ids) == (1, 21, ("inner 1",))


def test_spans_are_told_their_session_and_user_by_their_trace_where_they_name_none(store: Store) -> None:
    trace, tangled = trace_id(), trace_id()
    root = span(trace, "root", attributes={"session.id": "s", "user.id": "u"})
    outer = span(tangled, "outer", at_s=5, attributes={"session.id": "o"})
    inner = span(tangled, "inner", at_s=6, parent=outer, attributes={"session.id": "i"})
    store.send(
        root,
        span(trace, "child", parent=root, at_s=1),
        outer,
        inner,
        span(tangled, "below", at_s=7, parent=inner),
        span(trace_id(), "alone", at_s=9),
    )
    found = store.queries.spans(store.project, SpansAsk()).items
    assert {one.name: (one.session_id, one.user_id) for one in found} == {
        "root": ("s", "u"),
        "child": ("s", "u"),
        "outer": ("o", ""),
        "inner": ("i", ""),
        "below": ("i", ""),
        "alone": (None, ""),
    }


@pytest.mark.parametrize("descending", [True, False])
def test_pages_of_spans_that_start_together_fit_together(store: Store, descending: bool) -> None:
    store.send(*(span(trace_id(), f"{number}", at_s=number // 7) for number in range(30)))

    def page(**ask: Any) -> list[str]:
        found = store.queries.spans(store.project, SpansAsk(name="", status="unset", descending=descending, **ask))
        assert found.total == 30
        return [one.name for one in found.items]

    assert [name for offset in range(0, 30, 4) for name in page(limit=4, offset=offset)] == page()
    assert page(offset=30) == page(offset=2**31 - 1) == []
