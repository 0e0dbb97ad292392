"""Who may ask: this machine, by its own names, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.settings import Settings, loopback

if TYPE_CHECKING:
    from tests.gateway.serving import Served


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:{port}"])
def test_requests_to_this_machines_own_names_are_answered(gateway: Served, host: str) -> None:
    answer = gateway.client.get("/health", headers={"Host": host.format(port=gateway.port)})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example:{port}",
        "127.0.0.1.nip.io:{port}",
        "localhost:1",
        "localhost",
        "",
        "localhost:{port}@evil.example",
        "[::ffff:10.0.0.1]:{port}",
    ],
)
def test_requests_to_another_name_or_port_are_refused(gateway: Served, host: str) -> None:
    """A page that made its own name resolve to this machine must read nothing (DNS rebinding)."""
    for path in ("/health", "/sessions", "/v1/sessions", "/assets/app.css"):
        answer = gateway.client.get(path, headers={"Host": host.format(port=gateway.port)})

        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "forbidden"


def test_pages_allow_no_foreign_scripts_and_no_frames(gateway: Served) -> None:
    headers = gateway.get("/sessions").headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_no_answer_lets_another_origin_read_it(gateway: Served) -> None:
    answer = gateway.client.get("/v1/sessions", headers={"Origin": "https://evil.example"})

    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_an_address_that_others_reach_is_refused_with_words(host: str) -> None:
    with pytest.raises(GatewayFault, match="without keys"):
        loopback(host)


@pytest.mark.parametrize(
    ("host", "address"), [("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "::1"), ("[::1]", "::1")]
)
def test_loopback_addresses_are_taken(host: str, address: str) -> None:
    assert loopback(host) == address


def test_settings_come_from_the_environment_and_are_checked() -> None:
    assert Settings.read({"SOJOURN_PORT": "9500"}).port == 9500
    assert Settings.read({}).port == 9418
    with pytest.raises(GatewayFault, match="SOJOURN_PORT must be a whole number"):
        Settings.read({"SOJOURN_PORT": "many"})
