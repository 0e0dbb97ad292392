"""A key sees its own project: ids of another one answer as unknown, on every route that there is."""

from __future__ import annotations

import json
import re
import secrets
from itertools import product
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sojourn.home import Home
from sojourn_gateway.records import Keys, Records
from sojourn_gateway.settings import Settings
from tests.gateway.sender import end, event, logs, span, traces, usage
from tests.gateway.serving import PROTOBUF, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sojourn_gateway.engine import Engine

MARK = "of-the-first-project"
# Routes whose answers speak of no project: they may be asked for with ids of any.
_ALIKE = ("/v1/capabilities", "/v1/openapi.json", "/v1/pricing", "/v1/filter-schema", "/health")


class Tenants:
    """Two projects in one gateway: the first is full, the second is asked."""

    def __init__(self, url: str, app: Any, first: str, second: str) -> None:
        self.app = app
        self.first = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {first}"}, timeout=60)
        self.second = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {second}"}, timeout=60)
        self.ids = dict[str, str]()

    def fill(self, engine: Engine) -> None:
        """Write something of every kind into the first project."""
        trace_id, session = secrets.token_bytes(16), f"s-{MARK}"
        call = span(
            trace_id,
            f"chat {MARK}",
            attributes={
                **usage(),
                "session.id": session,
                "user.id": f"u-{MARK}",
                "agentmark.dataset_run_id": f"r-{MARK}",
            },
        )
        typed = {"Content-Type": PROTOBUF}
        assert self.first.post("/v1/traces", content=traces([call]), headers=typed).status_code == 200
        told = logs([event("session.start", session), end(session, "Success", at_s=2)])
        assert self.first.post("/v1/logs", content=told, headers=typed).status_code == 200
        assert engine.settle(60)
        graded = {"resource_id": trace_id.hex(), "name": MARK, "score": 1}
        queue = self.first.post("/v1/annotation-queues", json={"name": MARK, "score_config_names": ["a"]})
        path = f"/v1/annotation-queues/{queue.json()['data']['id']}"
        assert self.first.post(f"{path}/items", json={"items": [{"resource_id": MARK}]}).status_code == 201
        assert self.first.post(f"/v1/datasets/{MARK}/rows", json={"input": MARK}).status_code == 201
        self.ids = {
            "session": session,
            "trace": trace_id.hex(),
            "span": call.span_id.hex(),
            "user": f"u-{MARK}",
            "score": self.first.post("/v1/scores", json=graded).json()["id"],
            "run": f"r-{MARK}",
            "queue": queue.json()["data"]["id"],
            "item": self.first.get(f"{path}/items").json()["data"][0]["id"],
            "dataset": f"{MARK}.jsonl",
            "key": self.first.get("/v1/api-keys").json()["data"][0]["id"],
        }

    def everything(self) -> list[Any]:
        """What the first project sees of itself."""
        ids = self.ids
        paths = (
            *("/v1/sessions", "/v1/traces", "/v1/spans", "/v1/scores", "/v1/datasets", "/v1/experiments"),
            f"/v1/sessions/{ids['session']}",
            f"/v1/annotation-queues/{ids['queue']}/items",
            "/v1/annotation-queues",
        )
        keys = self.first.get("/v1/api-keys").json()["data"]
        return [self.first.get(path).json() for path in paths] + [[(key["id"], key["revoked_at"]) for key in keys]]

    def routes(self) -> list[tuple[str, str]]:
        """Method and path of every route, pages included."""
        paths = self.app.openapi()["paths"].items()
        return [(method.upper(), path) for path, methods in paths for method in methods]


@pytest.fixture
def tenants(engine: Engine, home: Path) -> Iterator[Tenants]:
    records = Records.of(Home(home))
    made = [Keys(records).make(f"{name}-{secrets.token_hex(6)}", name) for name in ("first", "second")]
    with served(engine, Home(home), Settings(require_keys=True)) as running:
        found = Tenants(running.url, running.app, made[0].secret, made[1].secret)
        found.fill(engine)
        yield found
        found.first.close()
        found.second.close()
    records.close()


def paths_of(path: str, ids: dict[str, str], *, every: bool) -> list[str]:
    """A route's path with ids of the first project in every place: those of its kind, or `every` one."""
    names = re.findall(r"{(\w+)}", path)
    fit = [ids[kind] for kind in ids if names and names[0].startswith(kind)]
    known = list(ids.values()) if every or not fit else fit
    filled = list[str]()
    for chosen in product(known, repeat=min(len(names), 1)):
        told = path
        for number, name in enumerate(names):
            # The first place takes each id, a further one the id of its kind, which hangs below.
            fitting = next((ids[kind] for kind in ids if name.startswith(kind)), known[0])
            told = told.replace(f"{{{name}}}", chosen[0] if not number else fitting)
        filled.append(told)
    return filled


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_no_route_tells_another_project_anything(tenants: Tenants, every: bool) -> None:
    asked = 0
    for method, path in tenants.routes():
        if method != "GET" or path in _ALIKE:
            continue
        for told in paths_of(path, tenants.ids, every=every):
            answer = tenants.second.get(told)
            asked += 1
            assert answer.status_code < 500 or answer.status_code in (501, 503), (told, answer.text)
            # An answer may repeat the id that it was asked for, and nothing else of what it stands for.
            said = answer.text
            for one in (told, *tenants.ids.values()):
                said = said.replace(one, "").replace(json.dumps(one)[1:-1], "")
            assert MARK not in said, (told, answer.text[:500])
    assert asked > 100


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_no_route_changes_anything_of_another_project(tenants: Tenants, every: bool) -> None:
    before = tenants.everything()
    assert MARK in json.dumps(before)

    for method, path in tenants.routes():
        if method == "GET" or path.startswith("/v1/operator"):
            continue
        for told in paths_of(path, tenants.ids, every=every):
            bodies: list[Any] = [{}, {"status": "completed"}] if method in ("POST", "PATCH", "PUT") else [None]
            for body in bodies:
                answer = tenants.second.request(method, told, json=body)
                assert answer.status_code < 500 or answer.status_code in (501, 503), (method, told, answer.text)

    assert tenants.everything() == before


def test_what_is_of_the_whole_gateway_is_open_to_no_key(tenants: Tenants) -> None:
    for method, path in tenants.routes():
        if path.startswith("/v1/operator"):
            answer = tenants.first.request(method, path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), path


def test_ids_of_another_project_are_as_unknown_as_nobodys(tenants: Tenants) -> None:
    for kind in ("session", "trace", "score", "queue", "run"):
        place = {"queue": "annotation-queues", "run": "experiments"}.get(kind, f"{kind}s")
        path = f"/v1/{place}/{tenants.ids[kind]}"

        assert tenants.first.get(path).status_code == 200
        theirs = tenants.second.get(path)
        nobodys = tenants.second.get(f"/v1/{place}/{'0' * 32}")
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json()["error"]["code"] == nobodys.json()["error"]["code"] == "not_found"
