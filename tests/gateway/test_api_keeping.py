"""Erasing, exporting and keeping over HTTP: statuses, envelopes, and what only the operator may."""

from __future__ import annotations

import importlib
import io
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.story import support_session

if TYPE_CHECKING:
    from tests.gateway.serving import Served


def rows_of(content: bytes) -> list[dict[str, Any]]:
    """The rows of a file of Parquet."""
    # Its modules have no types.
    parquet: Any = importlib.import_module("pyarrow.parquet")
    found: list[dict[str, Any]] = parquet.read_table(io.BytesIO(content)).to_pylist()
    return found


def test_a_session_is_erased_over_http_once(gateway: Served) -> None:
    gateway.keep(support_session("a/b c"), name="Order", end_state="Success")
    answer = gateway.client.delete("/v1/sessions/a%2Fb%20c")
    assert answer.status_code == 200
    assert answer.json()["data"]["sessions"] == 1
    assert gateway.get("/v1/sessions/a%2Fb%20c").status_code == 404
    again = gateway.client.delete("/v1/sessions/a%2Fb%20c")
    assert again.status_code == 404
    assert again.json()["error"] == {"code": "not_found", "message": "no session has the id 'a/b c'"}
    assert gateway.get("/v1/traces").json()["pagination"]["total"] == 0


def test_a_users_data_is_erased_over_http_once(gateway: Served) -> None:
    gateway.keep(support_session("s"))
    answer = gateway.client.delete("/v1/users/ada/data")
    assert answer.status_code == 200
    assert answer.json()["data"]["sessions"] == 1
    again = gateway.client.delete("/v1/users/ada/data")
    assert again.status_code == 404
    assert again.json()["error"]["code"] == "not_found"
    assert gateway.client.delete("/v1/users/ada").status_code == 404


def test_what_is_exported_is_taken_back_by_the_endpoint_for_otlp(gateway: Served) -> None:
    gateway.keep(support_session("s"), name="Order", end_state="Success")
    before = gateway.data("/v1/sessions/s")
    traces, logs = (gateway.get("/v1/export", what=what) for what in ("traces", "logs"))
    assert traces.headers["content-type"] == "application/x-protobuf"
    assert traces.headers["content-disposition"] == 'attachment; filename="sojourn-traces.otlp"'
    assert gateway.send(traces.content).status_code == 200
    assert gateway.send(logs.content, signal="logs").status_code == 200
    as_json = gateway.get("/v1/export", format="otlp-json", session_id="s")
    for line in as_json.content.splitlines():
        assert gateway.send(line, content_type="application/json").status_code == 200
    assert gateway.engine.settle(60)
    assert gateway.data("/v1/sessions/s") == before
    assert len(rows_of(gateway.get("/v1/export", format="parquet").content)) == before["span_count"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("format=xml", "`format` must be one of otlp, otlp-json, jsonl, parquet, not 'xml'"),
        ("what=all", "`what` must be one of traces, logs, scores, not 'all'"),
        ("what=scores", "OTLP has no word for scores; export them as jsonl or parquet"),
        ("since=soon", "`since` must be a date such as 2026-06-01 or 2026-06-01T12:00:00Z, in UTC"),
    ],
)
def test_an_export_that_cannot_be_is_refused_in_words(gateway: Served, query: str, words: str) -> None:
    answer = gateway.get(f"/v1/export?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"] == {"code": "invalid_query_params", "message": words}


def test_how_long_a_project_keeps_is_set_and_read(gateway: Served) -> None:
    assert gateway.data("/v1/retention") == {"days": None, "size_bytes": None}
    answer = gateway.client.put("/v1/retention", json={"days": 30, "size_bytes": 10**9})
    assert answer.json() == {"data": {"days": 30, "size_bytes": 10**9}}
    assert gateway.data("/v1/retention") == {"days": 30, "size_bytes": 10**9}
    refusable: tuple[Any, ...] = ({"days": -1}, {"days": "7"}, {"size_bytes": 1.5}, [])
    for wrong in refusable:
        refused = gateway.client.put("/v1/retention", json=wrong)
        assert refused.status_code == 400, wrong
        assert refused.json()["error"]["code"] == "invalid_request_body"


def test_what_has_no_price_is_listed(gateway: Served) -> None:
    gateway.keep(support_session("s", model="a-model-of-our-own"))
    (told,) = gateway.data("/v1/prices/unpriced")
    assert told["model"] == "a-model-of-our-own"
    assert told["calls"] > 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/operator/store"),
        ("POST", "/v1/operator/clean"),
        ("POST", "/v1/operator/backup"),
        ("POST", "/v1/operator/prices/recompute"),
    ],
)
def test_what_concerns_all_projects_is_the_operators(gateway: Served, method: str, path: str) -> None:
    answer = gateway.client.request(method, path, json={"folder": "/nowhere"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "forbidden"
