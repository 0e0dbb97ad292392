"""What cannot be understood, or is not theirs to ask: the contract's status and envelope, and never a fault of ours."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from sojourn.home import Home
from sojourn_gateway.settings import Settings
from tests.gateway.agentops.by_hand import Program, event
from tests.gateway.serving import served

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served

SESSION = str(uuid4())
DEEP = "[" * 100_000
BAD_SESSIONS: list[Any] = [
    {"session": None},
    {"session": []},
    {"session": {}},
    {"session": {"session_id": 7}},
    {"session": {"session_id": "../../etc"}},
    {"session": {"session_id": "x" * 10_000}},
    {"session": {"session_id": SESSION, "init_timestamp": "yesterday"}},
    {"session": {"session_id": SESSION, "init_timestamp": "0001-01-01T00:00:00"}},
    {"session": {"session_id": SESSION, "init_timestamp": "9999-12-31T23:59:59"}},
    {"session": {"session_id": SESSION, "tags": 7}},
    {"session": {"session_id": SESSION, "tags": [{"a": 1}]}},
]
BAD_EVENTS: list[Any] = [
    7,
    {"event_type": 7},
    {"id": str(uuid4())},
    event("llms", prompt_tokens="many"),
    event("llms", prompt_tokens=True),
    event("llms", completion_tokens=10**30),
    event("llms", cost="free"),
    event("llms", cost=-1),
    event("llms", cost="NaN"),
    event("llms", model=["m"]),
    event("actions", id={"a": 1}),
    event("actions", id="x" * 10_000),
    event("actions", agent_id=7),
    event("tools", name={"n": 1}),
]
HOSTILE = [
    "../../etc/passwd",
    "%2e%2e%2f",
    "a/b/c",
    "'; drop table",
    "\N{SKULL}",
    "x" * 10_000,
    "0" * 32,
    "nul\0l",
    "new\nline",
]


def check_v2(answer: Any, status: int = 400) -> str:
    """The envelope of `/v2`; returns its message."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) == {"path", "message"}, told
    return str(told["message"])


@pytest.fixture
def guarded(engine: Engine, home: Path) -> Any:
    """A gateway that demands keys, and a fresh key of each of two projects."""
    settings = Settings(project=f"p-{uuid4().hex[:8]}", require_keys=True)
    with served(engine, Home(home), settings) as running:
        keys = running.app.state.services.access.keys
        made = [keys.make(f"p-{uuid4().hex[:8]}", "judge", as_uuid=True).secret for _ in range(2)]
        yield running, made


def test_bad_bodies_are_told_in_the_contracts_envelope(program: Program) -> None:
    client = program.gateway.client
    for body in BAD_SESSIONS:
        check_v2(client.post("/v2/create_session", json=body))
    for path in ("/v2/create_session", "/v2/reauthorize_jwt", "/v2/developer_errors"):
        for raw in (b"", b"{", b"[]", b'"text"', b"\xff\xfe", DEEP.encode()):
            check_v2(client.post(path, content=raw))
    for body in BAD_EVENTS:
        assert "0 of 1 events were kept" in check_v2(program.post("/v2/create_events", {"events": [body]}))
    several: list[Any] = [None, {}, "text", 7]
    for rows in several:
        check_v2(program.post("/v2/create_events", {"events": rows}))
        check_v2(program.post("/v2/update_events", {"events": rows}))
    check_v2(program.post("/v2/update_events", {"events": [{"id": str(uuid4()), "code": "unknown"}]}))
    for end in ("Done", 7, {"a": 1}):
        check_v2(program.post("/v2/update_session", {"session": {"end_state": end}}))
    for path in ("/v2/create_agent", "/v2/create_thread"):
        for body in ({}, {"id": 7}, {"id": ""}):
            check_v2(program.post(path, body))
    assert program.stats()["events"] == 0


