"""Who may ask what: keys, tokens, cookies, permissions, limits."""

from __future__ import annotations

import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sojourn.home import Home
from sojourn_gateway.asgi.access import Access, Caller
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.permissions import grants, needed
from sojourn_gateway.asgi.throttle import Throttle
from sojourn_gateway.asgi.tokens import BadToken, Tokens
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.records import Keys, Records
from sojourn_gateway.settings import Settings, address_to_bind
from tests.gateway.serving import PROTOBUF, served
from tests.gateway.story import support_session
from tests.waiting import until

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


@pytest.mark.parametrize(
    "header",
    [
        {"Authorization": "Bearer {key}"},
        {"Authorization": "bearer  {key}"},
        {"Authorization": "{key}"},
        {"X-API-Key": "{key}"},
        {"x-api-key": "{key}"},
        {"X-Agentops-Api-Key": "{key}"},
        {"Authorization": "Bearer nobody's", "X-API-Key": "{key}"},
    ],
    ids=str,
)
def test_a_key_opens_its_project_however_it_is_shown(
    locked: Served, keys: Keys, tmp_path: Path, header: dict[str, str]
) -> None:
    made = keys.make(f"mine-{tmp_path.name}", "a")
    shown = {name: value.format(key=made.secret) for name, value in header.items()}

    answer = locked.client.get("/v1/sessions", headers=shown)

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("shown", [None, "nobody's", "eyJhbGciOiJub25lIn0.e30.", "x" * 5000, "\u00e9"])
def test_without_a_good_key_every_door_but_the_open_ones_is_shut(locked: Served, shown: str | None) -> None:
    headers = {} if shown is None else {b"Authorization": f"Bearer {shown}".encode()}

    for method, path in (
        ("GET", "/v1/sessions"),
        ("GET", "/v1/filter-schema"),
        ("POST", "/v1/scores"),
        ("POST", "/v1/traces/search"),
        ("DELETE", "/v1/scores/x"),
    ):
        answer = locked.client.request(method, path, headers=headers)

        assert answer.status_code == 401, path
        assert answer.json()["error"]["code"] == "unauthorized"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert locked.get("/health").status_code == 200
    assert locked.get("/v1/capabilities").status_code == 200


def test_spans_go_to_the_project_of_the_key(locked: Served, keys: Keys, tmp_path: Path) -> None:
    mine, other = (keys.make(f"{name}-{tmp_path.name}", name).secret for name in ("mine", "other"))
    body = support_session("s-1").encoded()
    sent = locked.client.post("/v1/traces", content=body, headers={"Content-Type": PROTOBUF, "X-API-Key": mine})
    assert sent.status_code == 200
    assert locked.engine.settle(60)

    def listed(key: str) -> list[str]:
        answer = locked.client.get("/v1/sessions", headers={"Authorization": key})
        return [session["id"] for session in answer.json()["data"]]

    assert (listed(mine), listed(other)) == (["s-1"], [])


def test_on_loopback_without_keys_a_known_key_selects_its_project_and_anything_else_the_default(
    gateway: Served, keys: Keys, tmp_path: Path
) -> None:
    mine = keys.make(f"mine-{tmp_path.name}", "a").secret
    gateway.keep(support_session("s-default"))

    def listed(**headers: str) -> list[str]:
        answer = gateway.client.get("/v1/sessions", headers=headers)
        return [session["id"] for session in answer.json()["data"]]

    assert listed(Authorization=f"Bearer {mine}") == []
    assert listed(Authorization="Bearer whatever") == ["s-default"]
    assert listed() == ["s-default"]


def test_a_revoked_key_is_refused_within_a_second(home: Path, keys: Keys) -> None:
    access = Access(Records.of(Home(home)), "default", required=True)
    made = keys.make("p", "a")
    assert access.resolve({"x-api-key": made.secret}) == Caller("p", made.key.id, ("*",))

    keys.revoke("p", made.key.id)
    access.forget()

    with pytest.raises(Exception, match="revoked"):
        access.resolve({"x-api-key": made.secret})


