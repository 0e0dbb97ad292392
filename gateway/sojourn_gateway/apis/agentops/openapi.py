"""The OpenAPI document of AgentOps' contract: `/v2`, `/v3`, `/v4` and `/public/v1`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

from sojourn_gateway.apis.agentops.schemas import EVENTS, SCHEMAS, Schema, listed, of, reference

__all__ = ["OPERATIONS", "SPELLED", "Operation", "document"]

_TEXT: Final[Schema] = {"type": "string"}
_ID: Final[Schema] = {"type": "string", "minLength": 1}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_DONE: Final[Schema] = {"const": "Success"}
_PAGE: Final[dict[str, Schema]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    "offset": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0},
    "order_by": {
        "enum": [
            "start_time",
            "duration",
            "total_cost",
            "cost",
            "total_tokens",
            "span_name",
            "root_span_name",
            "status",
        ],
        "default": "start_time",
    },
    "sort_order": {"enum": ["ASC", "DESC"], "default": "DESC"},
    "start_time": _MOMENT,
    "end_time": _MOMENT,
    "query": _TEXT,
}
_WITHIN: Final[dict[str, Schema]] = {"start_time": _MOMENT, "end_time": _MOMENT}
_KEY: Final = of({"api_key": _ID}, "api_key")
_SESSION: Final = of({"session": reference("SessionWritten")}, "session")

SPELLED: Final = {
    "/v2/sessions/{rest}": ("/v2/sessions/{session_id}/stats", "/v2/sessions/{session_id}/export"),
    "/v2/sessions": ("/v2/create_session",),
    "/v4/logs/upload": ("/v4/logs/upload/",),
    "/v4/objects/upload": ("/v4/objects/upload/",),
}
"""Routes that are told under other names: one that takes more segments, and second spellings."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked of one path."""

    method: str
    path: str
    summary: str
    answer: Schema
    body: Schema | None = None
    query: dict[str, Schema] | None = None
    headers: tuple[str, ...] = ()
    """Those that it must have beside a key."""
    media: str = "application/json"


OPERATIONS: Final = (
    Operation("post", "/v2/create_session", "Start a session, or join it", reference("Begun"), _SESSION),
    Operation("post", "/v2/update_session", "Tags, video and end of a session", reference("Updated"), _SESSION),
    Operation(
        "post",
        "/v2/reauthorize_jwt",
        "A fresh token of a session",
        of({"status": _DONE, "jwt": _ID}, "status", "jwt"),
        of({"session_id": _ID}, "session_id"),
    ),
    Operation("post", "/v2/create_events", "Keep events", _DONE, EVENTS),
    Operation("post", "/v2/update_events", "Change events by their ids", _DONE, EVENTS),
    Operation("post", "/v2/create_agent", "Declare an agent", _DONE, of({"id": _ID, "name": _TEXT}, "id")),
    Operation("post", "/v2/create_thread", "Declare a conversation", _DONE, of({"id": _ID, "agent_id": _TEXT}, "id")),
    Operation(
        "put",
        "/v2/update_logs",
        "What the program printed, as a whole",
        of({"status": _DONE, "logs_url": _TEXT}, "status", "logs_url"),
        of({"logs": _TEXT}),
    ),
    Operation(
        "post",
        "/v2/developer_errors",
        "A fault inside the client itself",
        _DONE,
        of({"session_id": _TEXT, "type": _TEXT, "message": _TEXT, "stack_trace": _TEXT, "sdk_version": _TEXT}),
    ),
    Operation("get", "/v2/sessions/{session_id}/stats", "A session in numbers", reference("Stats")),
    Operation("get", "/v2/sessions/{session_id}/export", "A session, whole", reference("Export")),
    Operation("get", "/v2/ttd/{session_id}", "The calls of models, to replay", listed("Recorded")),
    Operation("post", "/v3/auth/token", "A token for a key", reference("Token"), _KEY),
    Operation("get", "/v3/auth/token", "What a token says", reference("Claims"), headers=("Authorization",)),
    Operation(
        "post",
        "/v4/logs/upload/",
        "What a program printed in a trace",
        reference("Uploaded"),
        of({"body": _TEXT}, "body"),
        headers=("Trace-Id",),
    ),
    Operation("get", "/v4/logs/{log_id}", "What was printed in a trace or session", reference("Printed")),
    Operation("post", "/v4/objects/upload/", "Keep an object", reference("Uploaded"), of({"body": _TEXT}, "body")),
    Operation("get", "/v4/objects/{name}", "An object", _TEXT, media="text/plain; charset=utf-8"),
    Operation("get", "/v4/traces/list/{project_id}", "A page of traces", reference("Traces"), query=_PAGE),
    Operation("get", "/v4/traces/detail/{trace_id}", "A trace with all that is known", reference("Detail")),
    Operation(
        "get", "/v4/meterics/project/{project_id}", "What traces come to", reference("ProjectFigures"), query=_WITHIN
    ),
    Operation("post", "/public/v1/auth/access_token", "A bearer for a key", of({"bearer": _ID}, "bearer"), _KEY),
    Operation(
        "get",
        "/public/v1/project",
        "The project of the bearer",
        of({"id": _ID, "name": _TEXT, "environment": _TEXT}, "id", "name", "environment"),
    ),
    Operation("get", "/public/v1/traces/{trace_id}", "A trace and its spans in short", reference("Trace")),
    Operation("get", "/public/v1/traces/{trace_id}/metrics", "What a trace comes to", reference("Figures")),
    Operation("get", "/public/v1/spans/{span_id}", "A span with its attributes", reference("Span")),
    Operation("get", "/public/v1/spans/{span_id}/metrics", "What a span comes to", reference("SpanFigures")),
)


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """All operations of the contract, as OpenAPI 3.1."""
    paths: dict[str, dict[str, Schema]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sojourn: AgentOps' contract",
            "version": version("sojourn"),
            "license": {"name": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Agentops-Api-Key"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
        # Without keys demanded, none is needed.
        "security": [{}, {"key": []}, {"bearer": []}],
    }


def _operation(one: Operation) -> Schema:
    parameters: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": _ID} for name in re.findall(r"{(\w+)}", one.path)
    ]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in (one.query or {}).items()]
    told: Schema = {
        "summary": one.summary,
        "operationId": "_".join(["agentops", one.method, *(w for w in re.split(r"[^a-z0-9]+", one.path.lower()) if w)]),
        "responses": {
            "200": {"description": one.summary, "content": {one.media: {"schema": one.answer}}},
            "default": {
                "description": "What went wrong",
                "content": {"application/json": {"schema": _fault(one.path)}},
            },
        },
    }
    # What OpenAPI calls security may be no parameter.
    parameters += [
        {"name": name, "in": "header", "required": True, "schema": _ID}
        for name in one.headers
        if name != "Authorization"
    ]
    if "Authorization" in one.headers:
        told["security"] = [{"bearer": []}]
    if parameters:
        told["parameters"] = parameters
    if one.body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": one.body}}}
    return told


def _fault(path: str) -> Schema:
    if path.startswith("/v2"):
        return reference("MessageFault")
    return reference("ErrorFault") if path.startswith("/v3") else reference("DetailFault")
