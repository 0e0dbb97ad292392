"""Filters, orders and pages of `GET /session`, over sessions that differ in one thing each."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sojourn.home import Home
from sojourn_gateway.model.containment import contains
from sojourn_gateway.settings import Settings
from tests.gateway.agentuity.by_hand import AT_MS, Runtime
from tests.gateway.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn_gateway.engine import Engine

DEEP = {"user": "u-1", "tags": ["a", {"b": [1, 2]}], "plan": {"tier": 2, "trial": True, "until": None}}
CROWD: dict[str, dict[str, Any]] = {
    "plain": {},
    "org": {"orgId": "org_2"},
    "project": {"projectId": "proj_2"},
    "deployment": {"deploymentId": "deploy_2"},
    "trigger": {"trigger": "cron"},
    "env": {"environment": "staging"},
    "devmode": {"devmode": True},
    "thread": {"threadId": "thrd_2"},
    "agent": {"agentIds": ["agent_2", "agentid_7"]},
    "failed": {"statusCode": 502, "lasts_ms": 9000},
    "deep": {"metadata": DEEP},
    "quoted": {"metadata": {'na"me\\': "caf\N{LATIN SMALL LETTER E WITH ACUTE}\n"}},
}
"""Each begins a second after the one before."""


@pytest.fixture(scope="module")
def crowd(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Runtime, dict[str, str]]]:
    """A reader, and the names of the sessions by their ids; one more is pending."""
    home = Home(tmp_path_factory.mktemp("crowd") / "home")
    with served(engine, home, Settings(project=f"crowd-{uuid4().hex[:8]}")) as running, ThreadPoolExecutor(16) as pool:
        runtime = Runtime(running)
        begun = {
            name: pool.submit(runtime.serve, at_ms=AT_MS + 1000 * number, **more)
            for number, (name, more) in enumerate(CROWD.items())
        }
        names = {told.result(): name for name, told in begun.items()}
        runtime.begin("pending", at_ms=AT_MS + 1000 * len(CROWD))
        yield runtime, {**names, "pending": "pending"}


def ask(crowd: tuple[Runtime, dict[str, str]], **query: Any) -> list[str]:
    """The names of a list."""
    runtime, names = crowd
    return [names[own_id] for own_id in runtime.sessions(**query)]


def test_each_filter_finds_what_it_says(crowd: tuple[Runtime, dict[str, str]]) -> None:
    everything = [*CROWD, "pending"][::-1]
    assert ask(crowd, limit=100) == everything
    assert ask(crowd, limit=100, orgId="", metadata="{}") == everything
    for query, name in (
        ({"orgId": "org_2"}, "org"),
        ({"projectId": "proj_2"}, "project"),
        ({"deploymentId": "deploy_2"}, "deployment"),
        ({"trigger": "cron"}, "trigger"),
        ({"env": "staging"}, "env"),
        ({"devmode": "true"}, "devmode"),
        ({"threadId": "thrd_2"}, "thread"),
        ({"agentIdentifier": "agent_2"}, "agent"),
        ({"orgId": "org_1", "agentIdentifier": "agent_2", "success": "true"}, "agent"),
    ):
        assert ask(crowd, limit=100, **query) == [name], query
    assert ask(crowd, limit=100, success="false") == ["pending", "failed"]
    assert ask(crowd, limit=100, devmode="false") == [name for name in everything if name != "devmode"]
    assert ask(crowd, limit=100, trigger="pigeon") == []
    assert ask(crowd, agentIdentifier="agentid_7") == []
    # Strictly, as instants, whatever the offset.
    third = "2026-09-21T16:13:22.123+02:00"
    assert ask(crowd, startBefore=third) == ["org", "plain"]
    assert ask(crowd, startAfter=third, startBefore="2026-09-21T14:13:25.123Z") == ["trigger", "deployment"]
    assert ask(crowd, startAfter="2030-01-01") == []
    assert len(ask(crowd, startAfter="1950-01-01T00:00:00Z")) == 10


def test_pages_and_orders_are_stable(crowd: tuple[Runtime, dict[str, str]]) -> None:
    everything = [*CROWD, "pending"][::-1]
    assert ask(crowd) == everything[:10]
    assert ask(crowd, limit=3, offset=2) == everything[2:5]
    assert ask(crowd, limit=0) == []
    assert ask(crowd, offset=10**30) == []
    assert ask(crowd, limit=10**30, direction="asc") == everything[::-1]
    assert ask(crowd, limit=100, sort="startTime") == everything
    by_end = ask(crowd, limit=100, sort="updated")
    assert by_end[:3] == ["failed", "quoted", "pending"]
    for direction in ("asc", "desc"):
        by_duration = ask(crowd, limit=100, sort="duration", direction=direction)
        # What has no duration yet comes last either way.
        assert by_duration[-1] == "pending"
        assert by_duration[-2 if direction == "asc" else 0] == "failed"
        parts = [ask(crowd, limit=4, offset=at, sort="duration", direction=direction) for at in (0, 4, 8, 12)]
        assert [name for part in parts for name in part] == by_duration


CONTAINED: list[Any] = [
    {"user": "u-1"},
    {"plan": {"tier": 2}},
    {"plan": {"tier": 2.0, "trial": True, "until": None}},
    {"tags": ["a"]},
    {"tags": []},
    {"tags": [{"b": [2]}, "a", "a"]},
    {"plan": {}, "tags": [{"b": [2, 1]}]},
]
FOREIGN: list[Any] = [
    {"user": "u-2"},
    {"User": "u-1"},
    {"plan": {"tier": "2"}},
    {"plan": {"trial": 1}},
    {"plan": {"tier": True}},
    {"plan": {"until": False}},
    {"plan": [2]},
    {"tags": "a"},
    {"tags": ["b"]},
    {"tags": [1]},
    {"user": ["u-1"]},
    {"nobody": None},
]


def test_metadata_is_matched_by_containment(crowd: tuple[Runtime, dict[str, str]]) -> None:
    assert all(contains(DEEP, one) for one in CONTAINED)
    assert not any(contains(DEEP, one) for one in FOREIGN)
    assert ask(crowd, metadata=json.dumps(CONTAINED[2])) == ["deep"]
    assert ask(crowd, metadata=json.dumps(CONTAINED[5]), orgId="org_1") == ["deep"]
    assert ask(crowd, metadata=json.dumps({"plan": {"trial": 1}})) == []
    quoted = CROWD["quoted"]["metadata"]
    assert ask(crowd, metadata=json.dumps(quoted)) == ["quoted"]
    assert ask(crowd, metadata=json.dumps(quoted), offset=1) == []
