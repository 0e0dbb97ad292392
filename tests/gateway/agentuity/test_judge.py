"""The published client of Agentuity, unmodified, writes and reads here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gateway.agentuity.by_hand import Runtime, line, session_id
from tests.gateway.agentuity.judging import judged
from tests.gateway.sender import logs, span, traces, usage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gateway.serving import Served

THREAD = "thrd_" + "7" * 32


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program asks by itself waits for what it just wrote as long as a slow machine may take."""
    for module in ("queries", "requests"):
        monkeypatch.setattr(f"sojourn_gateway.query.{module}._SETTLE_S", 300.0)


def test_the_vendors_client_cannot_tell(gateway: Served, tmp_path: Path) -> None:
    own_id = session_id()
    trace = bytes.fromhex(own_id.removeprefix("sess_"))
    root = span(trace, "POST /api/x", lasts_s=2, attributes={"http.method": "POST", "http.host": "app.example.com"})
    agent = {"@agentuity/agentId": "agent_1", "@agentuity/agentName": "answers", "@agentuity/threadId": THREAD}
    ran = span(trace, "agent.run", parent=root, attributes=agent)
    call = span(trace, "chat", parent=ran, attributes=usage(7, 3), error="too late")
    gateway.send(traces([root, ran, call]))
    gateway.send(logs([line("it rains", trace)]), signal="logs")

    told = judged(gateway, tmp_path, f"{gateway.url}/agentuity", "key", own_id, THREAD)

    assert [one["id"] for one in told["list"]] == [one["id"] for one in told["narrow"]] == [own_id]
    assert told["none"] == []
    listed = told["list"][0]
    assert (listed["thread_id"], listed["agent_ids"]) == (THREAD, ["agent_1", "agentid_1"])
    assert (listed["llm_prompt_token_count"], listed["llm_completion_token_count"]) == (7, 3)
    assert (listed["duration"], listed["success"], listed["url"]) == (
        2_000_000_000,
        True,
        "https://app.example.com/api/x",
    )
    got = told["get"]
    assert got["agents"] == [{"name": "answers", "identifier": "agent_1"}]
    assert got["route"] == {"id": "route_1", "method": "POST", "path": "/api/x"}
    assert [(run["id"], run["result"]) for run in got["evalRuns"]] == [("evalrun_1", {"passed": True, "score": 1})]
    timeline = got["timeline"]
    assert timeline["operation"] == "POST /api/x"
    assert timeline["children"][0]["children"][0]["error"] == "too late"
    assert told["logs"] == [{"body": "it rains", "severity": "WARN", "timestamp": "2026-09-21T14:13:21.000Z"}]
    assert [one["id"] for one in told["threads"]] == [told["thread"]["id"]] == [THREAD]
    assert [one["id"] for one in told["runs"]] == [told["run"]["id"]] == ["evalrun_1"]
    assert [one["id"] for one in told["evals"]] == [told["eval"]["id"]] == ["evalid_1"]
    assert (told["missing"]["status"], told["deleted"]["status"]) == (404, 404)
    assert told["refused"]["status"] == 400
    assert "`limit`" in told["refused"]["message"]


@pytest.mark.soak
def test_what_other_doors_wrote_passes_the_vendors_schemas(gateway: Served, tmp_path: Path) -> None:
    """Whatever came through another door must not break a list for those who read it as Agentuity's."""
    odd = {"session.id": "a/b", "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}
    spans = [
        span(bytes([1]) * 16, "", attributes=odd, error=""),
        span(bytes([2]) * 16, "open", lasts_s=None, attributes={"http.url": "not an address", "url.path": "/\ufffd"}),
        span(
            bytes([3]) * 16,
            "GET",
            attributes={"http.method": "GET", "http.host": "1.2.3.999:70000", "http.target": "//x"},
        ),
        span(bytes([4]) * 16, "costly", attributes=usage(5, 5, **{"sojourn.usage.cost": 1e-12, "x": float("nan")})),
    ]
    gateway.send(traces(spans))
    runtime = Runtime(gateway)
    runtime.serve(metadata={"deep": [[[{}]]], "big": 10**40}, url="relative path?\\")
    own_id = session_id()

    told = judged(gateway, tmp_path, gateway.url, "key", own_id, THREAD)

    assert len(told["list"]) == 6
    assert {one["url"] for one in told["list"]} >= {None, "http://localhost/x", "http://localhost/relative%20path?%5C"}
