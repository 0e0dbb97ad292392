"""Every page of a list is what sorting and sifting all requests gives, whatever way it was found."""

from __future__ import annotations

import json
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sojourn import semconv
from sojourn_gateway.engine.request_lists import needles
from sojourn_gateway.model.containment import contains
from sojourn_gateway.model.request import ConversationsAsk, RequestsAsk
from sojourn_gateway.query import Queries
from tests.gateway.sender import Store, span, traces

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.ingest import Ingest
    from sojourn_gateway.model.request import Request, SortRequests

OWN = "the project itself"
COUNT = 240
"""More than a first look takes in."""


def one_trace(chance: Random) -> list[Span]:
    """A trace that is a request in one way or another, or in none."""
    trace = chance.randbytes(16)
    session = {"session.id": f"s-{chance.randrange(12)}"} if chance.random() < 0.8 else {}
    told: dict[str, Any] = dict(session)
    for name, values in (
        ("@agentuity/orgId", ("org_1", "org_2")),
        ("@agentuity/projectId", ("proj_1", OWN)),
        ("@agentuity/env", ("staging", "production")),
        ("@agentuity/devmode", (True, False)),
        ("http.request.method", ("GET",)),
        ("sojourn.metadata.tier", (1, 2, "2", True)),
    ):
        if chance.random() < 0.15:
            told[name] = chance.choice(values)
    begins, lasts = chance.randrange(60), chance.choice((None, 1, 2, 3, 5, 8))
    error = "boom" if chance.random() < 0.1 else None
    root = span(trace, "root", at_s=begins, lasts_s=lasts, attributes=told, error=error)
    agent = {semconv.AGENT_NAME: f"agent {chance.randrange(3)}"} if chance.random() < 0.1 else {}
    child = span(trace, "child", parent=root, at_s=begins + 1, lasts_s=4, attributes={**session, **agent})
    if chance.random() < 0.1:
        # In another session, and so a second row.
        child = span(trace, "moved", parent=root, at_s=begins + 3, lasts_s=9, attributes={"session.id": "s-other"})
    found = [root, child]
    if chance.random() < 0.1:
        begun = {"id": f"sess_{trace.hex()}", "orgId": "org_3", "trigger": chance.choice(("cron", "api")), "url": "/"}
        done = {semconv.REQUEST_DONE: json.dumps({"statusCode": chance.choice((200, 500))})}
        ended = chance.random() < 0.7
        hand = {semconv.REQUEST_BEGUN: json.dumps(begun), **session, **(done if ended else {})}
        found.append(span(trace, "by hand", at_s=begins, lasts_s=2 if ended else None, attributes=hand))
    return found


@pytest.fixture(scope="module")
def crowd(engine: Engine, ingest: Ingest) -> Store:
    """A project of traces of all kinds, most of which begin when another does."""
    store = Store(engine, ingest, Queries(engine), f"p-{uuid4().hex[:12]}")
    chance = Random(7)
    spans = [one for _ in range(COUNT) for one in one_trace(chance)]
    assert store.post("traces", traces(spans)).rejected == ()
    return store


def lasted(one: Request, *, descending: bool) -> tuple[bool, int]:
    took = one.duration_ns
    return took is None, 0 if took is None else -took if descending else took


def in_order(found: list[Request], sort_by: SortRequests, *, descending: bool) -> list[Request]:
    sign = -1 if descending else 1
    if sort_by == "duration":
        return sorted(found, key=lambda one: (*lasted(one, descending=descending), one.trace_id))
    if sort_by == "updated":
        return sorted(found, key=lambda one: (sign * one.heard_ns, one.trace_id))
    return sorted(found, key=lambda one: (sign * one.start_ns, one.trace_id))


