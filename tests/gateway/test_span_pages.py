"""Pages of spans: wherever a page lies, and however few spans fit, pages join to the whole and totals are exact."""

from __future__ import annotations

from copy import deepcopy
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.engine.remembered import Remembered
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.model.trace import TracesAsk
from sojourn_gateway.query import listed
from tests.gateway.sender import CHAT, SECOND, T0, Store, span, trace_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

HOUR = 3600


@pytest.fixture
def scattered(store: Store) -> Store:
    """Forty spans over a month, crowded at its end: each fourth failed, each fifth a call of a model."""
    ages = [
        *range(0, 200, 10),
        *(HOUR * number for number in range(1, 17)),
        *(240 * HOUR, 241 * HOUR, 700 * HOUR, 720 * HOUR),
    ]
    store.send(
        *(
            span(
                trace_id(),
                f"n{number}",
                at_s=-age,
                error="no" if number % 4 == 0 else None,
                attributes=CHAT if number % 5 == 0 else {"k": number},
            )
            for number, age in enumerate(ages)
        )
    )
    return store


def names(store: Store, **ask: Any) -> tuple[Sequence[str], int]:
    page = store.queries.spans(store.project, SpansAsk(**ask))
    return [one.name for one in page.items], page.total


FITTING: dict[str, tuple[dict[str, Any], list[int]]] = {
    "all": ({}, list(range(40))),
    "failed": ({"status": "error"}, list(range(0, 40, 4))),
    "of a model": ({"model": "GPT"}, list(range(0, 40, 5))),
    "of a day": ({"since_ns": T0 - 20 * HOUR * SECOND}, list(range(36))),
    "older steps": (
        {"until_ns": T0 - 100 * SECOND, "type": "SPAN"},
        [number for number in range(10, 40) if number % 5],
    ),
    "none": ({"name": "nobody"}, []),
}


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("told", FITTING)
def test_pages_join_to_the_whole(scattered: Store, descending: bool, told: str) -> None:
    ask, fitting = FITTING[told]
    expected = [f"n{number}" for number in (fitting if descending else fitting[::-1])]
    for limit in (9, 40):
        pages = [
            names(scattered, **ask, descending=descending, limit=limit, offset=offset)
            for offset in range(0, len(expected) + 1, limit)
        ]
        assert [name for page, _ in pages for name in page] == expected
        assert {total for _, total in pages} == {len(expected)}


@pytest.mark.parametrize("few", [500, 1], ids=["read at once", "more than are read at once"])
def test_the_spans_of_a_session_or_a_trace_are_the_same_however_they_are_found(
    store: Store, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(listed, "FEW", few)
    trace, nameless = trace_id(), trace_id()
    outer = span(trace, "outer", attributes={"session.id": "o", "user.id": "u"})
    inner = span(trace, "inner", at_s=1, parent=outer, attributes={"session.id": "i"})
    below = span(trace, "below", at_s=2, parent=inner, attributes=CHAT)
    store.send(outer, inner, below, span(trace_id(), "later", at_s=9, attributes={"session.id": "i"}))
    store.send(span(nameless, "alone", at_s=3, attributes={"user.id": "v"}), span(nameless, "too", at_s=4))

    def told(**ask: Any) -> list[tuple[str, str | None, str]]:
        page = store.queries.spans(store.project, SpansAsk(**ask))
        assert page.total == len(page.items)
        return [(one.name, one.session_id, one.user_id) for one in page.items]

    assert told(session_id="i") == [("later", "i", ""), ("below", "i", "u"), ("inner", "i", "u")]
    assert told(session_id="o") == [("outer", "o", "u")]
    assert told(trace_id=trace.hex(), descending=False) == [
        ("outer", "o", "u"),
        ("inner", "i", "u"),
        ("below", "i", "u"),
    ]
    assert told(trace_id=trace.hex(), session_id="i", type="GENERATION") == [("below", "i", "u")]
    assert told(session_id=nameless.hex()) == [("too", None, "v"), ("alone", None, "v")]
    assert told(session_id="nobody") == told(trace_id="00" * 16) == []
    assert names(store, session_id="i", limit=1, offset=1) == (["below"], 3)


def test_a_list_knows_of_what_came_since_it_was_asked_before(store: Store) -> None:
    """What only roll-ups change is remembered: that traces lie in several sessions, that spans moved, what is new."""
    trace = trace_id()
    first = span(trace, "first", attributes={"session.id": "a"})
    store.send(first)
    assert names(store) == (["first"], 1)
    assert [one.session_ids for one in traces(store)] == [("a",)]

    store.send(span(trace, "second", at_s=50, parent=first, attributes={"session.id": "b"}))
    assert names(store) == (["second", "first"], 2)
    assert [one.session_ids for one in traces(store)] == [("a", "b")]

    store.send(later(first, 3 * HOUR))
    assert names(store) == (["first", "second"], 2)
    assert names(store, status="unset", descending=False) == (["second", "first"], 2)


def test_what_was_asked_while_rows_were_changed_is_asked_again(store: Store) -> None:
    """An erasure takes a trace's places away, and makes those of what stays anew: in between they are not there."""
    engine, asked = store.engine, count()
    remembered = Remembered(lambda _engine, _project: next(asked))
    assert engine.settle(60)
    with engine.exclusively():
        assert [remembered.of(engine, store.project) for _ in range(2)] == [0, 0]
    assert [remembered.of(engine, store.project) for _ in range(2)] == [1, 1]


def traces(store: Store) -> Sequence[Any]:
    page = store.queries.traces(store.project, TracesAsk())
    assert page.total == len(page.items)
    return page.items


def later(sent: Span, by_s: int) -> Span:
    moved = deepcopy(sent)
    moved.start_time_unix_nano += by_s * SECOND
    moved.end_time_unix_nano += by_s * SECOND
    return moved
