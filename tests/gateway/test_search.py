"""Words are found wherever content holds them: before and after the engine has built its index of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.engine import where
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.model.trace import TracesAsk
from sojourn_gateway.query.filters import parse_filter
from tests.gateway.sender import Store, event, span, trace_id, usage

if TYPE_CHECKING:
    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served


def said(text: str, *, ascii_only: bool = True) -> dict[str, Any]:
    """Attributes of a model call that was asked this, as clients write JSON."""
    messages = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
    return {**usage(), "gen_ai.input.messages": json.dumps(messages, ensure_ascii=ascii_only)}


def names(store: Store, search: str, **more: Any) -> list[str]:
    page = store.queries.spans(store.project, SpansAsk(search=search, **more))
    assert page.total == len(page.items)
    return sorted(one.name for one in page.items)


@pytest.fixture
def library(store: Store) -> Store:
    """Spans that say different things, each in a trace and a session of its own."""
    texts: dict[str, dict[str, Any]] = {
        "refund": said("Please REFUND the order.\nThe invoice is in C:\\new\\letters."),
        "invoice": {"sojourn.kind": "chain", "sojourn.input": "invoice, unpaid", "sojourn.output": "reminded"},
        "escaped": said("naïve Grüße"),
        "plain": said("naïve Grüße aus Köln", ascii_only=False),
        "chinese": said("请退款订单"),
        "silent": {"app.note": "refund"},
    }
    store.send(
        *(
            span(trace_id(), name, at_s=number, attributes={"session.id": f"s-{name}", **attributes})
            for number, (name, attributes) in enumerate(texts.items())
        )
    )
    return store


SEARCHES: list[tuple[str, list[str]]] = [
    ("refund", ["refund"]),
    ("Order refund", ["refund"]),
    ("refund missing", []),
    # A line's end and a backslash stand as escapes in JSON, and stick to no word.
    ("the invoice", ["refund"]),
    ("new letters", ["refund"]),
    ("invoice", ["invoice", "refund"]),
    ("reminded", ["invoice"]),
    ("ref", []),
    ("naïve", ["escaped", "plain"]),
    ("KÖLN grüße", ["plain"]),
    ("退款", ["chinese"]),
    ("'; drop table spans --", []),
    ("?!", []),
]


def test_words_of_all_content_are_found_in_any_order_and_case(library: Store, engine: Engine) -> None:
    before = {search: names(library, search) for search, _ in SEARCHES}
    with engine.beside() as handle:
        handle.run(f"optimize table {DATABASE}.spans final")
    after = {search: names(library, search) for search, _ in SEARCHES}

    assert before == dict(SEARCHES)
    assert after == before


def test_traces_and_sessions_are_found_by_the_words_of_their_spans(library: Store) -> None:
    found = library.queries.traces(library.project, TracesAsk(search="invoice"))
    assert (sorted(one.name for one in found.items), found.total) == (["invoice", "refund"], 2)

    def sessions(search: str) -> list[str]:
        return sorted(one.id for one in library.list(search=search))

    assert sessions("invoice") == ["s-invoice", "s-refund"]
    assert sessions("S-PLAI") == ["s-plain"]
    assert sessions("s-") == ["s-chinese", "s-escaped", "s-invoice", "s-plain", "s-refund", "s-silent"]


def test_a_session_is_found_by_the_words_said_in_it_not_by_those_of_its_traces_other_sessions(store: Store) -> None:
    trace = trace_id()
    root = span(trace, "root", attributes={"session.id": "outer", **said("a lighthouse")})
    store.send(root, span(trace, "call", parent=root, attributes={"session.id": "inner", **said("a harbour")}))
    assert [one.id for one in store.list(search="lighthouse")] == ["outer"]
    assert [one.id for one in store.list(search="harbour")] == ["inner"]


@pytest.mark.parametrize("descending", [True, False])
def test_pages_of_a_search_join_to_the_whole_also_where_spans_begin_together(store: Store, descending: bool) -> None:
    store.send(*(span(trace_id(), f"{at}", at_s=at // 3, attributes=said("a lighthouse")) for at in range(7)))

    def page(limit: int, offset: int) -> tuple[list[str], int]:
        ask = SpansAsk(limit=limit, offset=offset, search="lighthouse", descending=descending)
        found = store.queries.spans(store.project, ask)
        return [one.name for one in found.items], found.total

    whole, total = page(100, 0)
    assert (sorted(whole), total) == ([str(at) for at in range(7)], 7)
    assert [int(name) // 3 for name in whole] == sorted((at // 3 for at in range(7)), reverse=descending)
    assert [name for at in range(0, 7, 2) for name in page(2, at)[0]] == whole
    assert page(2, 9) == ([], 7)
    # So far down other statements find the page.
    assert page(1, 20_000) == ([], 7)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("search contains refund", ["refund"]),
        ("search not contains refund", ["chinese", "escaped", "invoice", "plain", "silent"]),
        ("(search contains reminded or search contains refund)", ["invoice", "refund"]),
        ('input contains "invoice, un"', ["invoice"]),
        ('input contains "the order"', ["refund"]),
        ('input contains "efund the ord"', ["refund"]),
        ('input = "invoice, unpaid"', ["invoice"]),
        ('output != "reminded"', ["chinese", "escaped", "plain", "refund", "silent"]),
    ],
)
def test_a_search_is_part_of_the_filter_language_too(library: Store, told: str, found: list[str]) -> None:
    page = library.queries.spans(library.project, SpansAsk(where=parse_filter("spans", told)))
    assert sorted(one.name for one in page.items) == found
    traces = library.queries.traces(library.project, TracesAsk(where=parse_filter("traces", told)))
    assert sorted(one.name for one in traces.items) == found
    sessions = library.queries.sessions(library.project, SessionsAsk(where=parse_filter("sessions", told)))
    assert sorted(one.id for one in sessions.items) == [f"s-{name}" for name in found]


def test_every_list_takes_a_search_by_address_and_by_body(gateway: Served) -> None:
    store = Store(gateway.engine, gateway.services.ingest, gateway.services.queries, gateway.project)
    store.send(span(trace_id(), "told", attributes={"session.id": "s", **said("a narrow harbour")}))
    store.send(span(trace_id(), "other", attributes={"session.id": "t", **said("a wide field")}))
    for resource in ("spans", "traces", "sessions"):
        assert len(gateway.data(f"/v1/{resource}", search="harbour narrow")) == 1
        body = {"search": "harbour"}
        answer = gateway.client.post(f"/v1/{resource}/search", json=body)
        assert answer.json()["pagination"]["total"] == 1
    assert gateway.client.post("/v1/scores/search", json={"search": "x"}).status_code == 400
    assert [one["input"] is not None for one in gateway.data("/v1/requests", search="field")] == [True]


def test_log_lines_are_searched_by_any_part_of_what_they_say(gateway: Served) -> None:
    store = Store(gateway.engine, gateway.services.ingest, gateway.services.queries, gateway.project)
    lines = [event("", "s", at_s=number, place=place) for number, place in enumerate(("Harbour 7", "field"))]
    for line, message in zip(lines, ("left", "the HARBOURmaster"), strict=True):
        line.body.string_value = message
    store.tell(*lines)

    def found(search: str) -> list[str]:
        return [one["message"] for one in gateway.data("/v1/sessions/s/logs", search=search)]

    assert found("harbour") == ["left", "the HARBOURmaster"]
    assert found("master") == ["the HARBOURmaster"]
    assert found("nowhere") == []


@pytest.mark.parametrize("few", [2**63, -1], ids=["few rows behind the index", "many rows behind the index"])
def test_a_span_that_was_sent_again_is_found_by_what_it_says_now(
    store: Store, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(where, "_FEW", few)
    trace = trace_id()
    for moment, turn in enumerate(("early", "late")):
        says = {"sojourn.metadata.turn": turn, "sojourn.input": f"a {turn} answer"}
        store.send(span(trace, turn, span_id=b"span-001", lasts_s=1 + moment, attributes=says))
    store.send(span(trace_id(), "other", attributes={"sojourn.metadata.turn": "other"}))

    def found(told: str) -> list[str]:
        page = store.queries.spans(store.project, SpansAsk(where=parse_filter("spans", told)))
        traces = store.queries.traces(store.project, TracesAsk(where=parse_filter("traces", told)))
        assert sorted(one.name for one in traces.items) == sorted(one.name for one in page.items)
        return sorted(one.name for one in page.items)

    assert found("metadata.turn = early") == []
    assert found("metadata.turn = late") == ["late"]
    assert found("metadata.turn != late") == ["other"]
    assert found("(metadata.turn = late or metadata.turn = other)") == ["late", "other"]
    assert found("metadata.turn = late and cost = 0") == ["late"] == found("metadata.turn = late and latency_ms > 0")
    assert found('input contains "a early answer"') == []
    assert found('input contains "a late answer"') == ["late"]
