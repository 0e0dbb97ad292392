"""Unmodified clients of AgentOps write whole sessions, which are then read through every API that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.agentops.judging import judged, strayed
from tests.gateway.agentops.provider import answering

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gateway.serving import Served

pytestmark = pytest.mark.timeout(900)

RELEASES = ["0.3.26", pytest.param("0.3.21", marks=pytest.mark.soak)]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program asks by itself waits for what it just wrote as long as a slow machine may take."""
    monkeypatch.setattr("sojourn_gateway.query.queries._SETTLE_S", 300.0)


@pytest.mark.parametrize("release", RELEASES)
def test_a_program_of_the_session_era_is_recorded_whole(release: str, gateway: Served, tmp_path: Path) -> None:
    told = judged(release, "session_era", gateway, tmp_path)
    main = told["main"]["id"]

    # What the client counted itself, before another process joined with an action of its own.
    counts = told["main"]["counts"]
    stats = gateway.get(f"/v2/sessions/{main}/stats").json()
    assert (stats["llms"], stats["tools"], stats["errors"]) == (counts["llms"], counts["tools"], counts["errors"])
    assert stats["actions"] == counts["actions"] + 1
    assert stats["events"] == sum(counts.values()) + 1
    assert (stats["prompt_tokens"], stats["completion_tokens"], stats["total_tokens"]) == (1000, 200, 1200)
    # 1000 tokens at 0.15 and 200 at 0.60 dollars a million; the model that nobody knows costs nothing that is known.
    assert stats["cost"] == 0.00027
    assert (told["main"]["cost"], told["joined"]["cost"]) == ("0.00027", "0.00027")
    # Asked for while it ran, which is no end.
    analytics = told["main"]["analytics"]
    assert [analytics[name] for name in ("LLM calls", "Tool calls", "Actions", "Errors")] == [2, 1, 2, 2]

    _check_export(gateway, told["main"])
    _check_native(gateway, told["main"], stats)
    _check_others(gateway, told)
    # Whatever it else asked for (the package index, for its version) is told, so that nobody is surprised.
    assert strayed(tmp_path) <= {"pypi.org"}


def _check_export(gateway: Served, main: dict[str, Any]) -> None:
    export = gateway.get(f"/v2/sessions/{main['id']}/export").json()
    session = export["session"]
    assert (session["id"], session["end_state"], session["end_state_reason"]) == (
        main["id"],
        "Success",
        "joined and done",
    )
    assert set(session["tags"]) == {"judge", "added", "joined"}
    assert (session["init_timestamp"], session["end_timestamp"]) == (main["begun"], main["ended"])
    assert session["video"] == "https://example.test/run.mp4"
    assert session["host_env"] == main["host"]
    assert session["agents"] == {main["agent"]: "planner"}

    assert [action["action_type"] for action in export["actions"]] == ["plan", "notify", "afterwards"]
    plan, notify, _ = export["actions"]
    assert (plan["params"], plan["returns"]) == ({"goal": "refund", "steps": 2}, ["refund 0", "refund 1"])
    assert (notify["params"], notify["returns"], notify["logs"]) == ({"to": "ada"}, "sent", "queued")

    priced, unknown = export["llms"]
    assert priced["prompt"] == {"type": "chatml", "messages": [{"role": "user", "content": "Where is my order?"}]}
    assert priced["completion"] == {
        "type": "chatml",
        "messages": {"role": "assistant", "content": "On its way."},
    }
    assert (priced["model"], priced["cost"], priced["agent_id"]) == ("gpt-4o-mini", 0.00027, main["agent"])
    assert unknown["prompt"] == {"type": "string", "string": "plain words"}
    assert unknown["completion"] == {"type": "string", "string": "plain answer"}
    assert (unknown["prompt_tokens"], unknown["completion_tokens"], unknown["cost"]) == (None, None, None)

    (search,) = export["tools"]
    assert (search["name"], search["params"]) == ("search", {"query": "order 4812"})
    assert search["returns"] == {"query": "order 4812", "hits": [1, 2]}

    thrown, by_hand = export["errors"]
    assert (thrown["error_type"], thrown["details"], thrown["code"]) == ("ValueError", "no such index", None)
    assert "Traceback" in thrown["logs"]
    assert (by_hand["error_type"], by_hand["details"], by_hand["code"]) == ("ValueError", "no such index", "E42")


def _check_native(gateway: Served, main: dict[str, Any], stats: dict[str, Any]) -> None:
    (listed,) = [one for one in gateway.data("/v1/sessions") if one["id"] == main["id"]]
    assert (listed["model_calls"], listed["tool_calls"], listed["actions"], listed["errors"]) == (
        stats["llms"],
        stats["tools"],
        stats["actions"],
        stats["errors"],
    )
    assert (listed["state"], listed["reason"], set(listed["tags"])) == (
        "Success",
        "joined and done",
        {"judge", "added", "joined"},
    )
    assert (listed["input_tokens"], listed["output_tokens"], listed["cost_usd"]) == (1000, 200, "0.00027")
    # The process that began it, and the one that joined.
    assert listed["process_count"] == 2
    errors = gateway.data(f"/v1/sessions/{main['id']}/logs", level="error")
    assert [line["message"] for line in errors] == ["ValueError: no such index"] * 2


