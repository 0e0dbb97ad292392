"""What cannot be understood, or is not theirs to ask: Agentuity's envelope and status, and never a fault of ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from sojourn.home import Home
from sojourn_gateway.apis.agentuity.addresses import present_address
from sojourn_gateway.settings import Settings
from tests.gateway.agentuity.by_hand import AT_MS, Runtime, session_id
from tests.gateway.serving import served

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn_gateway.engine import Engine

QUERIES = (
    "limit=-1",
    "limit=1.5",
    "limit=ten",
    "limit=%C2%B2",
    "offset=-1",
    "offset=0x10",
    "sort=cost",
    "sort=created_at",
    "direction=up",
    "devmode=yes",
    "success=1",
    "startAfter=yesterday",
    "startBefore=2026-13-01",
    "startAfter=1790000000000",
    "metadata=%7B",
    "metadata=[]",
    "metadata=7",
    "metadata=%22a%22",
    "metadata=" + "[" * 2000,
    "metadata=%7B%22a%22:" + "[" * 500 + "]" * 500 + "%7D",
)
HOSTILE = [
    "sess_" + "0" * 32,
    "sess_" + "f" * 32,
    "sess_xyz",
    "../../etc/passwd",
    "%2e%2e%2f",
    "a/b/c",
    "'; drop table",
    "\N{SKULL}",
    "x" * 10_000,
    "nul\0l",
    "new\nline",
]
BEGUN: dict[str, Any] = {
    "id": "sess_" + "a" * 32,
    "orgId": "o",
    "projectId": "p",
    "routeId": "",
    "environment": "e",
    "url": "/",
    "method": "GET",
    "devmode": False,
    "trigger": "api",
    "timestamp": AT_MS,
}
DONE: dict[str, Any] = {"id": BEGUN["id"], "threadId": None, "statusCode": 200, "timestamp": AT_MS}
RUN: dict[str, Any] = {
    "id": "evalrun_1",
    "sessionId": BEGUN["id"],
    "evalId": "e",
    "evalIdentifier": "i",
    "orgId": "o",
    "projectId": "p",
    "devmode": False,
    "timestamp": AT_MS,
}
WRONG: dict[str, list[Any]] = {
    "id": [None, 7, "", "a/b", "x" * 513, "a b", "\N{SKULL}"],
    "devmode": [None, "false", 0],
    "trigger": ["pigeon", None, 7],
    "timestamp": [None, "now", -1, 0, 10**30, 10**400, True],
    "statusCode": [None, "200", True, -1, 10**9, 10**400],
    "metadata": ["x", [], 7],
    "agentIds": ["x", [7], {}],
    "threadId": [7, [], "x" * 513],
    "userData": [7, {}],
    "error": [7, []],
    "url": [None, 7, "x" * 9000],
    "sessionId": [None, "a/b", "sess_" + "0" * 32],
    "evalId": [None, []],
}
OPTIONAL = {
    ("POST", "/session"): ("threadId", "metadata"),
    ("PUT", "/session"): ("agentIds", "error", "metadata", "userData"),
    ("POST", "/evalrun"): (),
}


def test_every_wrong_value_of_a_query_is_a_bad_request(runtime: Runtime) -> None:
    for query in QUERIES:
        assert runtime.refused(400, "BAD_REQUEST", f"/session?{query}").startswith(f"`{query.partition('=')[0]}`")
    for query in ("sort=duration", "metadata=[]", "limit=-1", "direction=up"):
        runtime.refused(400, "BAD_REQUEST", f"/thread?{query}")
    assert runtime.data("/session", limit="", metadata="", devmode="", more="x") == []


def test_every_wrong_value_of_a_body_is_a_bad_request(runtime: Runtime) -> None:
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/session", BEGUN),
        ("PUT", "/session", DONE),
        ("POST", "/evalrun", RUN),
    ]
    for method, path, good in bodies:
        for raw in (b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000):
            runtime.refused(400, "BAD_REQUEST", path, method, content=raw)
        for name, values in WRONG.items():
            for value in values if name in (*good, *OPTIONAL[method, path]) else ():
                told = runtime.refused(400, "BAD_REQUEST", path, method, json={**good, name: value})
                assert told.startswith(f"`{name}`"), (method, path, name, value)
    runtime.refused(400, "BAD_REQUEST", "/session", "POST", json={**BEGUN, "id": "sess_" + "0" * 32})
    runtime.refused(400, "BAD_REQUEST", "/session", "POST", json={**BEGUN, "timestamp": AT_MS + 0.5})
    runtime.refused(404, "NOT_FOUND", "/session", "PUT", json=DONE)
    runtime.refused(404, "NOT_FOUND", "/evalrun", "PUT", json={"id": "evalrun_1", "timestamp": AT_MS})
    assert runtime.data("/session") == []


def test_hostile_ids_are_unknown(runtime: Runtime) -> None:
    paths = ("/session/{}", "/thread/{}", "/cli/eval-run/{}", "/cli/session/{}/logs", "/cli/eval/{}")
    for number, hostile in enumerate(HOSTILE):
        spelled = quote(hostile, safe="")
        for path in (paths[0], paths[number % 4 + 1]):
            runtime.refused(404, "NOT_FOUND", path.format(spelled))
    runtime.refused(404, "NOT_FOUND", "/thread/a%2Fb", "DELETE")
    for path in ("/session/", "/cli/session/logs", "/cli/session/a", "/cli/nothing", "/thread/", "/agentuity/nothing"):
        runtime.refused(404, "NOT_FOUND", path)
    runtime.refused(405, "METHOD_NOT_ALLOWED", "/session", "PATCH")
    runtime.refused(405, "METHOD_NOT_ALLOWED", "/evalrun")


def test_what_json_can_say_and_utf8_cannot_is_kept_as_far_as_it_goes(runtime: Runtime) -> None:
    own_id = session_id()
    body = {
        **BEGUN,
        "id": own_id,
        "url": "/caf\ud83d?x=%zz y\\",
        "metadata": {"\ud83d": "\ud83d", "n": 0, "big": 10**300},
    }
    raw = json.dumps(body).replace('"n": 0', '"n": NaN')
    answer = runtime.gateway.client.post("/session", content=raw)
    assert answer.status_code == 200, answer.text
    (listed,) = runtime.data("/session")
    assert listed["metadata"]["n"] == "NaN"
    assert runtime.sessions(metadata='{"\\ud83d":"\\ud83d"}') == [own_id]
    assert httpx.URL(listed["url"]).host == "localhost"
    runtime.data(f"/session/{own_id}")


@pytest.mark.parametrize(
    ("told", "origin", "shown"),
    [
        ("", "https://a.b", None),
        ("/x", "", "http://localhost/x"),
        ("x?q=/a://b", "", "http://localhost/x?q=/a://b"),
        ("/a b\\", "https://h:8080", "https://h:8080/a%20b%5C"),
        ("//evil", "http://h", "http://h/evil"),
        ("http://1.2.3.4:99/x?y=1#z", "", "http://1.2.3.4:99/x?y=1"),
        ("http://user:pw@h/x", "", "http://h/x"),
        ("http://1.2.3.400/", "", None),
        ("http://[::1]:8/", "", "http://[::1]:8/"),
        ("http://[zz]/", "", None),
        ("http://[fe80::1%25eth0]:8080/x", "", None),
        ("http://h:99999/", "", None),
        ("ftp://h/x", "", None),
        ("http:///x", "", None),
        ("http://xn--/", "", None),
        ("/x", "https://1.2.3.400", "http://localhost/x"),
    ],
)
def test_addresses_are_absolute_or_none(told: str, origin: str, shown: str | None) -> None:
    assert present_address(told, origin) == shown


def test_nobody_sees_another_projects_data(engine: Engine, home: Path) -> None:
    settings = Settings(project=f"p-{uuid4().hex[:8]}", require_keys=True)
    with served(engine, Home(home), settings) as running:
        runtime = Runtime(running)
        keys = running.app.state.services.access.keys
        ours, theirs = [keys.make(f"p-{uuid4().hex[:8]}", "judge", as_uuid=True).secret for _ in range(2)]
        assert "key" in runtime.refused(401, "UNAUTHORIZED", "/session")
        runtime.refused(401, "UNAUTHORIZED", "/cli/eval", headers={"Authorization": "Bearer nobody"})
        running.client.headers["Authorization"] = f"Bearer {theirs}"
        own_id = runtime.serve(threadId="thrd_1")
        assert runtime.sessions() == [own_id]
        running.client.headers["Authorization"] = f"Bearer {ours}"
        assert runtime.sessions() == []
        assert runtime.data("/thread") == []
        for path in (f"/session/{own_id}", f"/cli/session/{own_id}/logs", "/thread/thrd_1"):
            runtime.refused(404, "NOT_FOUND", path)
        runtime.refused(404, "NOT_FOUND", "/thread/thrd_1", "DELETE")
        runtime.refused(404, "NOT_FOUND", "/session", "PUT", json={**DONE, "id": own_id})
