"""Whatever spans and logs say under names that the gateway looks for, every door that reads still answers."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from sojourn_gateway.apis.openapi import documents
from tests.gateway.hostile import RUN, SESSIONS, SPANS, TRACES, attributes, logged, spoken
from tests.gateway.sender import logs, traces

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tests.gateway.serving import Served

_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
QUICK = settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=_CHECKS, database=None)
LONG = settings(max_examples=150, deadline=None, derandomize=False, suppress_health_check=_CHECKS, database=None)
SENT = {
    "place": st.integers(0, 5),
    "spans": st.lists(spoken(), min_size=6, max_size=14),
    "records": st.lists(logged(), max_size=6),
    "resource": attributes(6),
}
DAYS = {"start_date": "2026-09-01", "end_date": "2026-09-30", "fromDate": "2026-09-01", "toDate": "2026-09-30"}
MORE = (
    "/v1/traces?fields=graph,scores&sort_by=latency&include_implicit=true",
    "/v1/sessions?include_implicit=true&sort_by=total_cost",
    "/v1/spans?search=text&sort_order=asc",
    "/v1/spans?filter=metadata.text%20%3D%201",
    "/v1/metrics?start_date=2026-09-01&end_date=2026-09-30&group_by=model",
    "/session?sort=duration&limit=100",
    "/session?sort=updated&success=false&devmode=false",
    "/session?metadata=%7B%22text%22%3A1%7D",
    "/thread?sort=updated&metadata=%7B%22text%22%3A1%7D",
    "/api/projects/{projectId}/sessions/export?format=csv",
    "/api/projects/{projectId}/sessions/export?format=jsonl",
    "/api/projects/{projectId}/sessions/{sessionId}/traces?include=metrics",
)
UNASKED = ("/{rest", "/assets", "/v1/operator", "/v1/export", "/v1/openapi.json", "/openapi/")
"""What has nothing to do with what was sent, or is another path's rest."""


def places(gateway: Served, place: int) -> dict[str, str]:
    """What parameters of paths may be: a trace, a span and a session."""
    trace, span = TRACES[place % len(TRACES)].hex(), SPANS[place % len(SPANS)].hex()
    session = quote(SESSIONS[place % len(SESSIONS)], safe="")
    own = gateway.get("/public/v1/project").json()["id"]
    return {
        **dict.fromkeys(("session_id", "sessionId", "log_id", "run_id"), session),
        **dict.fromkeys(("span_id", "spanId"), span),
        **dict.fromkeys(("project_id", "projectId"), own),
        "trace_id": trace,
        "id": f"sess_{trace}",
        "score_id": str(uuid4()),
    }


@cache
def templates(app: FastAPI) -> list[str]:
    """Every path that reads, of APIs and of pages."""
    served = (route.path for route in app.routes if isinstance(route, APIRoute) and "GET" in (route.methods or ()))
    told = (
        path for document in documents(app).values() for path, methods in document["paths"].items() if "get" in methods
    )
    found = {path for path in (*served, *told) if ":rest}" not in path}
    return sorted(path for path in (*found, *MORE) if not path.startswith(UNASKED))


@cache
def schema_of(app: FastAPI, path: str) -> Any:
    """What answers of a path must be like; None where no document says it."""
    for document in documents(app).values():
        content = document["paths"].get(path, {}).get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if schema := content.get("application/json", {}).get("schema"):
            validator: Any = Draft202012Validator
            return validator({**schema, "components": document.get("components", {})})
    return None


def filled(template: str, known: dict[str, str]) -> str:
    """The path with something in place of each parameter."""
    return re.sub(r"{(\w+)(:\w+)?}", lambda found: known.get(found[1], "x"), template)


def check(gateway: Served, place: int, spans: list[Span], records: list[LogRecord], resource: dict[str, Any]) -> None:
    for signal, body in (("traces", traces(spans, resource)), ("logs", logs(records, resource))):
        assert gateway.send(body, signal=signal).status_code == 200
    assert gateway.engine.settle(60)
    known = places(gateway, place)
    for template in templates(gateway.app):
        answer = gateway.client.get(filled(template, known), params=None if "?" in template else DAYS)
        judge(gateway, template, answer, spans, records)
    write(gateway, known["id"])


def judge(gateway: Served, template: str, answer: httpx.Response, *sent: Any) -> None:
    """That an answer is no fault of ours, and is as its document says."""
    assert answer.status_code < 500, (str(answer.url), answer.text, sent)
    schema = schema_of(gateway.app, template)
    if answer.status_code == 200 and schema is not None and "json" in answer.headers["content-type"]:
        wrong = [f"{one.json_path} {one.message[:300]}" for one in schema.iter_errors(answer.json())]
        assert wrong == [], (str(answer.url), sent)


def write(gateway: Served, session_id: str) -> None:
    """That what was forged keeps nobody from telling of requests by hand."""
    done = {"id": session_id, "threadId": None, "statusCode": 200, "timestamp": 1_790_000_000_000}
    for path, body in (("/session", done), ("/evalrun", {"id": RUN, "result": 1, "timestamp": 1_790_000_000_000})):
        answer = gateway.client.put(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert answer.status_code in (200, 404), (path, answer.text)


@pytest.mark.timeout(900)
@QUICK
@given(**SENT)
def test_no_span_or_log_makes_a_door_fail(
    gateway: Served, place: int, spans: list[Span], records: list[LogRecord], resource: dict[str, Any]
) -> None:
    check(gateway, place, spans, records, resource)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@LONG
@given(**SENT)
def test_nor_does_it_for_long(
    gateway: Served, place: int, spans: list[Span], records: list[LogRecord], resource: dict[str, Any]
) -> None:
    check(gateway, place, spans, records, resource)
