"""The session era's wire, by hand: what joins, replaces, ends, and what the store makes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.gateway.agentops.by_hand import Program, event, moment

if TYPE_CHECKING:
    from tests.gateway.serving import Served


def test_joining_by_the_same_id_resets_nothing_and_unites_the_tags(gateway: Served) -> None:
    first = Program.begin(gateway, tags=("a",), host_env={"OS": {"Hostname": "one"}})
    first.send(event("actions", action_type="before"))
    second = Program.begin(
        gateway, first.session_id, begun=moment(20), tags=("b",), host_env={"OS": {"Hostname": "two"}}
    )
    second.send(event("actions", action_type="after", at=21))
    second.end("Success", at=40)
    first.end("Fail", at=30, end_state_reason="gave up")

    export = first.export()
    assert [action["action_type"] for action in export["actions"]] == ["before", "after"]
    session = export["session"]
    assert session["init_timestamp"] == moment(0)
    assert (session["tags"], session["host_env"]) == (["a", "b"], {"OS": {"Hostname": "one"}})
    # The end that was last, whoever said it first.
    assert (session["end_state"], session["end_timestamp"]) == ("Success", moment(40))
    assert first.native()["process_count"] == 2


def test_setting_tags_replaces_them_and_adding_unites(program: Program) -> None:
    program.tags = ["a", "b"]
    program.update()
    assert program.native()["tags"] == ["a", "b"]
    program.tags = ["c"]
    program.update()
    assert program.native()["tags"] == ["c"]
    # An update that says the same tags again changes nothing: another process may have added one since.
    other = Program.begin(program.gateway, program.session_id, begun=moment(5), tags=("d",))
    program.end()
    assert set(other.native()["tags"]) == {"c", "d"}


def test_asking_for_analytics_while_it_runs_ends_nothing(gateway: Served) -> None:
    now = datetime.now(UTC).isoformat()
    program = Program.begin(gateway, begun=now)
    program.update(end_timestamp=now)

    assert program.export()["session"]["end_timestamp"] is None
    assert program.native()["state"] == "open"


@pytest.mark.parametrize(
    ("said", "kept"),
    [("Success", "Success"), ("Fail", "Fail"), ("Failure", "Fail"), ("Indeterminate", "Indeterminate")],
)
def test_every_documented_end_state_is_understood(program: Program, said: str, kept: str) -> None:
    program.end(said, end_state_reason="so it was")

    session = program.export()["session"]
    assert (session["end_state"], session["end_state_reason"]) == (kept, "so it was")
    assert program.native()["state"] == kept


def test_events_that_are_sent_again_count_once(program: Program) -> None:
    rows = [event("actions"), event("errors", error_type="ValueError", details="no"), event("tools", name="t")]
    program.send(*rows)
    program.send(*rows)

    stats = program.stats()
    assert (stats["events"], stats["actions"], stats["tools"], stats["errors"]) == (3, 1, 1, 1)
    assert program.native()["errors"] == 1


def test_an_update_replaces_what_it_says_and_leaves_the_rest(program: Program) -> None:
    call = event("llms", model="gpt-4o-mini", prompt="hello", prompt_tokens=10, completion_tokens=1, agent_id="a-1")
    wrong = event("errors", error_type="ValueError", details="no", code="1")
    program.send(call, wrong)
    program.send(
        {"id": call["id"], "completion": {"role": "assistant", "content": "hi"}, "completion_tokens": 7},
        {"id": wrong["id"], "code": "2"},
        path="/v2/update_events",
    )

    export = program.export()
    (told,) = export["llms"]
    assert (told["prompt"], told["prompt_tokens"], told["completion_tokens"]) == (
        {"type": "string", "string": "hello"},
        10,
        7,
    )
    assert told["completion"] == {"type": "chatml", "messages": {"role": "assistant", "content": "hi"}}
    assert (told["agent_id"], told["init_timestamp"]) == ("a-1", moment(1))
    (error,) = export["errors"]
    assert (error["error_type"], error["details"], error["code"]) == ("ValueError", "no", "2")
    assert (export["statistics"]["events"], export["statistics"]["total_tokens"]) == (2, 17)


def test_what_was_given_comes_back_as_json(program: Program) -> None:
    values: list[Any] = [
        None,
        "words",
        "123",
        "",
        {"a": [1, {"b": None}]},
        [1, 2],
        7,
        1.5,
        True,
        "null",
        "half a pair \ud83d",
    ]
    program.send(*(event("actions", at=number, params=value) for number, value in enumerate(values, 1)))

    told = [action["params"] for action in program.export()["actions"]]
    assert told == [*values[:-1], "half a pair ?"]


def test_a_type_that_is_not_known_is_an_action_of_that_name(program: Program) -> None:
    program.send(event("apis"), event("actions", name="named", at=2), event("actions", at=3, action_type="typed"))

    assert [action["action_type"] for action in program.export()["actions"]] == ["apis", "named", "typed"]
    assert program.stats()["events"] == 3


def test_a_cost_that_was_told_beats_the_price_table(program: Program) -> None:
    program.send(event("llms", model="gpt-4o-mini", prompt_tokens=1000, completion_tokens=10, cost=0.5))
    program.send(event("llms", model="gpt-4o-mini", prompt_tokens=1000, completion_tokens=0, cost="0.25", at=2))

    assert program.stats()["cost"] == 0.75
    assert program.end()["token_cost"] == "0.75"


def test_a_session_without_events_has_the_statistics_that_are_documented(program: Program) -> None:
    stats = program.stats()

    documented = {name: stats[name] for name in ("session_id", "cost", "events", "prompt_tokens", "errors")}
    assert documented == {
        "session_id": program.session_id,
        "cost": "0.00",
        "events": 0,
        "prompt_tokens": 0,
        "errors": 0,
    }
    program.send(event("actions"))
    assert program.stats()["cost"] is None
    assert program.update()["token_cost"] == "0.00"


def test_an_error_names_the_event_that_triggered_it(program: Program) -> None:
    tool = event("tools", name="search")
    told = event("errors", error_type="E", trigger_event_id=tool["id"], trigger_event_type="tools", logs="Traceback")
    program.send(tool, told)

    (error,) = program.export()["errors"]
    assert (error["trigger_event_id"], error["trigger_event_type"]) == (tool["id"], "tools")
    assert error["logs"] == "Traceback"
    (line,) = program.gateway.data(f"/v1/sessions/{program.session_id}/logs")
    session = program.gateway.data(f"/v1/sessions/{program.session_id}", fields="spans")
    assert line["span_id"] == session["spans"][0]["id"]


def test_an_event_without_an_agent_is_the_default_agents(program: Program) -> None:
    assert program.post("/v2/create_agent", {"id": "a-1", "name": "planner"}).json() == "Success"
    program.send(event("actions", agent_id="a-1"), event("actions", at=2), event("tools", at=3))

    export = program.export()
    assert export["session"]["agents"] == {"a-1": "planner"}
    named, default = (action["agent_id"] for action in export["actions"])
    assert (named, export["tools"][0]["agent_id"]) == ("a-1", default)
    assert default != "a-1"


def test_a_thread_belongs_to_the_calls_that_name_it(program: Program) -> None:
    assert program.post("/v2/create_thread", {"id": "t-1", "agent_id": "a-1"}).json() == "Success"
    program.send(event("llms", thread_id="t-1"))

    assert program.export()["llms"][0]["thread_id"] == "t-1"


def test_what_was_printed_is_the_sessions_log_and_replaces_itself(program: Program) -> None:
    for text in ("one\ntwo\nthree", "one\ntwo, again"):
        answer = program.gateway.client.put(
            "/v2/update_logs", json={"logs": text}, headers={"Authorization": f"Bearer {program.jwt}"}
        )
        assert answer.json()["status"] == "Success"
        assert program.gateway.engine.settle(60)
        assert program.gateway.client.get(answer.json()["logs_url"]).json()["content"] == text
    assert program.export()["session"]["logs_url"] == answer.json()["logs_url"]


def test_a_fault_of_the_client_itself_is_kept_and_is_no_error_of_the_program(program: Program) -> None:
    told: dict[str, Any] = {
        "sdk_version": "0.3.26",
        "type": "KeyError",
        "message": "oh",
        "stack_trace": "...",
        "host_env": {},
    }
    answer = program.gateway.client.post("/v2/developer_errors", json={**told, "session_id": program.session_id})

    assert (answer.status_code, answer.json()) == (200, "Success")
    assert program.gateway.engine.settle(60)
    (line,) = program.gateway.data(f"/v1/sessions/{program.session_id}/logs")
    assert line["message"] == "oh"
    assert program.stats()["errors"] == 0


def test_time_travel_gives_back_prompts_and_answers(program: Program) -> None:
    messages = [{"role": "user", "content": "hello"}]
    completion = {"role": "assistant", "content": "hi"}
    program.send(event("llms", model="m", prompt=messages, completion=completion), event("actions", at=2))

    (row,) = program.gateway.get(f"/v2/ttd/{program.session_id}").json()
    assert row["prompt"] == {"type": "chatml", "messages": messages}
    assert json.loads(row["returns"])["choices"][0]["message"] == completion


def test_a_token_is_renewed_for_a_session_that_is_there(program: Program) -> None:
    client = program.gateway.client
    assert program.gateway.engine.settle(60)
    fresh = client.post("/v2/reauthorize_jwt", json={"session_id": program.session_id}).json()
    assert fresh["status"] == "Success"
    program.jwt = fresh["jwt"]
    program.send(event("actions"))
    assert program.stats()["events"] == 1

    unknown = client.post("/v2/reauthorize_jwt", json={"session_id": str(uuid4())})
    assert (unknown.status_code, unknown.json()["path"]) == (400, "/v2/reauthorize_jwt")


def test_of_a_batch_the_good_events_are_kept_and_the_bad_ones_told(program: Program) -> None:
    answer = program.post("/v2/create_events", {"events": [event("actions"), event("llms", prompt_tokens=-1), 7]})

    assert answer.status_code == 400
    assert answer.json() == {
        "path": "/v2/create_events",
        "message": "1 of 3 events were kept; event 1: `prompt_tokens` must be a count of tokens, not -1; "
        "event 2: an event must be an object, not a number",
    }
    assert program.gateway.engine.settle(60)
    assert program.stats()["events"] == 1


def test_an_id_that_is_no_uuid_is_read_when_it_came_through_another_door(gateway: Served) -> None:
    told = {"resourceLogs": [{"scopeLogs": [{"logRecords": [_start("orders/48 12")]}]}]}
    sent = gateway.send(json.dumps(told).encode(), signal="logs", content_type="application/json")
    assert sent.status_code == 200
    assert gateway.engine.settle(60)

    assert gateway.get("/v2/sessions/orders%2F48%2012/stats").json()["session_id"] == "orders/48 12"


def _start(session: str) -> dict[str, Any]:
    attributes = [{"key": "session.id", "value": {"stringValue": session}}]
    return {"timeUnixNano": "1790000000000000000", "eventName": "session.start", "attributes": attributes}