def test_what_json_can_say_and_its_writers_cannot_is_kept_and_answered(program: Program) -> None:
    """A client may send names of numbers, half a surrogate pair, or JSON in a text; none of it may break an export."""
    row = json.dumps(event("actions", params={"a": 0, "b": 1}, returns='{"c": "\\ud83d", "d": NaN}'))
    raw = '{"events": [' + row.replace('"a": 0', '"a": NaN').replace('"b": 1', '"b": 1e999') + "]}"
    headers = {"Authorization": f"Bearer {program.jwt}"}
    assert program.gateway.client.post("/v2/create_events", content=raw, headers=headers).status_code == 200
    deep = event("actions", at=2, params=json.loads("[" * 200 + "]" * 200))
    check_v2(program.post("/v2/create_events", {"events": [deep]}))
    program.send(event("actions", at=3, params="[" * 900 + "]" * 900))

    first, second = program.export()["actions"]
    assert first["params"] == {"a": "NaN", "b": "1e999"}
    assert first["returns"] == {"c": "\ud83d", "d": "NaN"}
    assert second["params"] == "[" * 900 + "]" * 900
    trace = program.session_id.replace("-", "")
    assert program.gateway.get(f"/v4/traces/detail/{trace}").status_code == 200


def test_writing_asks_for_a_sessions_token(program: Program) -> None:
    client = program.gateway.client
    token = client.post("/v3/auth/token", json={"api_key": str(uuid4())}).json()["token"]
    head, body, signature = program.jwt.split(".")
    for bearer in (
        "",
        "Bearer abc",
        f"Bearer {token}",
        f"Bearer {head}.{body}.{signature[::-1]}",
        "Basic x",
    ):
        headers = {"Authorization": bearer} if bearer else {}
        for path in ("create_events", "update_events", "create_agent", "create_thread"):
            check_v2(client.post(f"/v2/{path}", json={"events": [], "id": "a"}, headers=headers))
        check_v2(client.post("/v2/update_session", json={"session": {}}, headers=headers))
        check_v2(client.put("/v2/update_logs", json={"logs": ""}, headers=headers))


def test_a_token_of_yesterday_is_unauthorized(program: Program) -> None:
    access = program.gateway.app.state.services.access
    caller = access.resolve({})
    told = {"session_id": program.session_id, "writer": "w"}
    program.jwt = access.issue(caller, audience="agentops.session", lifetime_s=-1, **told)
    assert "expired" in check_v2(program.post("/v2/create_events", {"events": []}), 401)

    headers = {"Authorization": f"Bearer {access.issue(caller, audience='authenticated', lifetime_s=-1)}"}
    client = program.gateway.client
    answers = {path: client.get(path, headers=headers) for path in ("/public/v1/project", "/v3/auth/token")}
    assert (answers["/public/v1/project"].status_code, set(answers["/public/v1/project"].json())) == (
        400,
        {"detail", "error"},
    )
    assert (answers["/v3/auth/token"].status_code, set(answers["/v3/auth/token"].json())) == (401, {"error"})


def test_unknown_and_hostile_ids_are_unknown(gateway: Served) -> None:
    project = gateway.get("/public/v1/project").json()["id"]
    for hostile in HOSTILE:
        spelled = quote(hostile, safe="")
        message = check_v2(gateway.get(f"/v2/sessions/{spelled}/stats"))
        assert message == "Session does not belong to this project"
        check_v2(gateway.get(f"/v2/sessions/{spelled}/export"))
        for path in (
            "/public/v1/traces/{}",
            "/public/v1/traces/{}/metrics",
            "/public/v1/spans/{}",
            "/public/v1/spans/{}/metrics",
            "/v4/traces/detail/{}",
            "/v4/traces/list/{}",
            "/v4/meterics/project/{}",
            "/v4/logs/{}",
            "/v4/objects/{}",
        ):
            answer = gateway.get(path.format(spelled))
            assert (answer.status_code, "detail" in answer.json()) == (404, True), (path, hostile, answer.text)
    check_v2(gateway.get("/v2/ttd/unknown"))
    check_v2(gateway.get("/v2/nothing"), 404)
    check_v2(gateway.client.delete("/v2/create_session"), 405)
    for query in (
        "limit=0",
        "limit=101",
        "limit=x",
        "offset=-1",
        "order_by=secrets",
        "sort_order=UP",
        "start_time=now",
    ):
        answer = gateway.get(f"/v4/traces/list/{project}?{query}")
        assert (answer.status_code, "detail" in answer.json()) == (422, True), query


