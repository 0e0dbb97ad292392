"""Every trace of the store is a session, whichever door it came through."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

from tests.gateway.agentuity.by_hand import line, session_id
from tests.gateway.sender import SECOND, T0, logs, span, trace_id, traces, usage

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tests.gateway.agentuity.by_hand import Runtime

RESOURCE = {
    "service.name": "weather",
    "@agentuity/orgId": "org_9",
    "@agentuity/projectId": "proj_9",
    "@agentuity/deploymentId": "unknown",
    "@agentuity/env": "production",
    "@agentuity/devmode": True,
}
AGENT = {
    "@agentuity/agentId": "agent_1",
    "@agentuity/agentInstanceId": "agentid_1",
    "@agentuity/agentName": "forecaster",
    "@agentuity/threadId": "thrd_1",
}
SWAPPED = {**AGENT, "@agentuity/agentId": "agentid_2", "@agentuity/agentInstanceId": "agent_2"}


def request(trace: bytes) -> list[Span]:
    """What the runtime's own telemetry says of a request."""
    asked = {"http.method": "POST", "http.host": "weather.example.com", "http.path": "/forecast"}
    root = span(trace, "POST /forecast", lasts_s=10, attributes=asked)
    first = span(trace, "agent.run", parent=root, at_s=1, lasts_s=5, attributes=AGENT)
    second = span(trace, "agent.run", parent=root, at_s=6, lasts_s=3, attributes=SWAPPED)
    call = span(trace, "chat", parent=first, at_s=2, attributes=usage(100, 10, **{"sojourn.usage.cost": 0.25}))
    stored = span(trace, "agentuity.keyvalue.get", parent=first, at_s=3, attributes={"name": "n", "key": "k"})
    ended = span(trace, "Session End", parent=root, at_s=9.5, lasts_s=0)
    return [root, first, second, call, stored, ended]


def shape(node: dict[str, Any]) -> Any:
    """A tree of names."""
    children = [shape(child) for child in node.get("children", [])]
    return {node["operation"]: children} if children else node["operation"]


def test_telemetry_alone_makes_a_session_with_agents_and_timeline(runtime: Runtime) -> None:
    trace = trace_id()
    runtime.gateway.send(traces(request(trace), RESOURCE))
    info, unsaid = SeverityNumber.SEVERITY_NUMBER_INFO, SeverityNumber.SEVERITY_NUMBER_UNSPECIFIED
    lines = [
        line("second", trace, at_s=2, severity=info, level="info"),
        line("first", trace),
        line("last", trace, at_s=3, severity=unsaid, level="notice"),
        line("of another", trace_id()),
    ]
    runtime.gateway.send(logs(lines), signal="logs")

    own_id = f"sess_{trace.hex()}"
    (listed,) = runtime.data("/session", agentIdentifier="agent_2", projectId="proj_9", devmode="true")
    assert listed["id"] == own_id
    assert listed["agent_ids"] == ["agent_1", "agentid_1", "agentid_2", "agent_2"]
    assert (listed["org_id"], listed["deployment_id"], listed["env"]) == ("org_9", "", "production")
    assert (listed["thread_id"], listed["trigger"], listed["method"]) == ("thrd_1", "api", "POST")
    assert listed["url"] == "https://weather.example.com/forecast"
    assert (listed["pending"], listed["success"], listed["duration"]) == (False, True, 10 * SECOND)
    assert (listed["llm_cost"], listed["llm_prompt_token_count"], listed["llm_completion_token_count"]) == (
        0.25,
        100,
        10,
    )

    whole = runtime.data(f"/session/{own_id}")
    assert whole["agents"] == [{"name": "forecaster", "identifier": one} for one in ("agent_1", "agent_2")]
    assert whole["route"] is None
    timeline = whole["session"]["timeline"]
    assert shape(timeline) == {
        "POST /forecast": [{"agent.run": ["chat", "agentuity.keyvalue.get"]}, "agent.run", "Session End"]
    }
    assert (timeline["duration"], timeline["attributes"]["http.host"]) == (10_000, "weather.example.com")
    assert runtime.data(f"/cli/session/{own_id}/logs") == [
        {"body": "first", "severity": "WARN", "timestamp": "2026-09-21T14:13:21.000Z"},
        {"body": "second", "severity": "INFO", "timestamp": "2026-09-21T14:13:22.000Z"},
        {"body": "last", "severity": "NOTICE", "timestamp": "2026-09-21T14:13:23.000Z"},
    ]
    (thread,) = runtime.data("/thread", orgId="org_9")
    assert (thread["id"], thread["project_id"], thread["metadata"]) == ("thrd_1", "proj_9", None)


