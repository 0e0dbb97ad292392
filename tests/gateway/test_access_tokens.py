"""Tokens that are none of ours, or no longer: no door of any contract opens to them, whichever header shows them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from sojourn.home import Home
from sojourn_gateway.records import Keys, Records
from sojourn_gateway.settings import Settings
from tests.gateway.serving import PROTOBUF, served
from tests.gateway.story import support_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served

HEADERS = ("Authorization", "Authorization: Bearer", "X-Agentops-Api-Key", "X-API-Key", "X-Sdk-Token")
DOORS = {
    "/v1/sessions": "/error/code",
    "/v2/sessions/s-1/stats": "",
    "/session": "/code",
    "/api/projects/{project}/sessions": "",
}
"""One of each contract, and where its words for a refusal stand, where they are words of ours."""


@pytest.fixture
def locked(engine: Engine, home: Path, tmp_path: Path) -> Iterator[Served]:
    """A gateway that demands keys."""
    with served(engine, Home(home), Settings(project=tmp_path.name, require_keys=True)) as running:
        yield running


@pytest.fixture
def records(home: Path) -> Iterator[Records]:
    opened = Records.of(Home(home))
    yield opened
    opened.close()


def shown(header: str, secret: str) -> dict[str, str]:
    """A request's headers that show a key or a token."""
    name, _, scheme = header.partition(": ")
    return {name: f"{scheme} {secret}".strip()}


def part(told: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()


def signed(header: Any, claims: Any, secret: bytes, algorithm: str = "sha256") -> str:
    """A token as somebody would write it who has a secret."""
    body = f"{part(header)}.{part(claims)}"
    signature = hmac.digest(secret, body.encode(), getattr(hashlib, algorithm))
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_no_door_opens_to_a_token_that_is_not_ours_or_is_too_old(locked: Served, records: Records) -> None:
    made = Keys(records).make(locked.project, "a")
    secret = records.secret("tokens")
    now_s = int(time.time())
    claims = {"project": locked.project, "key": made.key.id, "aud": "agentops", "iat": now_s, "exp": now_s + 600}
    ours = {"alg": "HS256", "typ": "JWT"}
    forged = {
        "by nobody": f"{part({'alg': 'none'})}.{part(claims)}.",
        "by nobody, in capitals": f"{part({'alg': 'NONE', 'typ': 'JWT'})}.{part(claims)}.",
        "with another secret": signed(ours, claims, b"guess"),
        "with no secret": signed(ours, claims, b""),
        "in another way": signed({"alg": "HS512", "typ": "JWT"}, claims, secret, "sha512"),
        "under another name": signed({"alg": "RS256", "typ": "JWT"}, claims, secret),
        "too old": signed(ours, {**claims, "exp": now_s - 1}, secret),
        "of another project": signed(ours, {**claims, "project": "another"}, secret),
        "of no key": signed(ours, {**claims, "key": None}, secret),
        "of a key that is gone": signed(ours, {**claims, "key": "key_gone"}, secret),
    }
    good = signed(ours, claims, secret)
    assert locked.client.get("/v1/sessions", headers=shown(HEADERS[1], good)).status_code == 200

    for why, token in forged.items():
        for number, (door, place) in enumerate(DOORS.items()):
            header = HEADERS[(number + len(why)) % len(HEADERS)]
            answer = locked.client.get(door.format(project=locked.project), headers=shown(header, token))
            assert answer.status_code in (400, 401), (why, door, answer.text)
            told = answer.json()
            for name in filter(None, place.split("/")):
                told = told[name]
            assert not place or str(told).lower() == "unauthorized", (why, door)


@pytest.mark.parametrize("header", HEADERS)
def test_a_key_opens_its_own_project_at_every_door_and_no_other(
    locked: Served, records: Records, header: str, tmp_path: Path
) -> None:
    keys = Keys(records)
    mine, other = f"mine-{tmp_path.name}", f"other-{tmp_path.name}"
    secret = keys.make(mine, "a").secret
    theirs = keys.make(other, "b").secret
    sent = locked.client.post(
        "/v1/traces",
        content=support_session("s-1").encoded(),
        headers={"Content-Type": PROTOBUF, **shown(header, theirs)},
    )
    assert sent.status_code == 200
    assert locked.engine.settle(60)

    def asked(path: str, key: str) -> Any:
        return locked.client.get(path, headers=shown(header, key))

    assert asked("/v1/sessions/s-1", theirs).status_code == 200
    assert asked("/session", theirs).json()["data"]
    assert asked("/v1/sessions/s-1", secret).status_code == 404
    assert asked("/session", secret).json() == {"success": True, "data": []}
    assert asked("/thread/s-1", secret).status_code == 404
    for project in (other, mine):
        answer = asked(f"/api/projects/{project}/sessions", secret)
        assert answer.status_code >= 400 or "s-1" not in answer.text
    assert asked("/v2/sessions/s-1/export", secret).status_code >= 400
