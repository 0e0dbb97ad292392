"""What a runtime tells by hand, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.gateway.agentuity.by_hand import AT_MS, session_id

if TYPE_CHECKING:
    from tests.gateway.agentuity.by_hand import Runtime

START = "2026-09-21T14:13:20.123Z"


def test_a_request_told_by_hand_is_a_whole_session(runtime: Runtime) -> None:
    own_id = runtime.serve(
        threadId="thrd_" + "a" * 32,
        deploymentId="deploy_1",
        metadata={"user": "u-1", "plan": {"tier": 2}},
        agentIds=["agent_1", "agentid_2"],
        userData='{"seen": 3}',
    )
    (listed,) = runtime.data("/session")
    assert listed == {
        "id": own_id,
        "created_at": START,
        "updated_at": "2026-09-21T14:13:21.623Z",
        "deleted": False,
        "deleted_at": None,
        "deleted_by": None,
        "start_time": START,
        "end_time": "2026-09-21T14:13:21.623Z",
        "duration": 1_500_000_000,
        "org_id": "org_1",
        "project_id": "proj_1",
        "deployment_id": "deploy_1",
        "agent_ids": ["agent_1", "agentid_2"],
        "trigger": "api",
        "env": "production",
        "devmode": False,
        "pending": False,
        "success": True,
        "error": None,
        "metadata": {"user": "u-1", "plan": {"tier": 2}},
        "cpu_time": None,
        "llm_cost": None,
        "llm_prompt_token_count": 0,
        "llm_completion_token_count": 0,
        "total_cost": None,
        "method": "POST",
        "url": "http://localhost/forecast",
        "route_id": "route_1",
        "thread_id": "thrd_" + "a" * 32,
        "timeline": None,
        "user_data": '{"seen": 3}',
    }
    whole = runtime.data(f"/session/{own_id}")
    assert set(whole) == {"session", "agents", "eval_runs", "route"}
    timeline = whole["session"].pop("timeline")
    assert {**whole["session"], "timeline": None} == listed
    assert (timeline["operation"], timeline["duration"]) == ("POST /forecast", 1500.0)
    assert whole["agents"] == [{"name": "agent_1", "identifier": "agent_1"}]
    assert whole["eval_runs"] == []
    assert whole["route"] == {"id": "route_1", "method": "POST", "path": "/forecast"}


def test_a_request_that_is_not_done_is_pending(runtime: Runtime) -> None:
    own_id = session_id()
    runtime.begin(own_id, threadId="thrd_1")
    (listed,) = runtime.data("/session")
    assert (listed["pending"], listed["success"], listed["duration"], listed["end_time"]) == (True, False, None, None)
    runtime.done(own_id)
    (listed,) = runtime.data("/session")
    assert (listed["pending"], listed["success"], listed["duration"]) == (False, True, 1_500_000_000)
    # Null says that the thread has no data: it clears what the start said.
    assert listed["thread_id"] is None
    assert runtime.data("/thread") == []


def test_a_failure_is_a_status_from_500_or_an_error(runtime: Runtime) -> None:
    runtime.serve(at_ms=AT_MS, statusCode=500)
    runtime.serve(at_ms=AT_MS + 1, error="boom")
    runtime.serve(at_ms=AT_MS + 2, statusCode=404)
    told = runtime.data("/session", direction="asc")
    assert [(one["success"], one["error"]) for one in told] == [(False, None), (False, "boom"), (True, None)]


def test_what_is_told_again_replaces_itself(runtime: Runtime) -> None:
    own_id = runtime.serve(lasts_ms=100)
    runtime.done(own_id, at_ms=AT_MS + 900, statusCode=503, threadId="thrd_9")
    runtime.begin(own_id)
    (listed,) = runtime.data("/session")
    assert (listed["duration"], listed["success"], listed["thread_id"]) == (900_000_000, False, "thrd_9")
    (trace,) = runtime.gateway.data("/v1/traces")
    assert trace["status"] == "ERROR"


def test_a_foreign_id_is_kept(runtime: Runtime) -> None:
    runtime.begin("import.2024-05~7")
    assert runtime.sessions() == ["import.2024-05~7"]
    assert runtime.data("/session/import.2024-05~7")["session"]["id"] == "import.2024-05~7"


def test_the_whole_contract_is_served_under_its_own_name_as_well(runtime: Runtime) -> None:
    own_id = runtime.serve()
    assert runtime.gateway.data(f"/agentuity/session/{own_id}")["session"]["id"] == own_id
    assert runtime.gateway.data(f"/agentuity/cli/session/{own_id}/logs") == []
