"""Lists over all spans, sessions and sums: each span once, pages that fit together, columns to sort by."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, get_args

import pytest

from sojourn_gateway.engine.listing import newest_spans
from sojourn_gateway.engine.reading import SPAN_COLUMNS
from sojourn_gateway.model.metrics import MetricsAsk
from sojourn_gateway.model.session import SessionsAsk, SortSessions
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.model.trace import TracesAsk
from sojourn_gateway.query.filters import parse_filter
from tests.gateway.sender import SECOND, T0, Store, span, trace_id, traces, usage

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served

DAY_S = 86_400
NAME: Final = SPAN_COLUMNS.index("name")


def listed(store: Store, told: str | None = None, **more: Any) -> list[str]:
    where = None if told is None else parse_filter("spans", told)
    page = store.queries.spans(store.project, SpansAsk(where=where, **more))
    assert page.total == len(page.items)
    return [one.name for one in page.items]


@pytest.mark.parametrize("at_once", [True, False], ids=["in one commit", "one after the other"])
def test_a_span_that_was_sent_again_with_another_start_is_listed_once(store: Store, *, at_once: bool) -> None:
    trace, told = trace_id(), {"session.id": "s", "sojourn.metadata.plan": "old"}
    first = span(trace, "first", span_id=b"a" * 8, attributes=told)
    again = span(trace, "again", span_id=b"a" * 8, at_s=600, attributes={**told, "sojourn.metadata.plan": "new"})
    if at_once:
        # Of rows that arrive together, the one of the later body is newer: a body has one time of arrival.
        bodies = [traces([one]) for one in (first, again)]
        for body in bodies:
            store.ingest.submit_now("traces", store.project, body)
    else:
        store.send(first)
        store.send(again)
    store.send(span(trace, "other", at_s=1, attributes=told))

    assert listed(store) == ["again", "other"]
    assert listed(store, "metadata.plan = old") == ["other"]
    assert listed(store, "metadata.plan = new") == ["again"]
    assert listed(store, until_ns=T0 + 60 * SECOND) == ["other"]
    assert store.session("s").summary.span_count == 2
    # And back again, into the minute where an older row of it still lies.
    store.send(span(trace, "back", span_id=b"a" * 8, at_s=2, attributes=told))
    assert listed(store) == ["back", "other"]
    assert listed(store, "metadata.plan = new") == []
    assert store.queries.facts(store.project).spans == 2


def test_the_newest_spans_come_first_however_far_apart_they_lie(store: Store) -> None:
    days = (0, 1, 2, 40, 800)
    store.send(*(span(trace_id(), f"day {day}", at_s=-day * DAY_S) for day in days))
    assert listed(store) == [f"day {day}" for day in days]
    whole = [f"day {day}" for day in days]
    for size in (1, 2, 3):
        pages = [
            store.queries.spans(store.project, SpansAsk(limit=size, offset=at)) for at in range(0, len(days), size)
        ]
        assert [one.name for page in pages for one in page.items] == whole
        assert {page.total for page in pages} == {len(days)}
    assert listed(store, descending=False) == whole[::-1]
    assert store.queries.spans(store.project, SpansAsk(offset=9)).total == len(days)


def test_spans_of_a_clock_that_is_years_ahead_do_not_hide_the_newest_hour(store: Store) -> None:
    """A page that the newest hour holds takes no counting of the hours before it."""
    soon_s = (time.time_ns() - T0) / SECOND
    ahead = [span(trace_id(), f"ahead {year}", at_s=soon_s + year * 365 * DAY_S) for year in (1, 100, 200)]
    usual = [span(trace_id(), f"usual {number}", at_s=soon_s - number) for number in range(20)]
    long_ago = [span(trace_id(), "long ago", at_s=soon_s - 30 * DAY_S)]
    store.send(*ahead, *usual, *long_ago)
    names = [one.name for one in (*ahead[::-1], *usual, *long_ago)]

    for limit, offset in ((10, 0), (5, 0), (10, 3), (10, 13)):
        ask = SpansAsk(limit=limit, offset=offset)
        rows = newest_spans(store.engine, store.project, ask)
        assert rows is not None
        assert [row[NAME].decode() for row in rows] == names[offset : offset + limit]
        assert [one.name for one in store.queries.spans(store.project, ask).items] == names[offset : offset + limit]
    assert newest_spans(store.engine, store.project, SpansAsk(limit=30)) is None
    assert listed(store) == names
    assert listed(store, until_ns=time.time_ns()) == names[3:]
    # Where nothing else is, they are the newest.
    store.project += "-ahead"
    store.send(*ahead)
    assert listed(store) == names[:3]


def test_a_step_of_a_session_is_found_without_reading_those_of_other_sessions_with_its_id(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(session: str) -> Span:
        return span(trace_id(), span_id=b"a" * 8, attributes={"session.id": session})

    store.send(step("s"))
    store.send(*(step(f"other {number}") for number in range(20)), span(trace_id(), span_id=b"b" * 8))
    glances, read = store.queries.glances, list[str]()
    look = glances.span

    def looking(project: str, trace: str, found: str) -> Any:
        read.append(trace)
        return look(project, trace, found)

    monkeypatch.setattr(glances, "span", looking)
    assert store.queries.has_step(store.project, "s", (b"a" * 8).hex())
    assert len(read) == 1
    assert not store.queries.has_step(store.project, "s", (b"b" * 8).hex())
    assert not store.queries.has_step(store.project, "s", "no id")
    assert len(read) == 1


def test_pages_of_equal_keys_fit_together(store: Store) -> None:
    store.send(*(span(trace_id(), "same", attributes={"session.id": f"s{number}"}) for number in range(12)))

    def pages(read: Any) -> list[list[str]]:
        return [[one for at in range(0, 12, size) for one in read(size, at)] for size in (1, 5, 12)]

    def spans(limit: int, offset: int) -> list[str]:
        ask = SpansAsk(limit=limit, offset=offset, name="same")
        return [one.span_id for one in store.queries.spans(store.project, ask).items]

    def traces(limit: int, offset: int) -> list[str]:
        ask = TracesAsk(limit=limit, offset=offset, sort_by="cost")
        return [one.id for one in store.queries.traces(store.project, ask).items]

    def sessions(limit: int, offset: int) -> list[str]:
        ask = SessionsAsk(limit=limit, offset=offset, sort_by="total_cost")
        return [one.id for one in store.queries.sessions(store.project, ask).items]

    for read in (spans, traces, sessions):
        found = pages(read)
        assert len(set(found[0])) == 12
        assert found[0] == found[1] == found[2]


def test_a_session_says_its_last_error_and_how_long_its_turns_took(store: Store) -> None:
    def turn(number: int, lasts_s: float) -> Span:
        error = "no such order" if number in (1, 2) else None
        told = {"session.id": "s", **({"error.type": f"Error{number}"} if error else {})}
        return span(trace_id(), at_s=number * 20, lasts_s=lasts_s, attributes=told, error=error)

    turns = [turn(number, lasts_s) for number, lasts_s in enumerate((1, 2, 3, 10))]
    store.send(*turns, span(trace_id(), at_s=500, attributes={"session.id": "fine"}))

    found = store.session("s").summary
    assert (found.last_error, found.failed_traces) == ("Error2: no such order", 2)
    assert [found.turn_p50_ms, found.turn_p95_ms] == pytest.approx([2500, 8950])
    assert store.session("fine").summary.last_error is None
    assert [one.id for one in store.list(where=parse_filter("sessions", "turn_p95_ms > 5000"))] == ["s"]
    assert [one.id for one in store.list(where=parse_filter("sessions", "last_error contains Order"))] == ["s"]
    assert [one.id for one in store.list(sort_by="turn_p95_ms", descending=False)] == ["fine", "s"]


def test_sessions_are_sorted_by_any_column(store: Store) -> None:
    store.send(
        span(trace_id(), "a", attributes={"session.id": "s1", **usage()}),
        span(trace_id(), "b", at_s=5, lasts_s=3, attributes={"session.id": "s2"}, error="odd"),
    )
    keys: tuple[SortSessions, ...] = get_args(SortSessions)
    for key in keys:
        up, down = ([one.id for one in store.list(sort_by=key, descending=fall)] for fall in (False, True))
        assert sorted(up) == sorted(down) == ["s1", "s2"]
        assert up == down[::-1] or up == down == ["s1", "s2"]


def test_metadata_of_a_resource_holds_for_its_spans(store: Store) -> None:
    told = {"sojourn.metadata.region": "north", "agentmark.metadata.seats": 4, "service.name": "shop"}
    store.send(span(trace_id(), "shared"), resource=told)
    store.send(span(trace_id(), "own", at_s=1, attributes={"sojourn.metadata.region": "south"}), resource=told)
    store.send(span(trace_id(), "none", at_s=2), resource={"service.name": "shop"})

    assert listed(store, "metadata.region = north") == ["shared"]
    assert listed(store, "metadata.region = south") == ["own"]
    assert listed(store, "metadata.region != north") == ["none", "own"]
    assert listed(store, "metadata.seats = 4") == ["own", "shared"]
    assert listed(store, "metadata.region does not exist") == ["none"]
    where = parse_filter("traces", "metadata.region = north")
    assert [one.name for one in store.queries.traces(store.project, TracesAsk(where=where)).items] == ["shared"]


def test_metadata_is_found_by_its_text_whatever_its_type(store: Store) -> None:
    kinds: dict[str, Any] = {"1": 1, "2.5": 2.5, "true": True, "-7": "-7", "false": "false", "gold": "gold"}
    store.send(*(span(trace_id(), text, attributes={"sojourn.metadata.plan": kind}) for text, kind in kinds.items()))
    for text in kinds:
        assert listed(store, f"metadata.plan = {text}") == [text]
        assert listed(store, f'[{{"field": "metadata.plan", "operator": "in", "value": ["{text}", "y"]}}]') == [text]


def test_metrics_are_one_question_to_the_engine(store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    store.send(span(trace_id(), attributes={"session.id": "s", **usage()}))
    asked: list[str] = []
    rows = engine.rows

    def counted(sql: str, values: Any = None) -> Any:
        asked.append(sql)
        return rows(sql, values)

    monkeypatch.setattr(engine, "rows", counted)
    found = store.queries.metrics(store.project, MetricsAsk(T0, T0 + SECOND, group_by="model"))
    assert (found.summary.requests, len(found.series), len(found.groups or ())) == (1, 1, 1)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/v1/metrics", {"extended": "yes"}, "extended"),
        ("/v1/metrics", {"start_date": "2026-06-23T00:00:00Z", "end_date": "2026-09-21T00:00:01Z"}, "start_date"),
        ("/v1/sessions", {"sort_by": "colour"}, "sort_by"),
        ("/v1/traces", {"sort_by": "colour"}, "sort_by"),
        ("/v1/sessions", {"min_cost": "much"}, "min_cost"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_what_can(
    gateway: Served, path: str, query: dict[str, str], field: str
) -> None:
    if path == "/v1/metrics":
        query = {"start_date": "2026-09-20T00:00:00Z", "end_date": "2026-09-21T00:00:00Z", **query}
    answer = gateway.get(path, **query)
    assert answer.status_code == 400
    assert field in answer.json()["error"]["details"]


def test_metrics_reach_back_ninety_days(gateway: Served) -> None:
    gateway.data("/v1/metrics", start_date="2026-06-23T00:00:00Z", end_date="2026-09-21T00:00:00Z")


def test_sessions_are_chosen_by_model_and_by_ranges(gateway: Served) -> None:
    store = Store(gateway.engine, gateway.services.ingest, gateway.services.queries, gateway.project)
    store.send(span(trace_id(), lasts_s=1, attributes={"session.id": "small", **usage(10, 1)}))
    store.send(span(trace_id(), lasts_s=9, attributes={"session.id": "large", **usage(90_000, 900)}))

    def ids(**query: str) -> list[str]:
        return sorted(one["id"] for one in gateway.data("/v1/sessions", **query))

    assert ids(model="gpt-4o-mini-2024-07-18") == ["large", "small"]
    assert ids(model="other") == []
    assert ids(min_tokens="100") == ["large"]
    assert ids(max_tokens="11") == ["small"]
    assert ids(min_cost="0.001", max_cost="1") == ["large"]
    assert ids(min_duration="500", max_duration="8999.5") == ["small"]
