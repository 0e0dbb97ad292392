"""The OpenAPI document of this contract."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

from sojourn_gateway.apis.agentuity.bodies import TRIGGERS
from sojourn_gateway.apis.agentuity.schemas import BODIES, SCHEMAS, Schema, one_of, page_of, reference

__all__ = ["document"]

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_FLAG: Final[Schema] = {"enum": ["true", "false"]}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_DIRECTION: Final[Schema] = {"enum": ["asc", "desc"], "default": "desc"}
_METADATA: Final[Schema] = {"type": "string", "contentMediaType": "application/json"}

_PAGING: Final[dict[str, Schema]] = {
    "limit": {**_COUNT, "default": 10},
    "offset": {**_COUNT, "default": 0},
    "direction": _DIRECTION,
    "orgId": _TEXT,
    "projectId": _TEXT,
    "metadata": _METADATA,
}
_SESSIONS: Final[dict[str, Schema]] = {
    **_PAGING,
    "sort": {"enum": ["created", "updated", "duration", "startTime"], "default": "created"},
    "deploymentId": _TEXT,
    "trigger": {"type": "string", "examples": list(TRIGGERS)},
    "env": _TEXT,
    "devmode": _FLAG,
    "success": _FLAG,
    "threadId": _TEXT,
    "agentIdentifier": _TEXT,
    "startAfter": _MOMENT,
    "startBefore": _MOMENT,
}
_THREADS: Final[dict[str, Schema]] = {**_PAGING, "sort": {"enum": ["created", "updated"], "default": "created"}}
_RUNS: Final[dict[str, Schema]] = dict.fromkeys(("orgId", "projectId", "agentId", "evalId", "sessionId"), _TEXT)
_EVALS: Final[dict[str, Schema]] = dict.fromkeys(("orgId", "projectId", "agentId"), _TEXT)
_NOTHING: Final[dict[str, Schema]] = {}

_OPERATIONS: Final[tuple[tuple[str, str, str, dict[str, Schema], Schema], ...]] = (
    ("get", "/session", "A page of sessions: every trace is one", _SESSIONS, page_of("Session")),
    ("post", "/session", "Tell that a request began", _NOTHING, reference("Done")),
    ("put", "/session", "Tell that a request was answered", _NOTHING, reference("Done")),
    (
        "get",
        "/session/{id}",
        "One session with agents, eval runs, route and timeline",
        _NOTHING,
        one_of("WholeSession"),
    ),
    ("get", "/cli/session/{id}/logs", "What was logged in a session", _NOTHING, page_of("LogLine")),
    ("get", "/thread", "A page of threads: every session of the store is one", _THREADS, page_of("Thread")),
    ("get", "/thread/{id}", "One thread", _NOTHING, one_of("Thread")),
    ("delete", "/thread/{id}", "Take a thread off the lists", _NOTHING, reference("Done")),
    ("post", "/evalrun", "Tell that an evaluation began", _NOTHING, reference("Done")),
    ("put", "/evalrun", "Tell what came of an evaluation", _NOTHING, reference("Done")),
    ("get", "/cli/eval-run", "The newest runs of evaluations", _RUNS, page_of("EvalRun")),
    ("get", "/cli/eval-run/{id}", "One run", _NOTHING, one_of("EvalRun")),
    ("get", "/cli/eval", "The evaluations of which there are runs", _EVALS, page_of("Eval")),
    ("get", "/cli/eval/{id}", "One evaluation", _NOTHING, one_of("Eval")),
)


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """All operations of the contract, as OpenAPI 3.1. The same is served below `/agentuity`."""
    paths: dict[str, dict[str, Schema]] = {}
    for method, path, summary, query, answer in _OPERATIONS:
        paths.setdefault(path, {})[method] = _operation(method, path, summary, query, answer)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sojourn: Agentuity's contract",
            "version": version("sojourn"),
            "license": {"name": "Apache-2.0"},
        },
        "servers": [{"url": "/"}, {"url": "/agentuity"}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        # Without keys demanded, none is needed.
        "security": [{}, {"bearer": []}],
    }


def _operation(method: str, path: str, summary: str, query: dict[str, Schema], answer: Schema) -> Schema:
    words = [word for word in re.split(r"[^a-z0-9]+", path.lower()) if word]
    parameters: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", path)
    ]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in query.items()]
    told: Schema = {
        "summary": summary,
        "operationId": "_".join(["agentuity", method, *words]),
        "responses": {
            "200": {"description": summary, "content": {"application/json": {"schema": answer}}},
            "default": {
                "description": "What went wrong",
                "content": {"application/json": {"schema": reference("Failure")}},
            },
        },
    }
    if parameters:
        told["parameters"] = parameters
    if (body := BODIES.get((method, path))) is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return told