ASKS: list[tuple[dict[str, Any], Callable[[Request], bool]]] = [
    ({}, lambda _: True),
    ({"org": "org_1"}, lambda one: one.org == "org_1"),
    ({"project": OWN}, lambda one: one.project == OWN),
    ({"project": "proj_1"}, lambda one: one.project == "proj_1"),
    ({"env": "production", "devmode": False}, lambda one: one.env == "production" and not one.devmode),
    ({"env": "staging"}, lambda one: one.env == "staging"),
    ({"devmode": True}, lambda one: one.devmode),
    ({"trigger": "manual"}, lambda one: one.trigger == "manual"),
    ({"trigger": "api"}, lambda one: one.trigger == "api"),
    ({"trigger": "cron"}, lambda one: one.trigger == "cron"),
    ({"success": True}, lambda one: one.success),
    ({"success": False}, lambda one: not one.success),
    ({"agent": "agent 1"}, lambda one: any(agent.identifier == "agent 1" for agent in one.agents)),
    ({"conversation": "s-other"}, lambda one: one.conversation == "s-other"),
    ({"conversation": "s-3"}, lambda one: one.conversation == "s-3"),
    ({"conversation": "s-3", "success": True}, lambda one: one.conversation == "s-3" and one.success),
    ({"metadata": {"tier": 2}}, lambda one: contains(one.metadata, {"tier": 2})),
    (
        {"metadata": {"tier": True}, "org": "org_1"},
        lambda one: one.org == "org_1" and contains(one.metadata, {"tier": True}),
    ),
]


@pytest.mark.parametrize(("asked", "is_asked"), ASKS, ids=[str(asked) for asked, _ in ASKS])
def test_a_page_is_what_sorting_and_sifting_gives(
    crowd: Store, asked: dict[str, Any], is_asked: Callable[[Request], bool]
) -> None:
    everything = crowd.queries.requests.page(crowd.project, OWN, RequestsAsk(limit=1000))
    assert len(everything) == COUNT
    chosen = [one for one in everything if is_asked(one)]
    sorts: tuple[SortRequests, ...] = ("created", "updated", "duration")
    for number, (sort_by, descending) in enumerate(product(sorts, (True, False))):
        limit, offset = ((5, 0), (7, 20))[number % 2 ^ number // 2 % 2]
        ask = RequestsAsk(limit=limit, offset=offset, sort_by=sort_by, descending=descending, **asked)
        page = crowd.queries.requests.page(crowd.project, OWN, ask)
        assert page == in_order(chosen, sort_by, descending=descending)[offset : offset + limit], ask


def test_threads_belong_to_whoever_their_first_request_names(crowd: Store) -> None:
    requests = crowd.queries.requests
    everything = requests.conversations(crowd.project, OWN, ConversationsAsk(limit=1000))
    assert len(everything) == 13
    for name in ("org", "project"):
        for value in ("org_1", "org_3", "proj_1", OWN, "nobody"):
            ask = ConversationsAsk(limit=1000, **{name: value})  # type: ignore[arg-type]  # text, as both are
            told = [one for one in everything if getattr(one, name) == value]
            assert requests.conversations(crowd.project, OWN, ask) == told, ask


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ({"n": 7}, {"n": 7.0}),
        ({"n": 7.0}, {"n": 7}),
        ({"n": -0.0}, {"n": 0}),
        ({"n": 1e22}, {"n": 10**22}),
        ({"n": 0.1, "b": True, "z": None}, {"n": 0.1, "b": True, "z": None}),
        ({"a": [{"b": "x", "c": 1}]}, {"a": [{"b": "x"}]}),
        ({"a": {"b": {"c": "d\n"}}}, {"a": {"b": {}}}),
        ({'na"me\\': "caf\N{LATIN SMALL LETTER E WITH ACUTE}"}, {'na"me\\': "caf\N{LATIN SMALL LETTER E WITH ACUTE}"}),
    ],
    ids=str,
)
def test_what_is_looked_for_stands_in_all_that_contains_it(kept: dict[str, Any], asked: dict[str, Any]) -> None:
    written = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))

    assert contains(kept, asked)
    assert [one for one in needles(asked) if one not in written] == []
