"""What difficult endpoints make of a delivery: too large, spoilt in part, not now, elsewhere, behind a proxy."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import stat
import subprocess
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import sojourn
from sojourn.settings import Settings
from sojourn.target import Target
from tests.core.collector import Collector, Reply, Request
from tests.core.journalled import read_home
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOWHERE = "http://collector.example"


def record(*names: str) -> None:
    for name in names:
        sojourn.record(sojourn.ActionEvent(action_type=name))


def names(collector: Collector) -> list[str]:
    return [span.name for span in collector.taken.spans]


def spans_in(request: Request) -> list[str]:
    if request.path != "/v1/traces":
        return []
    told = ExportTraceServiceRequest.FromString(request.body)
    return [span.name for one in told.resource_spans for scope in one.scope_spans for span in scope.spans]


def test_a_batch_that_is_too_large_is_halved_until_it_fits(home: Path) -> None:
    def decide(request: Request) -> Reply:
        return Reply(413) if len(spans_in(request)) > 2 else Reply()

    sent = [f"step {number}" for number in range(11)]
    with Collector(decide) as collector:
        sojourn.init(endpoint=collector.url)
        record(*sent)
        assert sojourn.flush(120)

        assert sorted(names(collector)) == sorted(sent)
        assert sojourn.health().delivered_spans == 11
    assert not (home / "refused").exists()


def test_a_span_that_is_too_large_by_itself_is_set_aside_with_the_reason(home: Path) -> None:
    def decide(request: Request) -> Reply:
        return Reply(413) if "huge" in spans_in(request) else Reply()

    with Collector(decide) as collector:
        sojourn.init(endpoint=collector.url)
        record("before", "huge", "after")
        assert sojourn.flush(120)

        assert sorted(names(collector)) == ["after", "before"]
        health = sojourn.health()
        assert (health.refused, health.delivered_spans, health.dropped) == (1, 2, 0)
        sojourn.shutdown()
    [reason, kept] = sorted((home / "refused").iterdir())
    assert (reason.suffix, kept.suffix) == (".json", ".otlp")
    assert json.loads(reason.read_text()) == {"url": collector.url, "status": 413, "said": "", "records": 1}
    assert spans_in(Request("/v1/traces", {}, kept.read_bytes())) == ["huge"]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_one_spoilt_span_does_not_take_its_neighbours_along() -> None:
    def decide(request: Request) -> Reply:
        return Reply(400) if "poison" in spans_in(request) else Reply()

    with Collector(decide) as collector:
        sojourn.init(endpoint=collector.url)
        record("first")
        # From here on the endpoint is known to take what is in order.
        assert sojourn.flush(120)
        record(*"abc", "poison", *"def")
        assert sojourn.flush(120)

        assert sorted(names(collector)) == [*"abcdef", "first"]
        assert sojourn.health().refused == 1


def test_an_endpoint_that_has_taken_nothing_yet_is_not_tried_span_by_span(home: Path) -> None:
    with Collector(lambda _: Reply(400)) as collector:
        sojourn.init(endpoint=collector.url)
        record(*"abcdefgh")
        assert sojourn.flush(120)
        assert len(collector.requests) < 8
        assert sojourn.health().refused >= 8


def test_an_endpoint_that_names_its_time_is_left_in_peace_until_then(home: Path) -> None:
    with Collector(lambda _: Reply(429, {"Retry-After": "600"})) as collector:
        sojourn.init(endpoint=collector.url)
        record("kept")
        until(lambda: collector.requests)
        until(lambda: sojourn.health().last_error)
        for _ in range(5):
            assert not sojourn.flush(5)
        sojourn.shutdown()

        assert len(collector.requests) == 1
    assert [span.name for span in read_home(home).spans] == ["kept"]


@pytest.mark.parametrize(
    ("given", "least", "most"),
    [
        (lambda: "120", 120, 120),
        (lambda: formatdate(time.time() + 3600, usegmt=True), 3000, 3600),
        (lambda: formatdate(time.time() - 3600, usegmt=True), 0, 0),
    ],
    ids=["seconds", "a date ahead", "a date gone by"],
)
def test_retry_after_is_understood_in_seconds_and_as_a_date(
    given: Callable[[], str], least: float, most: float
) -> None:
    with Collector(lambda _: Reply(503, {"Retry-After": given()})) as collector:
        target = Target(collector.url, None)
        answer = target.post("/v1/traces", b"")
        target.close()

    assert answer.retry_after_s is not None
    assert least <= answer.retry_after_s <= most


def test_a_retry_after_that_nobody_understands_is_as_none() -> None:
    with Collector(lambda _: Reply(503, {"Retry-After": "soon"})) as collector:
        target = Target(collector.url, None)
        assert target.post("/v1/traces", b"").retry_after_s is None
        target.close()


def test_a_redirect_is_said_and_not_followed(home: Path) -> None:
    with Collector() as elsewhere, Collector(lambda _: Reply(307, {"Location": elsewhere.url})) as collector:
        sojourn.init(endpoint=collector.url, api_key="secret")
        record("kept")
        said = until(lambda: sojourn.health().last_error)
        sojourn.shutdown()

        assert elsewhere.requests == []
    assert said.startswith(f"{collector.url} redirects to {elsewhere.url} (307)")
    assert [span.name for span in read_home(home).spans] == ["kept"]


def test_one_connection_serves_all_deliveries() -> None:
    with Collector() as collector:
        target = Target(collector.url, None)
        for _ in range(3):
            assert target.post("/v1/traces", b"").taken
        target.close()
        assert len(set(collector.clients)) == 1


def test_a_remote_endpoint_is_reached_through_the_proxy_and_gets_large_bodies_compressed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Collector() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", "http://user:p%40ss@"))
        sojourn.init(endpoint=NOWHERE, api_key="k")
        record("x" * 2000)
        assert sojourn.flush(120)

        assert names(proxy) == ["x" * 2000]
        request = next(one for one in proxy.requests if one.path.endswith("/v1/traces"))
        assert request.path == f"{NOWHERE}/v1/traces"
        assert request.headers["Host"] == "collector.example"
        assert request.headers["Content-Encoding"] == "gzip"
        assert request.headers["Proxy-Authorization"] == "Basic dXNlcjpwQHNz"
        assert request.headers["Authorization"] == "Bearer k"


def test_an_endpoint_that_takes_no_compression_gets_it_plain() -> None:
    def decide(request: Request) -> Reply:
        return Reply(415) if "Content-Encoding" in request.headers else Reply()

    with Collector(decide) as collector:
        target = Target(NOWHERE, None, collector.url)
        assert [target.post("/v1/logs", b"").status for _ in range(2)] == [200, 200]
        large = ExportTraceServiceRequest()
        large.resource_spans.add().scope_spans.add().spans.add().name = "x" * 2000
        for _ in range(2):
            assert target.post("/v1/traces", large.SerializeToString()).taken
        target.close()

        compressed = ["Content-Encoding" in request.headers for request in collector.requests]
        assert compressed == [False, False, True, False, False]


def test_this_machine_is_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with Collector() as collector:
        sojourn.init(endpoint=collector.url)
        record("x" * 2000)
        assert sojourn.flush(120)
        assert names(collector) == ["x" * 2000]
        assert all("Content-Encoding" not in request.headers for request in collector.requests)


def test_a_proxy_of_an_unknown_kind_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    sojourn.init(endpoint=NOWHERE)
    record("kept")
    assert "the proxy socks5://127.0.0.1 is of a kind" in until(lambda: sojourn.health().last_error)


def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    from sojourn.settings import find_proxy

    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert find_proxy("https://inside.example") is None
    assert find_proxy("https://outside.example:4318") == "http://127.0.0.1:1"
    assert find_proxy("http://outside.example") is None


def test_an_https_endpoint_is_reached_through_a_tunnel() -> None:
    """The proxy here refuses to make one: what it was asked for is all that can be seen without the network."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(403)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        target = Target("https://collector.example", None, f"http://127.0.0.1:{server.server_address[1]}")
        with pytest.raises(OSError, match="403"):
            target.post("/v1/traces", b"")
        target.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert asked == ["collector.example:443"]