def _check_others(gateway: Served, told: dict[str, Any]) -> None:
    exports = {
        name: gateway.get(f"/v2/sessions/{told[name]['id']}/export").json() for name in ("first", "second", "open")
    }
    first, second, left = (exports[name]["session"] for name in ("first", "second", "open"))
    assert (first["end_state"], first["end_state_reason"]) == ("Fail", "gave up")
    # Default tags come along; set_tags replaces them all.
    assert set(first["tags"]) == {"judge", "first"}
    assert (second["end_state"], second["tags"]) == ("Indeterminate", ["replaced"])
    assert [tool["name"] for tool in exports["second"]["tools"]] == ["two"]
    assert (left["end_state"], left["end_timestamp"]) == ("Indeterminate", None)
    assert gateway.data(f"/v1/sessions/{told['open']['id']}", fields="summary")["state"] == "open"
    assert [action["action_type"] for action in exports["open"]["actions"]] == ["unfinished"]


def test_a_program_of_the_trace_era_is_recorded_whole(gateway: Served, tmp_path: Path) -> None:
    with answering("openai/chat_plain") as (url, exchange):
        told = judged("0.4.21", "trace_era", gateway, tmp_path, PROVIDER_URL=url)
    usage = exchange.answer["usage"]
    project = gateway.get("/public/v1/project").json()

    trace = gateway.get(f"/public/v1/traces/{told['good']}").json()
    assert (trace["trace_id"], trace["project_id"], trace["tags"]) == (told["good"], project["id"], ["good"])
    names = [span["span_name"] for span in trace["spans"]]
    assert names == ["refund.session", "Planner.agent", "search.tool", "ask.task", "openai.chat.completion"]
    figures = gateway.get(f"/public/v1/traces/{told['good']}/metrics").json()
    assert (figures["span_count"], figures["success_count"], figures["fail_count"]) == (5, 1, 0)
    assert (figures["prompt_tokens"], figures["completion_tokens"], figures["total_tokens"]) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
        usage["total_tokens"],
    )
    calls = float(figures["prompt_cost"]) + float(figures["completion_cost"])
    assert float(figures["total_cost"]) == pytest.approx(0.25 + calls, abs=1e-6)

    _check_session_of_trace(gateway, told, usage)
    _check_dashboard(gateway, told, project, figures)
    assert gateway.get(f"/v4/objects/{told['object']['url'].rpartition('/')[2]}").text == "an object to keep"
    assert "a line for the log" in gateway.get(f"/v4/logs/{told['good']}").json()["content"]
    assert strayed(tmp_path) <= {"pypi.org"}


def _check_session_of_trace(gateway: Served, told: dict[str, Any], usage: dict[str, Any]) -> None:
    """The same trace through the API of the session era, also with dashes, and through our own."""
    dashed = f"{told['good'][:8]}-{told['good'][8:12]}-{told['good'][12:16]}-{told['good'][16:20]}-{told['good'][20:]}"
    stats = gateway.get(f"/v2/sessions/{dashed}/stats").json()
    assert (stats["llms"], stats["tools"], stats["actions"], stats["errors"]) == (1, 1, 1, 0)
    assert (stats["prompt_tokens"], stats["end_state"]) == (usage["prompt_tokens"], "Success")
    export = gateway.get(f"/v2/sessions/{told['good']}/export").json()
    assert (export["session"]["end_state"], export["session"]["tags"]) == ("Success", ["good"])
    (call,) = export["llms"]
    assert call["prompt"]["messages"] == [{"role": "user", "content": "Where is my order?"}]
    assert call["completion"]["messages"]["content"] == told["said"]
    assert [row["event_type"] for row in export["others"]] == ["workflow", "agent"]
    failed = gateway.get(f"/v2/sessions/{told['bad']}/export").json()
    (error,) = failed["errors"]
    assert (failed["session"]["end_state"], error["error_type"], error["details"]) == ("Fail", "ValueError", "bad op")
    sessions = {one["id"]: one for one in gateway.data("/v1/sessions", include_implicit="true")}
    assert sessions[told["good"]]["model_calls"] == 1
    assert sessions[told["bad"]]["errors"] == 1
    assert gateway.data("/v1/sessions") == []


def _check_dashboard(gateway: Served, told: dict[str, Any], project: dict[str, Any], figures: dict[str, Any]) -> None:
    page = gateway.get(f"/v4/traces/list/{project['id']}").json()
    assert [trace["trace_id"] for trace in page["traces"]] == [told["bad"], told["good"]]
    assert [(trace["root_span_name"], trace["tags"]) for trace in page["traces"]] == [
        ("complaint.session", ["bad"]),
        ("refund.session", ["good"]),
    ]
    assert (page["total"], page["metrics"]["span_count"], page["metrics"]["fail_count"]) == (2, 7, 1)
    assert page["metrics"]["total_cost"] == figures["total_cost"]
    assert page["metrics"]["prompt_cost"] == figures["prompt_cost"]
    detail = gateway.get(f"/v4/traces/detail/{told['good']}").json()
    assert detail["metrics"] == figures
    by_name = {span["span_name"]: span for span in detail["spans"]}
    call = by_name["openai.chat.completion"]
    assert (call["span_type"], call["status_code"], call["span_kind"]) == ("request", "OK", "Client")
    assert call["span_attributes"]["gen_ai"]["prompt"] == [{"role": "user", "content": "Where is my order?"}]
    assert call["metrics"] == gateway.get(f"/public/v1/spans/{call['span_id']}/metrics").json()
    assert by_name["search.tool"]["metrics"]["total_cost"] == "0.2500000"
    whole = gateway.get(f"/v4/meterics/project/{project['id']}").json()
    assert (whole["trace_count"], whole["span_count"]["total"], whole["token_metrics"]["total_cost"]) == (
        2,
        7,
        figures["total_cost"],
    )
    assert (len(whole["success_datetime"]), len(whole["fail_datetime"])) == (1, 1)
