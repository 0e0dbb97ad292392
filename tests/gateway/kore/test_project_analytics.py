"""A project's analytics: every sum equals what counting the events of its sessions gives."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from sojourn_gateway.apis.kore.openapi import document
from tests.gateway.kore.chances import some_session
from tests.gateway.kore.reading import Kore, error_of, under
from tests.gateway.sender import end, event, span, trace_id, usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx

    from tests.gateway.serving import Served

SEED = 11_221_606
HOUR = "2026-09-21T14:00:00.000Z"


@pytest.fixture
def kore(gateway: Served) -> Kore:
    """The endpoints of a project that only this test sees."""
    return Kore(gateway)


def ask(kore: Kore, what: str, **query: Any) -> httpx.Response:
    """Any answer."""
    return kore.gateway.get(f"/api/projects/{kore.gateway.project}/analytics/{what}", **query)


def told(kore: Kore, what: str, **query: Any) -> dict[str, Any]:
    """What a good answer tells."""
    answer = ask(kore, what, **query)
    assert answer.status_code == 200, answer.text
    whole = answer.json()
    assert set(whole) == {"success", "data"}
    assert whole["success"] is True
    found: dict[str, Any] = whole["data"]
    return found


def counts(kore: Kore, group: str, **query: Any) -> dict[str | None, int]:
    """How many events of each group."""
    return {one[group]: one["count"] for one in told(kore, "metrics", groupBy=group, **query)["buckets"]}


def by(events: Iterable[dict[str, Any]], name: str) -> dict[Any, int]:
    """The same, counted."""
    return dict(Counter(one[name] for one in events))


def test_sums_over_sessions_of_any_shape_are_counts_of_their_events(kore: Kore) -> None:
    chance = random.Random(SEED)
    sessions = [f"session {number}" for number in range(20)]
    kore.keep(*(one for session in sessions for one in some_session(chance, session)))
    kore.tell(
        *(event("exception", session, exception__type="KeyError") for session in sessions[::3]),
        *(event("sojourn.session.update", session, sojourn__metadata__channel="voice") for session in sessions[::4]),
    )
    events: list[dict[str, Any]] = kore.get("/export", format="json").json()
    calls = [one for one in events if one["type"] == "llm_call"]

    assert counts(kore, "event_type") == by(events, "type")
    assert counts(kore, "agent_name") == by(events, "agentName")
    for kind, count in by(events, "type").items():
        assert counts(kore, "event_type", eventType=kind) == {kind: count}
    assert counts(kore, "agent_name", eventType="llm_call") == by(calls, "agentName")
    assert sum(counts(kore, "day").values()) == len(events)
    spoken = set(sessions[::4])
    assert counts(kore, "channel") == {
        "voice": sum(one["sessionId"] in spoken for one in events),
        "api": sum(one["sessionId"] not in spoken for one in events),
    }
    (whole,) = told(
        kore, "metrics", groupBy="category", category="llm", metrics="count,error_rate,sum_tokens,sum_cost,avg_duration"
    )["buckets"]
    lasting = [one["durationMs"] for one in calls if one["durationMs"] is not None]
    costs = [one["data"]["estimatedCost"] for one in calls if one["data"]["estimatedCost"] is not None]
    assert whole == {
        "category": "llm",
        "count": len(calls),
        "error_rate": pytest.approx(sum(one["hasError"] for one in calls) / len(calls)),
        "sum_tokens": sum(one["data"]["usage"]["totalTokens"] for one in calls),
        "sum_cost": pytest.approx(sum(costs)),
        "avg_duration": pytest.approx(sum(lasting) / len(lasting), abs=0.001),
    }
    kinds = ("error", "response", "decision")
    listed = told(kore, "events", eventType=",".join(kinds), limit=200)
    assert listed["total"] == len(listed["events"]) == sum(by(events, "type")[kind] for kind in kinds)
    assert {one["event_id"] for one in listed["events"]} == {one["id"] for one in events if one["type"] in kinds}
    for group in ("model", "agent_name", "channel", "day"):
        parted = told(kore, "cost-breakdown", groupBy=group)
        assert (parted["total_cost"], parted["total_tokens"]) == (pytest.approx(sum(costs)), whole["sum_tokens"])
    agent = told(kore, "agents/x")
    own = [one for one in events if one["agentName"] == "x"]
    assert (agent["event_count"], agent["events_by_type"]) == (len(own), by(own, "type"))


def test_costs_of_tools_are_in_every_way_to_part_them(kore: Kore) -> None:
    tool = under(gen_ai__operation__name="execute_tool", gen_ai__tool__name="find", sojourn__usage__cost=0.5)
    kore.keep(
        span(trace_id(), "chat", attributes=usage(100, 10, **under(session__id="a"))),
        span(trace_id(), "find", attributes={**tool, "session.id": "a"}),
    )

    by_model = told(kore, "cost-breakdown")

    assert [(one["model"], one["call_count"], one["cost"]) for one in by_model["breakdown"]] == [
        (None, 0, 0.5),
        ("gpt-4o-mini-2024-07-18", 1, 0.000021),
    ]
    assert by_model["total_cost"] == told(kore, "cost-breakdown", groupBy="agent_name")["total_cost"] == 0.500021


def test_sums_over_sessions_have_no_pages(kore: Kore) -> None:
    kore.keep(*(span(trace_id(), "chat", attributes=under(session__id=f"s{number}")) for number in range(3)))

    assert told(kore, "session-metrics", limit=1, offset=2)["total_sessions"] == 3
    described = document()["paths"]["/api/projects/{projectId}/analytics/session-metrics"]["get"]["parameters"]
    assert {"limit", "offset"}.isdisjoint(one["name"] for one in described)


def test_events_are_listed_newest_first_and_chosen(kore: Kore) -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find", "session.id": "a"}
    kore.keep(
        span(
            trace_id(), "chat", at_s=0, attributes=usage(100, 10, **under(session__id="a", gen_ai__agent__name="Ada"))
        ),
        span(trace_id(), "find", at_s=10, error="late", attributes={**tool, "error.type": "TimeoutError"}),
        span(trace_id(), "chat", at_s=20, attributes=usage(7, 1, **under(session__id="b"))),
    )

    def listed(**query: Any) -> list[tuple[str, str]]:
        return [(one["session_id"], one["event_type"]) for one in told(kore, "events", **query)["events"]]

    whole = told(kore, "events")
    assert (whole["total"], whole["limit"], whole["offset"], whole["hasMore"]) == (5, 50, 0, False)
    assert {name: value for name, value in whole["events"][-1].items() if name not in ("data", "event_id")} == {
        "event_type": "llm_call",
        "category": "llm",
        "name": "chat",
        "session_id": "a",
        "trace_id": kore.events("a")[0]["traceId"],
        "span_id": kore.events("a")[0]["spanId"],
        "parent_span_id": None,
        "agent_name": "Ada",
        "turn": 1,
        "timestamp": "2026-09-21T14:13:20.000Z",
        "duration_ms": 1000.0,
        "has_error": False,
        "decision_kind": None,
        "model": "gpt-4o-mini-2024-07-18",
        "input_tokens": 100,
        "output_tokens": 10,
        "total_tokens": 110,
        "cost": 0.000021,
        "tool_name": None,
    }
    assert listed() == [("b", "llm_call"), ("a", "error"), ("a", "tool_call"), ("a", "tool_result"), ("a", "llm_call")]
    assert listed(limit=2, offset=1) == [("a", "error"), ("a", "tool_call")]
    assert listed(limit=1, sortOrder="asc") == [("a", "llm_call")]
    assert listed(sessionId="b") == [("b", "llm_call")]
    assert listed(agentName="Ada") == [("a", "llm_call")]
    assert listed(hasError=True) == [("a", "error"), ("a", "tool_result")]
    assert listed(category="tool", hasError=False) == [("a", "tool_call")]
    assert listed(category="tool", eventType="llm_call") == listed(eventType="nothing") == []
    # The step began before this moment; it failed behind it.
    assert listed(**{"from": "2026-09-21T14:13:30.500Z"}) == [("b", "llm_call"), ("a", "error")]
    assert listed(to="2026-09-21T14:13:30Z") == [("a", "llm_call")]
    assert listed(channel="voice") == []


def test_groups_can_be_combined_asked_for_in_a_body_and_paged(kore: Kore) -> None:
    kore.keep(*(span(trace_id(), "chat", at_s=at, attributes=usage(10, 1)) for at in (0, 1, 3_600)))
    path = f"/api/projects/{kore.gateway.project}/analytics/query"
    body = {
        "groupBy": ["hour", "event_type"],
        "metrics": ["count", "sum_tokens", "p95_duration"],
        "filters": {"eventType": "llm_call", "hasError": False},
        "from": "2026-09-21T00:00:00Z",
    }

    answer = kore.gateway.client.post(path, json=body)

    assert answer.json() == {
        "success": True,
        "data": {
            "buckets": [
                {"hour": HOUR, "event_type": "llm_call", "count": 2, "sum_tokens": 22, "p95_duration": 1000.0},
                {
                    "hour": "2026-09-21T15:00:00.000Z",
                    "event_type": "llm_call",
                    "count": 1,
                    "sum_tokens": 11,
                    "p95_duration": 1000.0,
                },
            ],
            "total": 2,
            "hasMore": False,
            "groupBy": ["hour", "event_type"],
            "metrics": ["count", "sum_tokens", "p95_duration"],
        },
    }
    assert kore.gateway.client.post(path, json={}).json()["data"]["buckets"] == [{"event_type": "llm_call", "count": 3}]
    page = kore.gateway.client.post(path, json={**body, "limit": 1}).json()["data"]
    assert ([one["hour"] for one in page["buckets"]], page["total"], page["hasMore"]) == ([HOUR], 2, True)
    odd: list[dict[str, Any]] = [{"groupBy": "weather"}, {"metrics": ["count", "joy"]}, {"limit": 0}, {"from": "x"}]
    odd += [{"filters": 7}, {"filters": {"category": ["llm", "weather"]}}]
    for refused in odd:
        assert error_of(kore.gateway.client.post(path, json=refused)) == (400, "VALIDATION_ERROR"), refused


def test_sessions_are_summed_by_how_they_stand(kore: Kore) -> None:
    states = {"good": "Success", "better": "Success", "bad": "Fail", "left": "Indeterminate"}
    kore.keep(
        *(
            span(trace_id(), "chat", lasts_s=2, attributes=usage(10, 1, **under(session__id=session)))
            for session in (*states, "silent")
        )
    )
    update = under(sojourn__metadata__disposition="transferred")
    kore.tell(
        *(end(session, state, at_s=5) for session, state in states.items()),
        event("sojourn.session.update", "better", **update),
    )

    whole = told(kore, "session-metrics")

    assert whole["sessions_by_status"] == {"completed": 1, "escalated": 1, "ended": 2, "failed": 1}
    assert (whole["total_sessions"], whole["llm_call_count"], whole["total_tokens"]) == (5, 5, 55)
    assert (whole["avg_turns"], whole["sessions_with_errors"], whole["error_rate"]) == (1, 0, 0)
    assert whole["p50_duration_ms"] == 5000
    assert told(kore, "session-metrics", status="failed")["total_sessions"] == 1
    nothing = told(kore, "session-metrics", to="2020-01-01")
    assert (nothing["total_sessions"], nothing["avg_duration_ms"], nothing["sessions_by_status"]) == (0, None, {})


def test_costs_are_parted_by_model_agent_and_day(kore: Kore) -> None:
    kore.keep(
        span(trace_id(), "chat", attributes=usage(100, 10, **under(gen_ai__agent__name="Ada"))),
        span(trace_id(), "chat", attributes=usage(100, 10)),
        span(
            trace_id(),
            "chat",
            attributes=usage(5, 5) | under(gen_ai__request__model="our-own", gen_ai__response__model="our-own"),
        ),
    )

    parted = told(kore, "cost-breakdown")
    by_agent = told(kore, "cost-breakdown", groupBy="agent_name")
    by_day = told(kore, "cost-breakdown", groupBy="day")

    assert parted == {
        "groupBy": "model",
        "currency": "USD",
        "total_cost": 0.000042,
        "total_tokens": 230,
        "breakdown": [
            {
                "model": "gpt-4o-mini-2024-07-18",
                "call_count": 2,
                "total_tokens": 220,
                "cost": 0.000042,
                "share": 1.0,
            },
            {"model": "our-own", "call_count": 1, "total_tokens": 10, "cost": None, "share": None},
        ],
    }
    # Both cost the same, so that either may stand first.
    assert {(one["agent_name"], one["call_count"], one["share"]) for one in by_agent["breakdown"]} == {
        ("Ada", 1, 0.5),
        (None, 2, 0.5),
    }
    assert [(one["day"], one["cost"]) for one in by_day["breakdown"]] == [("2026-09-21T00:00:00.000Z", 0.000042)]


def test_what_analytics_cannot_answer_is_refused(kore: Kore) -> None:
    kore.keep(span(trace_id(), "chat", attributes=usage(1, 1, **under(gen_ai__agent__name="a/b"))))

    assert told(kore, f"agents/{quote('a/b', safe='')}", to="2020-01-01")["event_count"] == 0
    for path in ("agents/nobody", "agents", "nothing", "metrics/x", ""):
        assert error_of(ask(kore, path)) == (404, "NOT_FOUND"), path
    for path in (
        "metrics?groupBy=size",
        "metrics?metrics=joy",
        "events?limit=0",
        "events?hasError=maybe",
        "events?sortOrder=up",
        "events?category=weather",
        "session-metrics?status=none",
        "cost-breakdown?groupBy=provider,model",
        "agents/a?from=x",
    ):
        assert error_of(ask(kore, path)) == (400, "VALIDATION_ERROR"), path
    other = kore.gateway.get("/api/projects/another/analytics/metrics")
    assert error_of(other) == (404, "NOT_FOUND")
