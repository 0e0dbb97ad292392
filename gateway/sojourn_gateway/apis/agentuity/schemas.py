"""The shapes of bodies and answers, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from sojourn_gateway.apis.agentuity.bodies import TRIGGERS

__all__ = ["BODIES", "SCHEMAS", "Schema", "one_of", "page_of", "reference"]

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_ID: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,512}$"}
_FLAG: Final[Schema] = {"type": "boolean"}
_NUMBER: Final[Schema] = {"type": "number"}
_OBJECT: Final[Schema] = {"type": "object"}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_MILLISECONDS: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 9_223_372_036_854}


def reference(shape: str) -> Schema:
    """A shape by its name."""
    return {"$ref": f"#/components/schemas/{shape}"}


def one_of(shape: str) -> Schema:
    """A good answer that holds one."""
    return _good(reference(shape))


def page_of(shape: str) -> Schema:
    """A good answer that holds a list."""
    return _good({"type": "array", "items": reference(shape)})


def _good(data: Schema) -> Schema:
    return _shape({"success": {"const": True}, "data": data})


def _shape(members: dict[str, Schema], *optional: str) -> Schema:
    return {
        "type": "object",
        "properties": members,
        "required": [name for name in members if name not in optional],
    }


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_GONE: Final[dict[str, Schema]] = {
    "deleted": _FLAG,
    "deleted_at": _or_null(_MOMENT),
    "deleted_by": _or_null(_TEXT),
}

SCHEMAS: Final[dict[str, Schema]] = {
    "Session": _shape(
        {
            "id": _TEXT,
            "created_at": _MOMENT,
            "updated_at": _MOMENT,
            **_GONE,
            "start_time": _MOMENT,
            "end_time": _or_null(_MOMENT),
            "duration": _or_null({"type": "integer", "minimum": 0, "description": "nanoseconds"}),
            "org_id": _TEXT,
            "project_id": _TEXT,
            "deployment_id": _TEXT,
            "agent_ids": {"type": "array", "items": _TEXT},
            "trigger": _TEXT,
            "env": _TEXT,
            "devmode": _FLAG,
            "pending": _FLAG,
            "success": _FLAG,
            "error": _or_null(_TEXT),
            "metadata": _or_null(_OBJECT),
            "cpu_time": _or_null(_NUMBER),
            "llm_cost": _or_null(_NUMBER),
            "llm_prompt_token_count": _or_null(_NUMBER),
            "llm_completion_token_count": _or_null(_NUMBER),
            "total_cost": _or_null(_NUMBER),
            "method": _or_null(_TEXT),
            "url": _or_null({"type": "string", "format": "uri"}),
            "route_id": _or_null(_TEXT),
            "thread_id": _or_null(_TEXT),
            "timeline": _or_null(reference("TimelineNode")),
            "user_data": _or_null(_TEXT),
        }
    ),
    "TimelineNode": _shape(
        {
            "id": _TEXT,
            "operation": _TEXT,
            "duration": {"type": "number", "minimum": 0, "description": "milliseconds"},
            "attributes": _OBJECT,
            "start_time": _MOMENT,
            "offset": {"type": "number", "description": "milliseconds behind the start of the session"},
            "children": {"type": "array", "items": reference("TimelineNode")},
            "error": _TEXT,
        },
        "children",
        "error",
    ),
    "WholeSession": _shape(
        {
            "session": reference("Session"),
            "agents": {"type": "array", "items": _shape({"name": _TEXT, "identifier": _TEXT})},
            "eval_runs": {"type": "array", "items": reference("EvalRunOfSession")},
            "route": _or_null(_shape({"id": _TEXT, "method": _TEXT, "path": _TEXT})),
        }
    ),
    "EvalRunOfSession": _shape(
        {
            "id": _TEXT,
            "created_at": _MOMENT,
            "eval_id": _TEXT,
            "pending": _FLAG,
            "success": _FLAG,
            "error": _or_null(_TEXT),
            "result": _or_null(_OBJECT),
        }
    ),
    "LogLine": _shape({"body": _TEXT, "severity": _TEXT, "timestamp": _MOMENT}),
    "Thread": _shape(
        {
            "id": _TEXT,
            "created_at": _MOMENT,
            "updated_at": _MOMENT,
            **_GONE,
            "org_id": _TEXT,
            "project_id": _TEXT,
            "user_data": _or_null(_TEXT),
            "metadata": _or_null(_OBJECT),
        }
    ),
    "EvalRun": _shape(
        {
            "id": _TEXT,
            "sessionId": _TEXT,
            "evalId": _TEXT,
            "evalIdentifier": _or_null(_TEXT),
            "evalName": _or_null(_TEXT),
            "agentIdentifier": _or_null(_TEXT),
            "orgId": _TEXT,
            "projectId": _TEXT,
            "deploymentId": _or_null(_TEXT),
            "devmode": _FLAG,
            "pending": _FLAG,
            "success": _FLAG,
            "error": _or_null(_TEXT),
            "result": {"description": "whatever came of it"},
            "createdAt": _MOMENT,
            "updatedAt": _MOMENT,
        }
    ),
    "Eval": _shape(
        {
            "id": _TEXT,
            "name": _TEXT,
            "description": _or_null(_TEXT),
            "identifier": _or_null(_TEXT),
            "agentIdentifier": _TEXT,
            "orgId": _TEXT,
            "projectId": _TEXT,
            "devmode": _FLAG,
            "createdAt": _MOMENT,
            "updatedAt": _MOMENT,
        }
    ),
    "Done": _shape({"success": {"const": True}}),
    "Failure": _shape({"success": {"const": False}, "code": _TEXT, "message": _TEXT}),
}

BODIES: Final[dict[tuple[str, str], Schema]] = {
    ("post", "/session"): _shape(
        {
            "id": _ID,
            "orgId": _TEXT,
            "projectId": _TEXT,
            "routeId": _TEXT,
            "environment": _TEXT,
            "url": _TEXT,
            "method": _TEXT,
            "devmode": _FLAG,
            "trigger": {"enum": list(TRIGGERS)},
            "timestamp": _MILLISECONDS,
            "threadId": _or_null({"type": "string", "maxLength": 512}),
            "deploymentId": _or_null(_TEXT),
            "metadata": _or_null(_OBJECT),
        },
        "threadId",
        "deploymentId",
        "metadata",
    ),
    ("put", "/session"): _shape(
        {
            "id": _ID,
            "threadId": _or_null({"type": "string", "maxLength": 512}),
            "statusCode": {"type": "number", "minimum": 0, "exclusiveMaximum": 1000},
            "timestamp": _MILLISECONDS,
            "error": _or_null(_TEXT),
            "agentIds": _or_null({"type": "array", "items": _TEXT}),
            "userData": _or_null(_TEXT),
            "metadata": _or_null(_OBJECT),
        },
        "threadId",
        "error",
        "agentIds",
        "userData",
        "metadata",
    ),
    ("post", "/evalrun"): _shape(
        {
            "id": _ID,
            "sessionId": _ID,
            "evalId": _TEXT,
            "evalIdentifier": _TEXT,
            "orgId": _TEXT,
            "projectId": _TEXT,
            "devmode": _FLAG,
            "timestamp": {**_MILLISECONDS, "type": "number"},
            "deploymentId": _or_null(_TEXT),
            "spanId": _or_null(_TEXT),
        },
        "deploymentId",
        "spanId",
    ),
    ("put", "/evalrun"): _shape(
        {"id": _ID, "timestamp": {**_MILLISECONDS, "type": "number"}, "error": _or_null(_TEXT), "result": {}},
        "error",
        "result",
    ),
}
