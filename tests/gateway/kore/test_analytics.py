"""The public analytics: sessions, events, ledger and messages, by GET and by POST."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from sojourn.home import Home
from sojourn_gateway.apis.kore import analytics as streaming
from sojourn_gateway.settings import Settings
from tests.gateway.kore.reading import Kore, error_of, under
from tests.gateway.sender import end, event, span, trace_id, usage
from tests.gateway.serving import served
from tests.gateway.story import ANSWER, QUESTION, support_session

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served

DATES = {"fromDate": "2020-01-01T00:00:00Z", "toDate": "2200-01-01T00:00:00Z"}


@dataclass(frozen=True, slots=True)
class Analytics:
    """The endpoints of one project."""

    kore: Kore

    def ask(self, what: str, **query: Any) -> httpx.Response:
        """Any answer."""
        return self.kore.gateway.get(self._path(what), **query)

    def told(self, what: str, **query: Any) -> dict[str, Any]:
        """A good answer, which GET and POST give alike."""
        answer = self.ask(what, **DATES, **query)
        twin = self.kore.gateway.client.post(self._path(what), json={**DATES, **query})
        assert (answer.status_code, twin.status_code) == (200, 200), answer.text + twin.text
        told: dict[str, Any] = answer.json()
        assert told == twin.json() | ({} if "sessions" not in told else {"sessions": told["sessions"]})
        assert told["success"] is True
        return told

    def _path(self, what: str) -> str:
        return f"/api/public/analytics/projects/{self.kore.gateway.project}/{what}"


@pytest.fixture
def analytics(gateway: Served) -> Analytics:
    """The endpoints of a project that only this test sees."""
    return Analytics(Kore(gateway))


def call(session: str, at_s: float, **more: Any) -> Span:
    """A call of a model that is a turn by itself."""
    return span(trace_id(), "chat", at_s=at_s, attributes=usage(**under(session__id=session)) | more)


def test_sessions_are_told_with_their_counts(analytics: Analytics) -> None:
    analytics.kore.gateway.keep(support_session("s1"), end_state="Success")
    update = under(sojourn__metadata__plan="pro", sojourn__metadata__channel="web_debug")
    analytics.kore.tell(event("sojourn.session.update", "s1", **update))

    told = analytics.told("sessions")

    (item,) = told.pop("sessions")
    assert told == {"success": True, "total": 1, "offset": 0, "limit": 100, "hasMore": False}
    assert {name: item[name] for name in item if not name.endswith(("At", "Ms"))} == {
        "id": "s1",
        "channel": "web_debug",
        "environment": None,
        "status": "completed",
        "containmentType": "contained_resolved",
        "messageCount": {"user": 2, "agent": 1, "total": 3},
        "traceEventCount": {"llm_call": 3, "decision": 0, "tool_call": 2, "error": 1, "total": 9},
        "tokenCount": {
            "inputTokens": 4114,
            "cachedTokens": 2048,
            "completionTokens": 213,
            "reasoningTokens": 0,
            "outputTokens": 213,
            "totalTokens": 4327,
        },
        "traceDimensions": {"plan": "pro"},
        "estimatedCost": 0.0005913,
        "isTest": True,
    }
    assert item["idleDurationMs"] == item["durationMs"] - 5200
    assert analytics.told("sessions", **{"traceDimensions[plan]": "pro"})["total"] == 1
    assert analytics.told("sessions", **{"traceDimensions[plan]": "free"})["total"] == 0
    body = {**DATES, "traceDimensions": {"plan": "pro"}, "sessionIds": ["s1", "s2"]}
    path = f"/api/public/analytics/projects/{analytics.kore.gateway.project}/sessions"
    assert analytics.kore.gateway.client.post(path, json=body).json()["total"] == 1
    assert analytics.ask("sessions", sessionIds="s1,s2").json()["total"] == 1


def test_sessions_are_chosen_by_state_and_containment(analytics: Analytics) -> None:
    states = {"good": "Success", "bad": "Fail", "left": "Indeterminate"}
    analytics.kore.keep(*(call(session, 0) for session in states))
    analytics.kore.tell(*(end(session, state, at_s=5) for session, state in states.items()))

    def chosen(**query: Any) -> set[str]:
        return {one["id"] for one in analytics.told("sessions", **query)["sessions"]}

    assert chosen(status="completed") == {"good"}
    assert chosen(status="abandoned") == {"bad"}
    assert chosen(containmentType="contained") == {"good", "left"}
    assert chosen(containmentType="abandoned") == {"bad"}
    assert chosen(containmentType="contained_partial") == set()
    assert chosen(containmentType="contained", status="ended") == {"left"}
    assert chosen(containmentType="escalated", status="ended") == set()
    assert chosen(limit=2) | chosen(offset=2, limit=2) == set(states)


def test_events_are_told_trace_by_trace_and_a_cursor_goes_on(analytics: Analytics) -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find", "session.id": "b"}
    analytics.kore.keep(
        call("a", 0),
        call("b", 10),
        span(
            trace_id(),
            "execute_tool find",
            at_s=20,
            error="late",
            attributes=tool | {"gen_ai.tool.call.arguments": '{"q":1}', "error.type": "TimeoutError"},
        ),
        call("c", 30, **under(sojourn__metadata__channel="voice")),
    )

    def names(**query: Any) -> list[str]:
        return [one["eventName"] for trace in analytics.told("traces", **query)["traces"] for one in trace["events"]]

    whole = analytics.told("traces")
    assert [(trace["sessionId"], [one["eventType"] for one in trace["events"]]) for trace in whole["traces"]] == [
        ("a", ["llm"]),
        ("b", ["llm"]),
        ("b", ["tool", "error"]),
        ("c", ["llm"]),
    ]
    assert whole["pageInfo"] == {"hasMore": False, "nextCursor": None}
    failed = whole["traces"][2]["events"][0]
    assert (failed["eventName"], failed["isFailure"], failed["error"]) == (
        "tool.call.failed",
        True,
        {"type": "TimeoutError", "message": "late"},
    )
    assert failed["eventData"] == {
        "toolName": "find",
        "toolType": "function",
        "success": False,
        "latencyMs": 1000.0,
        "resultSizeBytes": 0,
        "executionSkipped": False,
        "operationalFailure": True,
    }
    full = analytics.told("traces", dataMode="full", eventNames="tool.call.failed")
    assert full["traces"][0]["events"][0]["eventData"]["payloadData"] == {
        "input": {"q": 1},
        "output": None,
        "details": "late",
    }
    assert whole["traces"][0]["events"][0]["eventData"]["estimatedCost"] == {"amount": 0.000021, "currency": "USD"}

    for order in ("asc", "desc"):
        ids = [
            one["eventId"] for trace in analytics.told("traces", sortOrder=order)["traces"] for one in trace["events"]
        ]
        found: list[str] = []
        more: dict[str, Any] = {}
        while True:
            page = analytics.told("traces", limit=2, sortOrder=order, **more)
            found += [one["eventId"] for trace in page["traces"] for one in trace["events"]]
            if not page["pageInfo"]["hasMore"]:
                break
            more = {"cursor": page["pageInfo"]["nextCursor"]}
        assert found == ids
        assert len(ids) == 5

    assert names(eventTypes="tool,error") == ["tool.call.failed", "error"]
    assert names(hasError=True) == ["tool.call.failed", "error"]
    assert names(sessionIds="a") == names(channel="voice") == ["llm.call.completed"]
    assert names(traceId=whole["traces"][2]["traceId"], eventTypes="tool") == ["tool.call.failed"]
    assert names(eventId=failed["eventId"]) == ["tool.call.failed"]
    odd = analytics.told("traces", eventNames="llm.call.failed,no.such")
    assert (odd["traces"], odd["meta"]["unsupportedEventNamesRequested"]) == ([], ["no.such"])
    cursor = analytics.told("traces", limit=1)["pageInfo"]["nextCursor"]
    for query in (
        {"cursor": cursor, "hasError": True},
        {"cursor": "no"},
        {"eventTypes": "llm,nothing"},
        {"limit": 10_001},
    ):
        assert error_of(analytics.ask("traces", **DATES, **query)) == (400, "VALIDATION_ERROR"), query


def test_the_ledger_and_the_conversation_are_told(analytics: Analytics) -> None:
    analytics.kore.gateway.keep(support_session("s1"))

    calls = analytics.told("llm-ledger", limit=2)
    talk = analytics.told("conversation-history")

    assert {name: value for name, value in calls.items() if name != "generations"} == {
        "success": True,
        "statusCode": 200,
        "total": 3,
        "limit": 2,
        "offset": 0,
        "dataMode": "summary",
        "hasMore": True,
    }
    assert [one["totalTokens"] for one in calls["generations"]] == [1505, 1530]
    assert [(one["role"], one["content"], one["sessionId"]) for one in talk["messages"]] == [
        ("user", QUESTION, "s1"),
        ("assistant", ANSWER, "s1"),
        ("user", "<b>Thanks</b> & bye", "s1"),
    ]
    assert (talk["totalRecords"], talk["hasMore"]) == (3, False)
    first = analytics.told("conversation-history", limit=2)
    rest = analytics.told("conversation-history", limit=2, cursor=first["nextCursor"])
    assert first["messages"] + rest["messages"] == talk["messages"]


def test_what_cannot_be_understood_is_refused(analytics: Analytics) -> None:
    for what in ("sessions", "traces", "llm-ledger", "conversation-history"):
        assert error_of(analytics.ask(what)) == (400, "VALIDATION_ERROR"), what
        assert error_of(analytics.ask(what, **DATES, limit=0)) == (400, "VALIDATION_ERROR"), what
        backwards = {"fromDate": DATES["toDate"], "toDate": DATES["fromDate"]}
        assert error_of(analytics.ask(what, **backwards)) == (400, "VALIDATION_ERROR"), what
    assert error_of(analytics.ask("sessions", **DATES, status="failed")) == (400, "VALIDATION_ERROR")
    assert error_of(analytics.ask("nothing", **DATES)) == (404, "NOT_FOUND")
    client, path = (
        analytics.kore.gateway.client,
        f"/api/public/analytics/projects/{analytics.kore.gateway.project}/sessions",
    )
    assert error_of(client.post(path, json={**DATES, "limit": {"a": []}})) == (400, "VALIDATION_ERROR")
    assert error_of(client.post(path, content=b"[]")) == (400, "BAD_REQUEST")
    assert error_of(client.get(path, params=DATES, headers={"Authorization": "Bearer x"})) == (401, "UNAUTHORIZED")
    half = client.post(path, content=json.dumps({**DATES, "sessionIds": ["\ud800"], "channel": "\ud800"}))
    assert (half.status_code, half.json()["sessions"]) == (200, [])
    other = "/api/public/analytics/projects/another/sessions"
    assert error_of(client.get(other, params=DATES)) == (404, "NOT_FOUND")


def test_a_cursor_that_was_made_up_is_refused(analytics: Analytics) -> None:
    analytics.kore.keep(call("a", 0), call("b", 5))
    given = analytics.told("traces", limit=1)["pageInfo"]["nextCursor"]
    bound, begun, trace, session, rank = json.loads(base64.urlsafe_b64decode(given + "=="))
    for made_up in ([bound, begun, "\N{SKULL}" * 32, session, rank], [bound, 2**64, trace, session, rank], [bound], 7):
        cursor = base64.urlsafe_b64encode(json.dumps(made_up).encode()).decode()
        assert error_of(analytics.ask("traces", **DATES, cursor=cursor)) == (400, "VALIDATION_ERROR"), made_up
    half = json.dumps([bound, begun, trace, "\ud800", rank]).encode()
    answer = analytics.ask("traces", **DATES, cursor=base64.urlsafe_b64encode(half).decode(), limit=1)
    assert answer.status_code == 200, answer.text


def test_a_filter_that_passes_over_many_turns_goes_on_page_by_page(analytics: Analytics) -> None:
    turns = [span(trace_id(), "chat", at_s=at, attributes=usage()) for at in range(1_030)]
    analytics.kore.keep(
        *turns, span(trace_id(), "chat", at_s=1_010.5, attributes={**usage(), "gen_ai.agent.name": "Ada"})
    )
    for order in ("asc", "desc"):
        asked = {**DATES, "agentName": "Ada", "sortOrder": order}
        pages: list[int] = []
        cursor: dict[str, str] = {}
        while (cursor or not pages) and len(pages) < 5:
            told = analytics.ask("traces", **asked, **cursor).json()
            pages.append(told["meta"]["returned"])
            following = told["pageInfo"]["nextCursor"]
            assert told["pageInfo"]["hasMore"] == (following is not None)
            cursor = {} if following is None else {"cursor": following}
        assert pages == ([0, 1] if order == "asc" else [1, 0])


def test_sessions_that_are_held_one_at_a_time_tell_the_same_events(
    analytics: Analytics, monkeypatch: pytest.MonkeyPatch
) -> None:
    analytics.kore.keep(*(call(f"s{at % 3}", at) for at in range(9)))
    together = analytics.told("traces")["traces"]

    monkeypatch.setattr(streaming, "_STEPS_AT_ONCE", 1)

    assert analytics.told("traces")["traces"] == together
    assert [one["sessionId"] for one in together] == ["s0", "s1", "s2"] * 3


def test_a_key_that_may_only_read_may_ask_by_post_and_erase_nothing(engine: Engine, home: Path) -> None:
    with served(engine, Home(home), replace(Settings(), require_keys=True)) as gateway:
        project = f"reader-{home.parent.name}"
        secret = gateway.services.access.keys.make(project, "r", permissions=("*.read",)).secret
        headers = {"x-api-key": secret}
        path = f"/api/public/analytics/projects/{project}/sessions"

        assert gateway.client.post(path, json=DATES, headers=headers).status_code == 200
        sessions = f"/api/projects/{project}/sessions"
        assert gateway.client.get(sessions, headers=headers).status_code == 200
        assert error_of(gateway.client.post(sessions, json={"agentId": "a"}, headers=headers)) == (403, "FORBIDDEN")
        assert error_of(gateway.client.delete(f"{sessions}/x", headers=headers)) == (403, "FORBIDDEN")
