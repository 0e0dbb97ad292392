"""What somebody without a good key can make a gateway do, and how a refusal is told to an exporter."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import Request

from sojourn.home import Home
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.intake import Intake
from sojourn_gateway.command.gateways import RunningGateway
from sojourn_gateway.keeping.backups import make_backup
from sojourn_gateway.records import Keys, Records
from sojourn_gateway.settings import Settings
from tests.gateway.serving import PROTOBUF, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served


@pytest.fixture
def keys(home: Path) -> Iterator[Keys]:
    records = Records.of(Home(home))
    yield Keys(records)
    records.close()


@pytest.fixture
def locked(engine: Engine, home: Path, tmp_path: Path) -> Iterator[Served]:
    """A gateway that demands keys."""
    with served(engine, Home(home), Settings(project=tmp_path.name, require_keys=True)) as running:
        yield running


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_an_exporter_that_may_not_come_in_is_told_in_its_own_notation(locked: Served, keys: Keys, signal: str) -> None:
    reader = keys.make("p", "reader", permissions=["*.read"]).secret
    told = {"Content-Type": PROTOBUF, "X-Request-Id": "mine"}

    nobody = locked.client.post(f"/v1/{signal}", headers=told)
    refused = locked.client.post(f"/v1/{signal}", headers={**told, "X-API-Key": reader})
    as_json = locked.client.post(f"/v1/{signal}", headers={"Content-Type": "application/json"})

    # A `google.rpc.Status`: its code, then its words.
    assert (nobody.status_code, nobody.content[:3]) == (401, b"\x08\x10\x12")
    assert nobody.content[4:] == b"this gateway asks for a key: Authorization: Bearer <key>"
    assert (refused.status_code, refused.content[:3]) == (403, b"\x08\x07\x12")
    for answer in (nobody, refused):
        assert (answer.headers["Content-Type"], answer.headers["X-Request-Id"]) == (PROTOBUF, "mine")
    assert nobody.headers["WWW-Authenticate"].startswith("Bearer")
    assert (as_json.status_code, as_json.json()["error"]["code"]) == (401, "unauthorized")


def test_an_exporter_that_sends_too_often_is_told_so_in_its_own_notation(
    engine: Engine, home: Path, keys: Keys
) -> None:
    told = {"Content-Type": PROTOBUF, "X-API-Key": keys.make("p", "a").secret}
    with served(engine, Home(home), Settings(require_keys=True, rate_limit="1/hour")) as running:
        assert running.client.post("/v1/traces", headers=told).status_code == 200
        over = running.client.post("/v1/traces", headers=told)

    assert (over.status_code, over.headers["Content-Type"], over.content[:2]) == (429, PROTOBUF, b"\x08\x08")
    assert int(over.headers["Retry-After"]) > 0


def test_bad_keys_are_counted_and_keep_nobody_else_out(engine: Engine, home: Path, keys: Keys) -> None:
    good = keys.make("p", "a").secret
    with served(engine, Home(home), Settings(require_keys=True, rate_limit="2/hour")) as running:
        answers = [running.client.get("/v1/sessions", headers={"X-API-Key": f"no-{each}"}) for each in range(3)]

        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert running.client.post("/sign-in", data={"key": good}).status_code == 303
        assert running.client.get("/v1/sessions", headers={"X-API-Key": good}).status_code == 200


@pytest.mark.parametrize("path", ["/sign-in", "/v3/auth/token", "/public/v1/auth/access_token"])
def test_without_a_key_nobody_has_a_large_body_read(locked: Served, path: str) -> None:
    answer = locked.client.post(path, content=json.dumps({"api_key": "x" * 100_000}))

    assert (answer.status_code, "64 KiB" in answer.text) == (413, True)


def test_how_long_to_keep_is_a_small_body(gateway: Served) -> None:
    answer = gateway.client.put("/v1/retention", content=b" " * 100_000 + b"{}")

    assert answer.status_code == 413


@pytest.mark.parametrize("host", ["x/health?", "x/health#", "a b", "x@y", "", "a\\b"])
def test_a_host_that_is_no_name_is_refused_also_where_any_name_is_ours(locked: Served, host: str) -> None:
    """An address that is put together from it would lead elsewhere."""
    assert locked.client.get("/v1/sessions", headers={"Host": host}).status_code == 403
    assert locked.client.get("/v1/sessions", headers={"Host": "any_name.example:8080"}).status_code == 401


def test_a_key_that_expires_gives_away_none_that_outlives_it(locked: Served, keys: Keys) -> None:
    expires_ns = time.time_ns() + 3600 * 10**9
    secret = keys.make("p", "for an hour", expires_ns=expires_ns).secret
    asked = {"name": "child", "permissions": ["*"]}

    made = locked.client.post("/v1/api-keys", json=asked, headers={"X-API-Key": secret})

    assert made.status_code == 201
    (child,) = [key for key in keys.all("p") if key.name == "child"]
    assert child.expires_ns == expires_ns


def test_a_body_whose_sender_falls_silent_is_given_up_and_is_held_no_longer() -> None:
    pieces = iter([{"type": "http.request", "body": b"x" * 600, "more_body": True}])

    async def receive() -> Any:  # a message of ASGI
        for piece in pieces:
            return piece
        return await asyncio.Event().wait()

    async def read() -> None:
        intake = Intake(limit=1000, held_limit=1000, pause_s=0.01)
        request = Request({"type": "http", "method": "POST", "headers": []}, receive)
        with pytest.raises(HttpFault, match="nothing more") as silent:
            async with intake.body(request):
                pass
        assert silent.value.status == 408
        with intake.holding(1000):
            pass

    asyncio.run(read())


def test_the_token_of_a_revoked_key_is_not_called_valid(locked: Served, keys: Keys) -> None:
    made = keys.make("p", "a", as_uuid=True)
    token = locked.client.post("/v3/auth/token", json={"api_key": made.secret}).json()["token"]
    shown = {"Authorization": f"Bearer {token}"}
    assert locked.client.get("/v3/auth/token", headers=shown).json()["message"] == "Token is valid"

    keys.revoke("p", made.key.id)
    locked.services.access.forget()

    assert locked.client.get("/v3/auth/token", headers=shown).status_code == 401


def test_a_copy_of_the_records_is_readable_by_its_owner_alone(engine: Engine, home: Path, tmp_path: Path) -> None:
    records = Records.of(Home(home))
    records.open()
    records.close()
    (tmp_path / "backup").mkdir(mode=0o755)

    make_backup(engine, Home(home), tmp_path / "backup")

    assert (tmp_path / "backup" / "records.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("required", [True, False])
def test_an_order_that_outlives_its_token_stays_in_its_project(
    engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch, *, required: bool
) -> None:
    with served(engine, Home(home), Settings(require_keys=required)) as running:
        command = RunningGateway(running.url, 0, Home(home))
        with monkeypatch.context() as patched:
            patched.setattr("sojourn_gateway.asgi.access._OPERATED_S", -1)
            command.operate(f"mine-{required}")

        command.order("PUT", "/v1/retention", {"days": 7, "size_bytes": 0})

        keeper = running.services.keeper
        assert keeper.keeping(f"mine-{required}").days == 7
        assert keeper.keeping("default").days == 0