def test_a_token_speaks_for_its_key_until_that_is_revoked(home: Path, keys: Keys) -> None:
    access = Access(Records.of(Home(home)), "default", required=True)
    made = keys.make("p", "a")
    token = access.issue(access.resolve_key(made.secret), audience="agentops", lifetime_s=60, session_id="s")
    shown = {"authorization": f"Bearer {token}"}

    assert access.resolve(shown) == Caller("p", made.key.id, ("*",))
    assert access.read_token(token).more == {"session_id": "s"}

    keys.revoke("p", made.key.id)
    access.forget()
    with pytest.raises(Exception, match="revoked"):
        access.resolve(shown)


def test_tokens_of_a_time_without_keys_open_nothing_later(home: Path) -> None:
    records = Records.of(Home(home))
    token = Access(records, "default", required=False).issue(Caller("default"), audience="agentops", lifetime_s=60)

    with pytest.raises(Exception, match="asked for no keys"):
        Access(records, "default", required=True).resolve({"authorization": token})


def test_tokens_that_were_changed_or_are_too_old_are_refused() -> None:
    now = [1_790_000_000.0]
    tokens = Tokens(lambda: b"secret", now_s=lambda: now[0])
    token = tokens.issue("p", None, audience="a", lifetime_s=60)
    header, body, signature = token.split(".")

    for changed in (f"{header}.{body}x.{signature}", f"{header}.{body}.", "..", f"{token}\u00e9", "x" * 9000):
        with pytest.raises(BadToken) as told:
            tokens.read(changed)
        assert not told.value.expired
    assert Tokens(lambda: b"secret", now_s=lambda: now[0]).read(token).project == "p"
    with pytest.raises(BadToken):
        Tokens(lambda: b"another").read(token)
    now[0] += 60
    with pytest.raises(BadToken, match="expired") as late:
        tokens.read(token)
    assert late.value.expired


def test_a_key_does_what_it_may_and_no_more(locked: Served, keys: Keys) -> None:
    reader = {"X-API-Key": keys.make("p", "reader", permissions=["*.read"]).secret}
    writer = {"X-API-Key": keys.make("p", "writer", permissions=["trace.write"]).secret}

    assert locked.client.get("/v1/sessions", headers=reader).status_code == 200
    assert locked.client.post("/v1/traces/search", headers=reader).status_code == 200
    refused = locked.client.post("/v1/scores", headers=reader)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert refused.json()["error"]["permission"] == "score.write"
    assert locked.client.post("/v1/traces", headers={**reader, "Content-Type": PROTOBUF}).status_code == 403
    assert locked.client.post("/v1/traces", headers={**writer, "Content-Type": PROTOBUF}).status_code == 200
    assert locked.client.get("/v1/sessions", headers=writer).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("GET", "/v1/spans", "span.read"),
        ("POST", "/v1/spans/search", "span.read"),
        ("POST", "/v1/traces", "trace.write"),
        ("POST", "/v1/metrics", "trace.write"),
        ("GET", "/v1/metrics", "metrics.read"),
        ("GET", "/metrics", "metrics.read"),
        ("DELETE", "/v1/scores/1", "score.delete"),
        ("PATCH", "/v1/annotation-queues/1", "annotation_queue.write"),
        ("PATCH", "/v1/annotation-queues/search", "annotation_queue.write"),
        ("POST", "/v1/datasets/search", "dataset.write"),
        ("GET", "/v1/retention", "session.read"),
        ("PUT", "/v1/retention", "session.delete"),
        ("GET", "/sessions/1", "session.read"),
        ("POST", "/sessions/a/b", "score.write"),
        ("POST", "/v2/create_session", "trace.write"),
    ],
)
def test_each_request_needs_one_permission(method: str, path: str, permission: str) -> None:
    assert needed(method, path) == permission
    assert grants(["*"], permission)
    assert grants(["*.read"], permission) == permission.endswith(".read")


