"""What roll-ups count is not counted again: the same numbers, without reading what they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.model.totals import TotalsAsk
from sojourn_gateway.model.trace import TracesAsk
from tests.gateway.sender import CHAT, span, trace_id, usage

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.gateway.sender import Store

S, T = {"session.id": "s"}, {"session.id": "t"}
ALL = TotalsAsk()
UNKNOWN: dict[str, Any] = {**usage(), "gen_ai.request.model": "unheard-of", "gen_ai.response.model": "unheard-of"}


def asked(store: Store, monkeypatch: pytest.MonkeyPatch, ask: Callable[[], object]) -> list[str]:
    """The statements of a question."""
    answer, heard = store.engine.rows, list[str]()

    def listening(sql: str, values: Any = None) -> Any:
        heard.append(sql)
        return answer(sql, values)

    with monkeypatch.context() as patched:
        patched.setattr(store.engine, "rows", listening)
        ask()
    return heard


def test_calls_of_models_are_counted_by_roll_ups_until_one_lies_in_another(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask() -> int:
        return store.queries.spans(store.project, SpansAsk(type="GENERATION", limit=1)).total

    store.send(*(span(trace_id(), attributes=CHAT) for _ in range(3)), span(trace_id()))
    assert ask() == 3
    assert not any("group by intDiv(minute" in sql for sql in asked(store, monkeypatch, ask))

    trace = trace_id()
    outer = span(trace, attributes=CHAT)
    store.send(outer, span(trace, parent=outer, attributes=CHAT))
    assert ask() == 5


def test_all_traces_are_counted_in_their_sessions_and_one_in_two_of_these_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask() -> tuple[int, int, int]:
        page = store.queries.traces(store.project, TracesAsk(limit=1))
        return page.total, store.queries.facts(store.project).traces, store.queries.totals(store.project, ALL).traces

    store.send(*(span(trace_id(), attributes=S) for _ in range(3)), span(trace_id()))
    assert ask() == (4, 4, 4)
    heard = asked(store, monkeypatch, ask)
    assert not any("count()" in sql and f"{DATABASE}.traces" in sql for sql in heard)

    trace = trace_id()
    root = span(trace, attributes=S)
    store.send(root, span(trace, parent=root, attributes=T))
    assert ask() == (5, 5, 5)


def test_what_a_store_holds_is_told_without_reading_its_spans_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.send(span(trace_id(), attributes={**usage(), **S}))
    first = store.queries.facts(store.project)
    heard = asked(store, monkeypatch, lambda: store.queries.facts(store.project))
    assert not any(f"{DATABASE}.spans" in sql for sql in heard)

    store.send(span(trace_id(), attributes=S))
    later = store.queries.facts(store.project)
    assert (first.spans, later.spans) == (1, 2)
    assert first.last_received_ns is not None
    assert later.last_received_ns is not None
    assert first.last_received_ns < later.last_received_ns


def test_a_model_without_a_price_is_named_even_where_its_call_lies_around_another(store: Store) -> None:
    trace = trace_id()
    outer = span(trace, attributes=UNKNOWN)
    store.send(outer, span(trace, parent=outer, attributes=usage()))
    assert store.queries.facts(store.project).unpriced_models == ("unheard-of",)