def test_what_is_told_by_hand_and_by_telemetry_is_one_session(runtime: Runtime) -> None:
    own_id = session_id()
    trace = bytes.fromhex(own_id.removeprefix("sess_"))
    at_ms = T0 // 1_000_000
    runtime.begin(own_id, at_ms=at_ms, threadId="thrd_1", trigger="websocket")
    runtime.gateway.send(traces(request(trace), RESOURCE))
    # The runtime's own marker and root say that it ended, even while nobody told so by hand.
    (listed,) = runtime.data("/session")
    assert (listed["pending"], listed["success"], listed["duration"]) == (False, True, 10 * SECOND)
    runtime.done(own_id, at_ms=at_ms + 10_400, threadId="thrd_1", agentIds=["agent_1", "agentid_1"])
    (listed,) = runtime.data("/session")
    # Telemetry is finer than a clock by hand; what only the hand can tell comes from there.
    assert (listed["duration"], listed["trigger"], listed["org_id"]) == (10 * SECOND, "websocket", "org_1")
    assert listed["url"] == "https://weather.example.com/forecast"
    whole = runtime.data(f"/session/{own_id}")
    assert [one["identifier"] for one in whole["agents"]] == ["agent_1", "agent_2"]
    assert list(shape(whole["session"]["timeline"])) == ["POST /forecast"]
    assert (listed["llm_cost"], listed["thread_id"]) == (0.25, "thrd_1")


def test_traces_of_other_doors_are_sessions_too(runtime: Runtime) -> None:
    first, second = trace_id(), trace_id()
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "session.id": "talk"}
    root = span(first, "plan", lasts_s=4, attributes={**agent, "sojourn.metadata.team": "blue", "session.id": "talk"})
    call = span(first, "chat", parent=root, at_s=1, attributes=usage())
    alone = span(second, "look up", at_s=20, lasts_s=None, attributes={})
    failed = span(trace_id(), "fail", at_s=30, error="boom", attributes={"session.id": "talk"})
    runtime.gateway.send(traces([root, call, alone, failed]))
    own = runtime.gateway.services.access.project_id(runtime.gateway.project)

    told = runtime.data("/session", direction="asc", projectId=own)
    assert [one["id"] for one in told][:2] == [f"sess_{first.hex()}", f"sess_{second.hex()}"]
    assert [one["thread_id"] for one in told] == ["talk", None, "talk"]
    assert [(one["pending"], one["success"], one["error"]) for one in told] == [
        (False, True, None),
        (True, False, None),
        (False, False, "boom"),
    ]
    assert {(one["url"], one["trigger"], one["env"], one["org_id"]) for one in told} == {
        (None, "manual", "production", "")
    }
    assert runtime.sessions(metadata=json.dumps({"team": "blue"}), agentIdentifier="planner") == [f"sess_{first.hex()}"]
    assert [one["id"] for one in runtime.data("/thread", projectId=own)] == ["talk"]
    assert runtime.sessions(threadId="talk", success="false") == [told[2]["id"]]


def test_a_trace_of_many_roots_is_one_tree_and_a_deep_one_stays_readable(runtime: Runtime) -> None:
    many, deep = trace_id(), trace_id()
    spans = [span(many, name, at_s=at) for at, name in enumerate(("a", "b"))]
    parent: Span | bytes = b""
    for depth in range(400):
        spans.append(span(deep, f"level {depth}", parent=parent, lasts_s=500 - depth))
        parent = spans[-1]
    runtime.gateway.send(traces(spans))
    timeline = runtime.data(f"/session/sess_{many.hex()}")["session"]["timeline"]
    assert shape(timeline) == {"a": ["a", "b"]}
    assert timeline["duration"] == 2000
    node = runtime.data(f"/session/sess_{deep.hex()}")["session"]["timeline"]
    names = 0
    waiting = [node]
    while waiting:
        names += 1
        waiting.extend(waiting.pop().get("children", []))
    assert names == 400


def test_nothing_of_an_erased_session_stays(runtime: Runtime) -> None:
    for number in range(2):
        runtime.begin(session_id(), threadId=f"thrd_{number}", metadata={"secret": f"canary-{number}"})
    runtime.data("/session")
    answer = runtime.gateway.client.delete("/v1/sessions/thrd_0")
    assert answer.status_code in (200, 202, 204), answer.text
    assert [one["metadata"] for one in runtime.data("/session")] == [{"secret": "canary-1"}]
    kept = runtime.gateway.engine.rows(
        "select count() from sojourn.requests where project = {project:String} and position(metadata, 'canary-0') > 0",
        {"project": runtime.gateway.project},
    )
    assert kept[0][0] == 0


def test_the_pages_keep_their_addresses(runtime: Runtime) -> None:
    answer = runtime.gateway.get("/sessions/")
    assert isinstance(answer, httpx.Response)
    assert "application/json" not in answer.headers.get("content-type", "")