def test_a_page_shows_scores_to_a_key_only_that_may_read_them(locked: Served, keys: Keys) -> None:
    writer = {"Authorization": keys.make(locked.project, "w").secret}
    sent = locked.client.post(
        "/v1/traces", content=support_session("s-1").encoded(), headers=writer | {"Content-Type": PROTOBUF}
    )
    assert sent.status_code == 200
    assert locked.engine.settle(300)
    step = locked.client.get("/v1/sessions/s-1", headers=writer).json()["data"]["spans"][0]
    for told in ({"resource_id": "s-1"}, {"resource_id": step["id"]}):
        score = {**told, "name": "how-helpful", "score": 1}
        assert locked.client.post("/v1/scores", headers=writer, json=score).is_success

    for permissions, seen in ((["session.read"], False), (["session.read", "score.read"], True)):
        reader = {"Authorization": keys.make(locked.project, "r", permissions=permissions).secret}
        for path in ("/sessions/s-1", f"/spans/{step['trace_id']}/{step['id']}"):
            page = locked.client.get(path, headers=reader)
            assert (page.status_code, "how-helpful" in page.text) == (200, seen)


def test_a_browser_signs_in_with_a_key_and_out_again(locked: Served, keys: Keys, tmp_path: Path) -> None:
    secret = keys.make(f"mine-{tmp_path.name}", "a").secret
    with httpx.Client(base_url=locked.url, timeout=300) as browser:
        sent = browser.get("/sessions?sort=cost", headers={"Accept": "text/html"})
        assert (sent.status_code, sent.headers["Location"]) == (303, "/sign-in?next=%2Fsessions%3Fsort%3Dcost")
        form = browser.get(sent.headers["Location"])
        assert 'name="next" value="/sessions?sort=cost"' in form.text

        wrong = browser.post("/sign-in", data={"key": "nobody's", "next": "/sessions"})
        assert (wrong.status_code, "no such key" in wrong.text, wrong.cookies) == (401, True, httpx.Cookies())

        came = browser.post("/sign-in", data={"key": secret, "next": "/sessions?sort=cost"})
        assert (came.status_code, came.headers["Location"]) == (303, "/sessions?sort=cost")
        cookie = came.headers["Set-Cookie"]
        assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/"))
        assert secret not in cookie

        assert browser.get("/sessions").status_code == 200
        assert browser.get("/v1/sessions").status_code == 200
        browser.post("/sign-out")
        assert browser.get("/sessions").status_code == 303


def test_a_page_of_another_origin_changes_nothing(locked: Served, keys: Keys) -> None:
    secret = keys.make("p", "a").secret
    with httpx.Client(base_url=locked.url, timeout=300) as browser:
        browser.post("/sign-in", data={"key": secret})
        score = {"resource_id": "x", "name": "n", "score": 1}

        for foreign in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://[x"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            refused = browser.post("/v1/scores", json=score, headers=foreign)
            assert refused.status_code == 403, foreign
        assert browser.post("/v1/scores", json=score, headers={"Origin": locked.url}).status_code == 201
        # Behind a proxy that changes the Host header, the browser still says that the page is of the same origin.
        proxied = {"Origin": "https://traces.example", "Sec-Fetch-Site": "same-origin"}
        assert browser.post("/v1/scores", json=score, headers=proxied).status_code == 201


def test_nor_where_no_keys_are_demanded(gateway: Served) -> None:
    score = {"resource_id": "x", "name": "n", "score": 1}

    assert gateway.client.post("/v1/scores", json=score, headers={"Origin": "https://evil.example"}).status_code == 403
    assert gateway.client.post("/v1/scores", json=score).status_code == 201


def test_a_cookie_is_no_key_and_a_key_is_no_cookie(locked: Served, keys: Keys) -> None:
    secret = keys.make("p", "a").secret
    with httpx.Client(base_url=locked.url, timeout=300) as browser:
        browser.post("/sign-in", data={"key": secret})
        token = browser.cookies["sojourn_key"]
    assert locked.client.get("/v1/sessions", headers={"Authorization": token}).status_code == 401
    assert locked.client.get("/v1/sessions", headers={"Cookie": f"sojourn_key={secret}"}).status_code == 401


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\nx",
        "javascript:alert(1)",
        "",
        "//[",
        "http://[x",
    ],
)
def test_signing_in_leads_nowhere_else(locked: Served, keys: Keys, target: str) -> None:
    came = locked.client.post("/sign-in", data={"key": keys.make("p", "a").secret, "next": target})

    assert came.headers["Location"] == "/sessions"


