"""Kore's sessions over spans of any sender: lists, filters, states, paging, refusals."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from sojourn.home import Home
from sojourn_gateway.settings import Settings
from tests.gateway.kore.reading import Kore, error_of, under
from tests.gateway.sender import SECOND, T0, end, event, span, trace_id, traces, usage
from tests.gateway.serving import served
from tests.gateway.story import ANSWER, QUESTION, support_session

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served


@pytest.fixture
def kore(gateway: Served) -> Kore:
    """The endpoints of a project that only this test sees."""
    return Kore(gateway)


def call(session: str, *, at_s: float = 0, lasts_s: float | None = 1, now_ns: int | None = None, **told: str) -> Span:
    """A call of a model that is a turn by itself; with `now_ns` in the present."""
    made = span(trace_id(), "chat", at_s=at_s, lasts_s=lasts_s, attributes={**usage(), "session.id": session, **told})
    if now_ns is not None:
        shift = now_ns - T0
        made.start_time_unix_nano += shift
        if made.end_time_unix_nano:
            made.end_time_unix_nano += shift
    return made


def test_a_session_says_what_it_came_to(kore: Kore) -> None:
    kore.gateway.keep(support_session("s1"), name="Order 4812", end_state="Success")

    (item,) = kore.told()["sessions"]
    whole = kore.session("s1")

    moments = {name: item.pop(name) for name in ("createdAt", "lastActivityAt", "endedAt", "durationMs")}
    assert item == {
        "id": "s1",
        "runtimeSessionId": "s1",
        "agentName": "support agent",
        "status": "completed",
        "channel": "api",
        "messageCount": 3,
        "traceEventCount": 9,
        "tokenCount": 4327,
        "errorCount": 1,
        "handoffCount": 0,
        "estimatedCost": 0.0005913,
        "disposition": None,
        "environment": None,
    }
    assert moments["endedAt"] == moments["lastActivityAt"]
    assert moments["createdAt"].endswith("Z")
    assert moments["durationMs"] == pytest.approx(41_000, abs=2)
    messages = whole.pop("messages")
    assert whole == {**item, **moments, "metadata": {}}
    assert [(one["role"], one["content"]) for one in messages] == [
        ("user", QUESTION),
        ("assistant", ANSWER),
        ("user", "<b>Thanks</b> & bye"),
    ]
    assert len({one["id"] for one in messages}) == 3
    assert [one["timestamp"] for one in messages] == sorted(one["timestamp"] for one in messages)


def test_those_that_were_active_last_come_first_and_pages_tell_where_they_are(kore: Kore) -> None:
    kore.keep(call("a", at_s=10), call("b", at_s=30), call("c", at_s=20))

    first = kore.told(limit=2)
    second = kore.told(limit=2, offset=2)

    assert [one["id"] for one in first["sessions"]] == ["b", "c"]
    assert [one["id"] for one in second["sessions"]] == ["a"]
    assert (first["total"], first["limit"], first["offset"]) == (3, 2, 0)
    assert second["pagination"] == {"total": 3, "limit": 2, "offset": 2}
    assert kore.told(limit=5000)["limit"] == 200


def test_sessions_are_chosen_by_when_they_began(kore: Kore) -> None:
    kore.keep(call("a", at_s=0), call("b", at_s=10), call("c", at_s=20))
    # T0 is 2026-09-21T14:13:20Z.
    chosen = kore.told(**{"from": "2026-09-21T14:13:30.000Z", "to": "2026-09-21T14:13:40.000Z"})

    assert [one["id"] for one in chosen["sessions"]] == ["b"]
    assert kore.told(**{"from": "2026-09-21T16:13:40+02:00"})["total"] == 1
    assert kore.told(to="2026-09-21")["total"] == 0


def test_an_end_says_how_a_session_stands_and_a_disposition_says_it_better(kore: Kore) -> None:
    dispositions = {
        "completed": "completed",
        "abandoned": "abandoned",
        "agent_hangup": "abandoned",
        "failed": "abandoned",
        "transferred": "escalated",
        "timeout": "ended",
        "unengaged": "ended",
        "of-our-own": "completed",
    }
    expected = {"well": "completed", "badly": "failed", "somehow": "ended", "silent": "ended"} | {
        f"d-{word}": status for word, status in dispositions.items()
    }
    kore.keep(*(call(session) for session in expected))
    kore.tell(
        end("well", "Success", at_s=5),
        end("badly", "Fail", at_s=5),
        end("somehow", "Indeterminate", at_s=5),
        *(end(f"d-{word}", "Success", at_s=5) for word in dispositions),
        *(
            event("sojourn.session.update", f"d-{word}", **under(sojourn__metadata__disposition=word))
            for word in dispositions
        ),
    )

    listed = {one["id"]: one for one in kore.told()["sessions"]}

    assert {name: one["status"] for name, one in listed.items()} == expected
    assert listed["d-transferred"]["disposition"] == "transferred"
    for status in ("ended", "completed", "escalated", "abandoned", "failed", "archived", "active", "idle"):
        found = {one["id"] for one in kore.told(status=status)["sessions"]}
        assert found == {name for name, told in expected.items() if told == status}, status


def test_an_open_session_in_which_nothing_runs_is_idle(kore: Kore) -> None:
    now_ns = time.time_ns()
    kore.keep(
        call("running", at_s=-600, lasts_s=None, now_ns=now_ns),
        # On a machine that is busy a minute passes before the last question is asked.
        call("fresh", at_s=900, now_ns=now_ns),
        call("waiting", at_s=-600, now_ns=now_ns),
    )
    states = {one["id"]: (one["status"], one["endedAt"]) for one in kore.told()["sessions"]}

    assert states == {"running": ("active", None), "fresh": ("active", None), "waiting": ("idle", None)}
    assert {one["id"] for one in kore.told(status="active")["sessions"]} == {"running", "fresh"}
    assert {one["id"] for one in kore.told(status="idle")["sessions"]} == {"waiting"}


def test_channel_environment_and_agent_come_from_metadata_resource_and_steps(kore: Kore) -> None:
    kore.keep(
        call("told"),
        call("stepped", **under(sojourn__metadata__channel="web_debug", gen_ai__agent__name="Ada")),
        call("plain"),
        resource={"deployment.environment.name": "staging"},
    )
    kore.keep(
        call("elsewhere", **under(sojourn__metadata__environment="dev")), resource={"deployment.environment": "qa"}
    )
    kore.tell(
        event(
            "sojourn.session.update",
            "told",
            **under(sojourn__metadata__channel="voice", sojourn__metadata__environment="production"),
        )
    )
    listed = {one["id"]: (one["channel"], one["environment"], one["agentName"]) for one in kore.told()["sessions"]}

    assert listed == {
        "told": ("voice", "production", "chat"),
        "stepped": ("web_debug", "staging", "Ada"),
        "plain": ("api", "staging", "chat"),
        "elsewhere": ("api", "dev", "chat"),
    }
    assert {one["id"] for one in kore.told(channel="voice")["sessions"]} == {"told"}
    assert {one["id"] for one in kore.told(channel="web_debug")["sessions"]} == {"stepped"}
    assert {one["id"] for one in kore.told(channel="api")["sessions"]} == {"plain", "elsewhere"}
    assert {one["id"] for one in kore.told(environment="staging")["sessions"]} == {"stepped", "plain"}
    assert {one["id"] for one in kore.told(environment="dev")["sessions"]} == {"elsewhere"}
    assert kore.told(environment="nowhere")["sessions"] == []
    assert {one["id"] for one in kore.told(agentName="Ada")["sessions"]} == {"stepped"}
    assert {one["id"] for one in kore.told(agentName="chat", channel="api")["sessions"]} == {"plain", "elsewhere"}


def test_an_environment_is_found_among_the_many_starts_of_a_program(kore: Kore) -> None:
    starts = [
        traces([call(f"run {number}")], {"deployment.environment": "prod", "process.pid": number})
        for number in range(200)
    ]
    assert kore.gateway.send(b"".join(starts)).status_code == 200
    assert kore.gateway.engine.settle(60)
    assert kore.told(environment="prod", limit=1)["total"] == 200


def test_an_agent_of_half_a_character_begins_a_session(kore: Kore) -> None:
    answer = kore.gateway.client.post(kore.base, content=json.dumps({"agentId": "\ud800"}))
    assert answer.status_code == 201, answer.text
    assert answer.json()["session"]["agentId"] == "?"


def test_a_trace_without_a_session_is_one(kore: Kore) -> None:
    trace = trace_id()
    kore.keep(span(trace, "chat", attributes=usage()))

    dashed = f"{trace.hex()[:8]}-{trace.hex()[8:12]}-{trace.hex()[12:16]}-{trace.hex()[16:20]}-{trace.hex()[20:]}"

    assert kore.told()["total"] == 1
    assert kore.session(trace.hex())["id"] == trace.hex()
    assert kore.session(dashed)["id"] == trace.hex()


def test_an_id_may_be_any_text(kore: Kore) -> None:
    ids = ["a/b/traces", "100%", "über uns", "x/metrics", "export", "generations/traces", "a'b\"c", "../../v1/sessions"]
    kore.keep(*map(call, ids))

    for session_id in ids:
        if session_id != "export":
            assert kore.session(session_id)["id"] == session_id
        assert [one["type"] for one in kore.events(session_id)] == ["llm_call"]


def test_studios_spelling_of_an_id_is_understood(kore: Kore) -> None:
    kore.keep(call("7f9c"), call("s-own"))

    assert kore.session("s-7f9c")["id"] == "7f9c"
    assert kore.session("s-own")["id"] == "s-own"


def test_a_parameter_that_cannot_be_understood_is_named(kore: Kore) -> None:
    for query in (
        "limit=0",
        "limit=-1",
        "limit=ten",
        "limit=1e9",
        "offset=-1",
        "status=running",
        "from=yesterday",
        "to=0001-01-01",
    ):
        answer = kore.get(f"?{query}")

        assert error_of(answer) == (400, "VALIDATION_ERROR"), query
        assert answer.json()["error"]["message"].startswith(query.split("=")[0])


def test_what_is_not_there_is_not_found(kore: Kore) -> None:
    for path in (
        "/nope",
        "/nope/traces",
        "/nope/metrics",
        "/nope/analysis",
        "/nope/traces/00/children",
        "/",
        f"/{'x' * 10_000}",
    ):
        assert error_of(kore.get(path)) == (404, "NOT_FOUND"), path


def test_a_project_goes_by_its_name_its_uuid_and_without_a_key_as_default(kore: Kore) -> None:
    kore.keep(call("a"))
    uuid = kore.gateway.get("/public/v1/project").json()["id"]

    for spelled in (kore.gateway.project, uuid, "default"):
        assert kore.gateway.get(f"/api/projects/{quote(spelled, safe='')}/sessions").json()["total"] == 1
    for other in ("another", "x" * 1000, "a/../b", "%00", "%F0%28"):
        answer = kore.gateway.get(f"/api/projects/{quote(other, safe='%')}/sessions")
        assert error_of(answer) == (404, "NOT_FOUND"), other


def test_a_key_opens_its_own_project_alone(engine: Engine, home: Path) -> None:
    with served(engine, Home(home), replace(Settings(), require_keys=True)) as gateway:
        keys = gateway.services.access.keys
        secret, other = (keys.make(f"{name}-{home.parent.name}", "a").secret for name in ("mine", "other"))
        path = f"/api/projects/mine-{home.parent.name}/sessions"

        assert error_of(gateway.get(path)) == (401, "UNAUTHORIZED")
        assert error_of(gateway.client.get(path, headers={"Authorization": "Bearer nonsense"})) == (401, "UNAUTHORIZED")
        for name, value in (("Authorization", f"Bearer {secret}"), ("X-API-Key", secret), ("X-SDK-Token", secret)):
            assert gateway.client.get(path, headers={name: value}).status_code == 200, name
        assert error_of(gateway.client.get(path, headers={"X-API-Key": other})) == (404, "NOT_FOUND")
        default = gateway.client.get("/api/projects/default/sessions", headers={"X-API-Key": secret})
        assert error_of(default) == (404, "NOT_FOUND")


def test_times_of_the_store_are_told_in_milliseconds(kore: Kore) -> None:
    made = call("a")
    made.start_time_unix_nano = T0 + 1_999_999
    made.end_time_unix_nano = T0 + SECOND
    kore.keep(made)

    assert kore.session("a")["createdAt"] == "2026-09-21T14:13:20.001Z"
