"""Every filter that docs/filters.md shows finds what it says, and not everything."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast, get_args

import pytest

from sojourn_gateway.ingest.scores import NewScore, Scorebook
from sojourn_gateway.model.score import ScoresAsk
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.model.trace import TracesAsk
from sojourn_gateway.model.where import Resource
from sojourn_gateway.query.filters import parse_filter
from tests.gateway.sender import Store, end, event, span, trace_id, usage

if TYPE_CHECKING:
    from sojourn_gateway.model.where import Where

PAGE: Final = Path(__file__).parents[2] / "docs" / "filters.md"


def examples() -> list[tuple[Resource, str]]:
    """Each line of each block that shows filters, with what they are for."""
    blocks = re.findall(r"^```filter (\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert {name for name, _ in blocks} == set(get_args(Resource))
    return [(cast("Resource", name), line) for name, block in blocks for line in block.splitlines()]


def fill(store: Store) -> None:
    """A session that went wrong, and one that says nothing much."""
    asked = [{"role": "user", "parts": [{"type": "text", "content": "Where is my order 4812?"}]}]
    call = span(
        trace_id(),
        "chat",
        attributes={
            **usage(4000, 100),
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "session.id": "checkout-17",
            "user.id": "ada",
            "sojourn.metadata.plan": "gold",
            "sojourn.metadata.seats": 4,
            "gen_ai.input.messages": json.dumps(asked),
        },
        error="card declined",
    )
    dull = {**usage(10, 1000), "gen_ai.response.model": "other", "gen_ai.request.model": "other", "session.id": "dull"}
    store.send(call, span(trace_id(), "dull", lasts_s=0.01, attributes={**dull, "sojourn.input": "newsletter"}))
    begun = event("session.start", "checkout-17", sojourn__session__name="Checkout", sojourn__session__tags=["refund"])
    store.tell(begun, end("checkout-17", "Fail", at_s=9))
    grades = ((call.span_id.hex(), 0.9), ("dull", 0.1))
    scores = [NewScore(resource_id=one, name="helpful", score=score) for one, score in grades]
    Scorebook(store.engine).keep(store.project, scores)


def count(store: Store, resource: Resource, where: Where | None) -> int:
    match resource:
        case "traces":
            return store.queries.traces(store.project, TracesAsk(where=where)).total
        case "spans":
            return store.queries.spans(store.project, SpansAsk(where=where)).total
        case "sessions":
            return store.queries.sessions(store.project, SessionsAsk(where=where)).total
        case "scores":
            return store.queries.scores(store.project, ScoresAsk(where=where)).total


def test_every_filter_of_the_page_finds_the_one_and_not_the_other(store: Store) -> None:
    fill(store)
    shown = examples()
    resources: tuple[Resource, ...] = get_args(Resource)
    assert [count(store, resource, None) for resource in resources] == [2] * len(resources)

    found = {(resource, told): count(store, resource, parse_filter(resource, told)) for resource, told in shown}

    assert found == dict.fromkeys(shown, 1)


@pytest.mark.parametrize("resource", get_args(Resource))
def test_the_page_shows_filters_for_everything(resource: Resource) -> None:
    assert any(one == resource for one, _ in examples())