def test_allowed_hosts_are_a_setting_where_keys_are_demanded(engine: Engine, home: Path) -> None:
    settings = Settings(require_keys=True, allowed_hosts=("traces.example",))
    with served(engine, Home(home), settings) as running:
        assert running.client.get("/health", headers={"Host": "traces.example"}).status_code == 200
        refused = running.client.get("/health", headers={"Host": "evil.example"})
        assert (refused.status_code, "SOJOURN_ALLOWED_HOSTS" in refused.text) == (403, True)


def test_one_key_too_many_requests_are_answered_as_the_contract_says(engine: Engine, home: Path, keys: Keys) -> None:
    first, second = (keys.make("p", name).secret for name in ("first", "second"))
    with served(engine, Home(home), Settings(require_keys=True, rate_limit="2/hour")) as running:
        answers = [running.client.get("/v1/score-configs", headers={"X-API-Key": first}) for _ in range(3)]

        assert [answer.status_code for answer in answers[:2]] == [200, 200]
        told = answers[1].headers
        assert (told["RateLimit-Policy"], told["RateLimit-Limit"], told["RateLimit-Remaining"]) == (
            "2;w=3600",
            "2",
            "0",
        )
        assert 0 < int(told["RateLimit-Reset"]) <= 3600
        over = answers[2]
        assert (over.status_code, over.json()["error"]["code"]) == (429, "rate_limited")
        assert over.headers["Retry-After"] == str(over.json()["error"]["retry_after_seconds"])
        assert over.headers["RateLimit-Remaining"] == "0"
        assert running.client.get("/v1/score-configs", headers={"X-API-Key": second}).status_code == 200
        assert running.get("/health").status_code == 200


@pytest.mark.parametrize(("rate", "store"), [("often", "memory://"), ("5/minute", "gopher://x")])
def test_a_limit_that_cannot_be_is_refused_in_words(rate: str, store: str) -> None:
    with pytest.raises(GatewayFault, match="SOJOURN_RATE_"):
        Throttle(rate, store)


def test_a_store_of_limits_that_does_not_answer_is_said(home: Path) -> None:
    throttle = Throttle("5/minute", "redis://127.0.0.1:1/0")

    assert throttle.waits
    with pytest.raises(GatewayFault, match="does not answer"):
        throttle.count("somebody")


def test_several_gateways_count_together_in_redis(tmp_path: Path) -> None:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("there is no redis-server to start; on Debian: apt-get install redis-server")
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    arguments = [server, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", ""]
    first, second = (Throttle("2/hour", f"redis://127.0.0.1:{port}/0") for _ in range(2))

    def answers() -> bool:
        try:
            return first.count("nobody").remaining <= 1
        except GatewayFault:
            return False

    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as running:
        try:
            until(answers)
            assert first.count("a").remaining == 1
            assert second.count("a").remaining == 0
            with pytest.raises(HttpFault, match="more than 2 requests"):
                first.count("a")
            assert second.count("b").remaining == 1
        finally:
            first.close()
            second.close()
            running.terminate()


def test_an_address_that_others_reach_demands_keys() -> None:
    assert address_to_bind("localhost", require_keys=False) == ("127.0.0.1", False)
    assert address_to_bind("127.0.0.1", require_keys=True) == ("127.0.0.1", True)
    assert address_to_bind("0.0.0.0", require_keys=False) == ("0.0.0.0", True)
    assert address_to_bind("[::]", require_keys=False) == ("::", True)
    with pytest.raises(GatewayFault, match="refusing to listen"):
        address_to_bind("example.org", require_keys=True)


def test_settings_of_keys_come_from_the_environment() -> None:
    told: dict[str, Any] = {
        "SOJOURN_REQUIRE_KEYS": "1",
        "SOJOURN_RECORDS": "postgresql://u:secret@h/d",
        "SOJOURN_ALLOWED_HOSTS": "Traces.example, other",
        "SOJOURN_RATE_LIMIT": "5/minute",
        "SOJOURN_RATE_STORE": "redis://h",
    }

    settings = Settings.read(told)

    assert (settings.require_keys, settings.allowed_hosts) == (True, ("traces.example", "other"))
    assert (settings.rate_limit, settings.rate_store) == ("5/minute", "redis://h")
    assert "secret" not in repr(settings)
    with pytest.raises(GatewayFault, match="SOJOURN_REQUIRE_KEYS"):
        Settings.read({"SOJOURN_REQUIRE_KEYS": "perhaps"})
