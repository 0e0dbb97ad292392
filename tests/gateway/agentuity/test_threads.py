"""Threads: the sessions of the store. And runs of evaluations, told by hand, by telemetry, or given as scores."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

import pytest

from sojourn_gateway.ingest.scores import NewScore
from sojourn_gateway.model.score import Score
from tests.gateway.agentuity.by_hand import AT_MS, session_id
from tests.gateway.sender import event, logs, span, trace_id, traces

if TYPE_CHECKING:
    from tests.gateway.agentuity.by_hand import Runtime


def test_sessions_of_the_store_are_threads(runtime: Runtime) -> None:
    runtime.begin(session_id(), threadId="thrd_1")
    runtime.begin(session_id(), threadId="thrd_1", at_ms=AT_MS + 60_000)
    runtime.serve(threadId="a/b c", at_ms=AT_MS + 5_000, orgId="org_2", projectId="proj_2")
    runtime.begin(session_id(), at_ms=AT_MS + 9_000)
    told = event(
        "session.start", "bare", uid="1", at_s=-60, sojourn__metadata__plan='{"tier":2}', sojourn__metadata__n="7"
    )
    odd = event("session.start", "odd", at_s=-90, sojourn__metadata__scores="[NaN,1e999,-Infinity]")
    runtime.gateway.send(logs([told, odd]), signal="logs")
    own = runtime.gateway.services.access.project_id(runtime.gateway.project)

    assert [one["id"] for one in runtime.data("/thread")] == ["a/b c", "thrd_1", "bare", "odd"]
    assert [one["id"] for one in runtime.data("/thread", sort="updated")] == ["thrd_1", "a/b c", "bare", "odd"]
    assert [one["id"] for one in runtime.data("/thread", direction="asc", limit=1, offset=2)] == ["thrd_1"]
    assert [one["id"] for one in runtime.data("/thread", orgId="org_2")] == ["a/b c"]
    assert [one["id"] for one in runtime.data("/thread", projectId="proj_1")] == ["thrd_1"]
    assert [one["id"] for one in runtime.data("/thread", projectId=own)] == ["bare", "odd"]
    for asked, found in (({"plan": {"tier": 2}}, ["bare"]), ({"n": "7"}, ["bare"]), ({"n": 7}, []), ({"x": 1}, [])):
        assert [one["id"] for one in runtime.data("/thread", metadata=json.dumps(asked))] == found
    assert runtime.data("/thread/bare")["metadata"] == {"plan": {"tier": 2}, "n": "7"}
    # Numbers that JSON lacks, which Python writes all the same, are their names.
    assert runtime.data("/thread/odd")["metadata"] == {"scores": ["NaN", "Infinity", "-Infinity"]}
    assert runtime.data("/thread/a%2Fb%20c") == {
        "id": "a/b c",
        "created_at": "2026-09-21T14:13:25.123Z",
        "updated_at": "2026-09-21T14:13:26.623Z",
        "deleted": False,
        "deleted_at": None,
        "deleted_by": None,
        "org_id": "org_2",
        "project_id": "proj_2",
        "user_data": None,
        "metadata": None,
    }


def test_a_deleted_thread_is_gone_until_it_goes_on(runtime: Runtime) -> None:
    runtime.begin(session_id(), threadId="thrd_1")
    runtime.data("/thread/thrd_1")
    runtime.write("DELETE", "/thread/thrd_1", None)
    assert runtime.data("/thread") == []
    runtime.refused(404, "NOT_FOUND", "/thread/thrd_1")
    runtime.refused(404, "NOT_FOUND", "/thread/thrd_1", "DELETE")
    # What was served stays, and so does what other pages show of it.
    assert len(runtime.data("/session", threadId="thrd_1")) == 1
    runtime.begin(session_id(), threadId="thrd_1", at_ms=time.time_ns() // 1_000_000 + 60_000)
    assert [one["id"] for one in runtime.data("/thread")] == ["thrd_1"]
    # That is no erasure; an erasure forgets that as well.
    assert _kept(runtime) == 1
    assert runtime.gateway.client.delete("/v1/sessions/thrd_1").is_success
    assert (_kept(runtime), runtime.data("/session"), runtime.data("/thread")) == (0, [], [])


def _kept(runtime: Runtime) -> int:
    count = "select count() from sojourn.put_away where project = {project:String}"
    rows = runtime.gateway.engine.rows(count, {"project": runtime.gateway.project})
    return int(rows[0][0])


def test_runs_of_evaluations_are_told_by_hand_and_by_telemetry(runtime: Runtime) -> None:
    own_id = runtime.serve()
    trace = own_id.removeprefix("sess_")
    begun = {
        "id": "evalrun_1",
        "sessionId": own_id,
        "evalId": "evalid_1",
        "evalIdentifier": "politeness",
        "orgId": "org_1",
        "projectId": "proj_1",
        "devmode": False,
        "timestamp": AT_MS + 2000,
    }
    runtime.write("POST", "/evalrun", begun)
    (pending,) = runtime.data("/cli/eval-run")
    assert (pending["pending"], pending["success"], pending["result"]) == (True, False, None)
    runtime.write("PUT", "/evalrun", {"id": "evalrun_1", "result": 0.5, "timestamp": AT_MS + 2100})
    runtime.write("PUT", "/evalrun", {"id": "evalrun_1", "result": {"passed": True}, "timestamp": AT_MS + 2200})
    said = {
        "@agentuity/evalRunId": "evalrun_1",
        "@agentuity/evalId": "evalid_1",
        "@agentuity/evalName": "Is it polite?",
        "@agentuity/evalDescription": "Reads the answer.",
        "@agentuity/agentId": "agent_1",
    }
    runtime.gateway.send(traces([span(bytes.fromhex(trace), "eval", at_s=2, attributes=said)]))
    score = {"resource_id": trace, "name": "helpful", "score": 0.75, "label": "yes", "reason": "short"}
    made = runtime.gateway.client.post("/v1/scores", json=score)
    assert made.status_code in (200, 201), made.text

    (by_hand,) = runtime.data("/cli/eval-run", evalId="evalid_1", agentId="agent_1", sessionId=own_id, orgId="org_1")
    assert by_hand == {
        "id": "evalrun_1",
        "sessionId": own_id,
        "evalId": "evalid_1",
        "evalIdentifier": "politeness",
        "evalName": "Is it polite?",
        "agentIdentifier": "agent_1",
        "orgId": "org_1",
        "projectId": "proj_1",
        "deploymentId": None,
        "devmode": False,
        "pending": False,
        "success": True,
        "error": None,
        "result": {"passed": True},
        "createdAt": "2026-09-21T14:13:22.123Z",
        "updatedAt": "2026-09-21T14:13:22.323Z",
    }
    assert runtime.data("/cli/eval-run/evalrun_1") == by_hand
    first, second = runtime.data(f"/session/{own_id}")["eval_runs"]
    assert (first["id"], first["eval_id"], first["result"]) == ("evalrun_1", "evalid_1", {"passed": True})
    assert second["result"] == {"score": 0.75, "label": "yes", "reason": "short", "source": "api"}
    graded = runtime.data(f"/cli/eval-run/{second['id']}")
    assert (graded["evalName"], graded["sessionId"], graded["result"]) == ("helpful", own_id, second["result"])
    assert {(one["name"], one["identifier"], one["agentIdentifier"]) for one in runtime.data("/cli/eval")} == {
        ("Is it polite?", "politeness", "agent_1"),
        ("helpful", "helpful", ""),
    }
    # The answer was given before the evaluation ran.
    assert runtime.data("/session")[0]["duration"] == 1_500_000_000


def test_a_score_of_a_span_is_a_run_of_its_request(runtime: Runtime) -> None:
    trace, other = trace_id(), trace_id()
    graded = span(trace, "step")
    runtime.gateway.send(traces([graded, span(other)]))
    assert runtime.gateway.engine.settle(60)
    about = {"span": graded.span_id.hex(), "trace": other.hex(), "nothing": "0123456789abcdef", "session": "thrd_1"}
    scores = [NewScore(resource_id, name, 1) for name, resource_id in about.items()]
    ids = dict(zip(about, runtime.gateway.services.scores.keep(runtime.gateway.project, scores), strict=True))

    told = {one["evalName"]: one["sessionId"] for one in runtime.data("/cli/eval-run")}
    assert told == {"span": f"sess_{trace.hex()}", "trace": f"sess_{other.hex()}"}
    (run,) = runtime.data(f"/session/sess_{trace.hex()}")["eval_runs"]
    (listed,) = runtime.data("/cli/eval-run", sessionId=f"sess_{trace.hex()}")
    assert runtime.data(f"/cli/eval-run/{run['id']}") == listed
    for name in ("nothing", "session"):
        runtime.refused(404, "NOT_FOUND", f"/cli/eval-run/evalrun_{UUID(ids[name]).hex}")


@pytest.mark.parametrize("score_id", ["Score-1 of others", "0123456789abcdef0123456789abcdef"])
def test_a_score_that_was_brought_in_is_a_run_under_its_own_id(runtime: Runtime, score_id: str) -> None:
    """What an import brings keeps the id that it had, which need not be one of ours."""
    trace = trace_id()
    runtime.gateway.send(traces([span(trace)]))
    score = Score(
        id=score_id,
        resource_id=trace.hex(),
        kind="trace",
        name="tone",
        score=0.5,
        label="",
        reason="",
        source="api",
        user_id="",
        created_ns=AT_MS * 1_000_000,
    )
    runtime.gateway.services.keeper.keep_scores(runtime.gateway.project, [score])

    (run,) = runtime.data("/cli/eval-run")

    assert run["id"] == f"evalrun_{score_id}"
    assert runtime.data(f"/cli/eval-run/{quote(run['id'], safe='')}") == run
    assert runtime.gateway.get(f"/v1/scores/{quote(score_id, safe='')}").json()["data"]["name"] == "tone"


def test_an_evaluation_of_something_unknown_makes_no_fault(runtime: Runtime) -> None:
    attributes = {"@agentuity/evalId": "evalid_2", "@agentuity/evalIdentifier": "lonely"}
    runtime.gateway.send(traces([span(trace_id(), "eval", attributes=attributes, error="no")]))
    (run,) = runtime.data("/cli/eval-run", evalId="evalid_2")
    assert (run["success"], run["error"], run["evalName"]) == (False, "no", None)
    assert [one["name"] for one in runtime.data("/cli/eval")] == ["lonely"]


def test_the_runs_of_a_session_are_found_behind_all_newer_ones(runtime: Runtime) -> None:
    old, crowded = (trace_id() for _ in range(2))
    runtime.gateway.send(traces([span(old), span(crowded)]))
    scores = runtime.gateway.services.scores
    scores.keep(runtime.gateway.project, [NewScore(old.hex(), "tone", 0.5)])
    scores.keep(runtime.gateway.project, [NewScore(crowded.hex(), f"n{number}", 1) for number in range(1000)])
    (run,) = runtime.data("/cli/eval-run", sessionId=f"sess_{old.hex()}")
    assert run["evalName"] == "tone"