def test_tls_where_there_is_none_is_said_in_words() -> None:
    with Collector() as collector:
        target = Target(collector.url.replace("http://", "https://"), None)
        with pytest.raises(OSError, match="no TLS can be agreed on, does it speak https"):
            target.post("/v1/traces", b"")
        target.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_a_certificate_that_is_not_trusted_is_said_in_words(tmp_path: Path, home: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Collector(tls=context) as collector:
        sojourn.init(endpoint=collector.url)
        record("kept")
        assert "its certificate is not trusted: self" in until(lambda: sojourn.health().last_error)
        sojourn.shutdown()
    assert [span.name for span in read_home(home).spans] == ["kept"]


def test_what_was_delivered_leaves_the_disk_while_the_program_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_JOURNAL_LIMIT", "1MB")
    sent = [f"step {number}" for number in range(30)]
    with Collector() as collector:
        sojourn.init(endpoint=collector.url)
        for name in sent:
            sojourn.record(sojourn.ActionEvent(action_type=name, params="x" * 100_000))
            assert sojourn.flush(120)

        assert names(collector) == sent
        assert sum(path.stat().st_size for path in (home / "journal").iterdir()) < 500_000
        assert sojourn.health().dropped == 0


@pytest.mark.parametrize("given", ["1", "lots", "-5GB", "1TB"])
def test_a_limit_that_is_no_size_is_refused_in_words(given: str) -> None:
    with pytest.raises(ValueError, match=r"SOJOURN_JOURNAL_LIMIT is .*; it must be a size like 500MB"):
        Settings.read(environ={**os.environ, "SOJOURN_JOURNAL_LIMIT": given})


@pytest.mark.parametrize(("given", "size"), [("500MB", 500_000_000), ("2 g", 2_000_000_000), ("1000000", 1_000_000)])
def test_a_limit_may_have_a_unit(given: str, size: int) -> None:
    assert Settings.read(environ={**os.environ, "SOJOURN_JOURNAL_LIMIT": given}).journal_limit == size