def test_uploads_say_what_is_wrong_with_them(gateway: Served) -> None:
    post = gateway.client.post
    for trace in ("", "x", "0", "-1", "9" * 10_000, str(1 << 128), "0" * 32):
        answer = post("/v4/logs/upload/", json={"body": "x"}, headers={"Trace-Id": trace})
        assert (answer.status_code, "detail" in answer.json()) == (400, True), trace
    for path in ("/v4/logs/upload/", "/v4/objects/upload/"):
        for body in ({}, {"body": 7}, {"body": None, "x": 1}):
            answer = post(path, json=body, headers={"Trace-Id": "7"})
            assert answer.status_code == (200 if body.get("body", 7) is None else 400), answer.text
    large = post("/v4/objects/upload/", content=json.dumps({"body": "x" * (25 * 1024 * 1024 + 1)}).encode())
    assert (large.status_code, "detail" in large.json()) == (413, True)


def test_a_body_beyond_the_limit_is_told_in_the_contracts_envelope(small_gateway: Served) -> None:
    check_v2(small_gateway.client.post("/v2/create_session", content=b"x" * 100_000), 413)


def test_where_keys_are_demanded_each_version_refuses_in_its_own_words(guarded: Any) -> None:
    gateway, (key, _) = guarded
    client = gateway.client
    path = f"/v2/sessions/{SESSION}/stats"
    assert check_v2(client.get(path)) == "API Key is Missing"
    assert check_v2(client.get(path, headers={"X-Agentops-Api-Key": str(uuid4())})) == "Invalid API Key"
    good = {"X-Agentops-Api-Key": key}
    assert check_v2(client.get(path, headers=good)) == "Session does not belong to this project"

    def refused(path: str, key: Any) -> tuple[int, set[str]]:
        answer = client.post(path, json={"api_key": key})
        return answer.status_code, set(answer.json())

    assert [refused("/v3/auth/token", one) for one in ("no-uuid", str(uuid4()), None)] == [
        (400, {"error"}),
        (403, {"error"}),
        (400, {"error"}),
    ]
    public = "/public/v1/auth/access_token"
    assert [refused(public, one)[0] for one in ("no-uuid", str(uuid4()), None)] == [400, 404, 400]
    assert client.get("/public/v1/project").status_code == 400
    assert client.get(f"/v4/traces/list/{SESSION}").status_code == 401


def test_another_projects_sessions_and_traces_are_unknown(guarded: Any) -> None:
    gateway, (mine, theirs) = guarded
    client = gateway.client
    owner = replace_key(gateway, mine)
    program = Program.begin(owner)
    program.send(event("llms", model="gpt-4o-mini", prompt_tokens=5, completion_tokens=1))
    trace = program.session_id.replace("-", "")
    bearers = {
        key: client.post("/public/v1/auth/access_token", json={"api_key": key}).json()["bearer"]
        for key in (mine, theirs)
    }
    told = client.get("/v3/auth/token", headers={"Authorization": f"Bearer {bearers[mine]}"}).json()
    assert (told["payload"]["aud"], told["payload"]["project_prem_status"]) == ("authenticated", "pro")
    paths = [
        f"/v2/sessions/{program.session_id}/stats",
        f"/v2/sessions/{program.session_id}/export",
        f"/v2/ttd/{program.session_id}",
        f"/public/v1/traces/{trace}",
        f"/public/v1/traces/{trace}/metrics",
        f"/v4/traces/detail/{trace}",
        f"/v4/meterics/project/{told['payload']['project_id']}",
    ]
    for path in paths:
        answers = [client.get(path, headers={"Authorization": f"Bearer {bearers[key]}"}) for key in (mine, theirs)]
        unknown = 400 if path.startswith("/v2") else 404
        assert [answer.status_code for answer in answers] == [200, unknown], path
    # A session's token opens its own project, and the key beside it nothing more.
    headers = {"Authorization": f"Bearer {program.jwt}", "X-Agentops-Api-Key": theirs}
    assert (
        client.post("/v2/create_events", json={"events": [event("tools", name="t")]}, headers=headers).status_code
        == 200
    )
    assert gateway.engine.settle(60)
    assert program.stats()["events"] == 2


def replace_key(gateway: Served, key: str) -> Served:
    """The same gateway, asked with a key."""
    gateway.client.headers["X-Agentops-Api-Key"] = key
    return replace(gateway)
