"""What Kore's endpoints offer, as OpenAPI: parameters by the code that reads them, answers by `shapes`."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from sojourn_gateway.apis.agentmark.described import Described, Schema
from sojourn_gateway.apis.kore.analytics_asks import (
    parse_analytics_ledger,
    parse_analytics_sessions,
    parse_history,
    parse_stream,
)
from sojourn_gateway.apis.kore.exporting import parse_export
from sojourn_gateway.apis.kore.generations import parse_ledger
from sojourn_gateway.apis.kore.parse import parse_sessions, parse_summed, parse_traces
from sojourn_gateway.apis.kore.project_asks import parse_agent, parse_costs, parse_events, parse_measuring
from sojourn_gateway.apis.kore.shapes import SHAPES
from sojourn_gateway.asgi.faults import HttpFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import QueryParams

__all__ = ["document"]

_REF: Final = "#/components/schemas/{model}"
_SESSIONS: Final = "/api/projects/{projectId}/sessions"
_PROJECT: Final = "/api/projects/{projectId}/analytics"
_ANALYTICS: Final = "/api/public/analytics/projects/{projectId}"
_ARRAY: Final[Schema] = {"type": "array"}
_OBJECT: Final[Schema] = {"type": "object"}
_WHOLE: Final[Schema] = {"type": "integer", "minimum": 0}
_PAGED: Final = {"total": _WHOLE, "limit": _WHOLE, "offset": _WHOLE}


@dataclass(frozen=True, slots=True)
class _Operation:
    """One thing that can be asked of one path."""

    method: str
    path: str
    summary: str
    query: Callable[[QueryParams], object] | None = None
    body: Schema | None = None
    answer: Schema | None = None
    status: int = 200
    media: tuple[str, ...] = ("application/json",)
    needed: tuple[str, ...] = ()


def _ref(shape: str) -> Schema:
    return {"$ref": _REF.format(model=shape)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _success(**told: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"success": {"const": True}, **told},
        "required": ["success", *told],
    }


def _session(**told: Schema) -> Schema:
    return _success(sessionId={"type": "string"}, **told)


_OPERATIONS: Final = (
    _Operation(
        "get",
        _SESSIONS,
        "A page of sessions, those that were active last first",
        parse_sessions,
        answer=_success(sessions=_list(_ref("SessionItem")), pagination=_ref("Pagination"), **_PAGED),
    ),
    _Operation(
        "post",
        _SESSIONS,
        "Begin a session",
        body={
            "type": "object",
            "properties": {"agentId": {"type": "string", "minLength": 1, "maxLength": 256}},
            "required": ["agentId"],
        },
        answer=_success(session=_OBJECT),
        status=201,
    ),
    _Operation(
        "get",
        f"{_SESSIONS}/export",
        "Events as a file",
        parse_export,
        media=("text/csv", "application/json", "application/x-ndjson"),
    ),
    _Operation(
        "get",
        f"{_SESSIONS}/generations",
        "All calls of models",
        parse_ledger,
        answer=_success(
            generations=_list(_ref("Generation")),
            pagination=_ref("Pagination"),
            hasMore={"type": "boolean"},
            **_PAGED,
        ),
    ),
    _Operation("get", f"{_SESSIONS}/{{sessionId}}", "One session", answer=_success(session=_ref("SessionData"))),
    _Operation("delete", f"{_SESSIONS}/{{sessionId}}", "Erase a session", answer=_success()),
    _Operation("post", f"{_SESSIONS}/{{sessionId}}/reset", "Have the agent begin anew", answer=_success()),
    _Operation(
        "get",
        f"{_SESSIONS}/{{sessionId}}/traces",
        "The events of a session",
        parse_traces,
        answer=_session(traces=_list(_ref("Event")), total=_WHOLE),
    ),
    _Operation(
        "get",
        f"{_SESSIONS}/{{sessionId}}/traces/{{spanId}}/children",
        "The events one level below a step",
        answer=_success(spanId={"type": "string"}, children=_list(_ref("Event")), total=_WHOLE),
    ),
    _Operation(
        "get",
        f"{_SESSIONS}/{{sessionId}}/metrics",
        "What the events of a session come to",
        answer=_session(metrics=_ref("Figures")),
    ),
    _Operation(
        "get", f"{_SESSIONS}/{{sessionId}}/analysis", "What stands out in a session", answer=_session(analysis=_OBJECT)
    ),
)
_SUMMED: Final = (
    ("metrics", "Sums over events, in groups", parse_measuring, "Sums"),
    ("events", "Events over all sessions, newest first", parse_events, "ProjectEvents"),
    ("session-metrics", "What sessions come to", parse_summed, "SessionSums"),
    ("cost-breakdown", "What calls of models cost", parse_costs, "CostBreakdown"),
    ("agents/{agentName}", "What an agent did", parse_agent, "AgentSums"),
)
_ASKED: Final = (
    (
        "sessions",
        "Sessions",
        parse_analytics_sessions,
        _success(sessions=_ARRAY, hasMore={"type": "boolean"}, **_PAGED),
    ),
    ("traces", "Events, trace by trace", parse_stream, _success(traces=_ARRAY, pageInfo=_OBJECT, meta=_OBJECT)),
    (
        "llm-ledger",
        "Calls of models",
        parse_analytics_ledger,
        _success(generations=_ARRAY, hasMore={"type": "boolean"}, **_PAGED),
    ),
    (
        "conversation-history",
        "What was said",
        parse_history,
        _success(messages=_ARRAY, totalRecords=_WHOLE, hasMore={"type": "boolean"}),
    ),
)


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """All operations of Kore's contract, as OpenAPI 3.1."""
    paths: dict[str, dict[str, Schema]] = {}
    for one in (*_OPERATIONS, *_project_analytics(), *_analytics()):
        paths.setdefault(one.path, {})[one.method] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sojourn: sessions and traces as Kore.ai's agent platform tells them",
            "version": version("sojourn"),
            "license": {"name": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        # Without keys demanded, none is needed.
        "security": [{}, {"bearer": []}, {"header": []}],
    }


def _project_analytics() -> list[_Operation]:
    found = [
        _Operation("get", f"{_PROJECT}/{name}", summary, parse, answer=_success(data=_ref(shape)))
        for name, summary, parse, shape in _SUMMED
    ]
    # Beside the others, or under `filters`.
    body: Schema = {"type": "object", "properties": {**_noted(parse_measuring), "filters": _OBJECT}}
    answer = _success(data=_ref("Sums"))
    return [*found, _Operation("post", f"{_PROJECT}/query", "The same sums, asked in a body", body=body, answer=answer)]


def _analytics() -> list[_Operation]:
    found: list[_Operation] = []
    for name, summary, parse, answer in _ASKED:
        path = f"{_ANALYTICS}/{name}"
        noted = _noted(parse)
        needed = () if "sessionIds" in noted and name != "traces" else ("fromDate", "toDate")
        body: Schema = {"type": "object", "properties": noted, **({"required": list(needed)} if needed else {})}
        found.append(_Operation("get", path, summary, parse, answer=answer, needed=needed))
        found.append(_Operation("post", path, f"{summary}, asked in a body", body=body, answer=answer))
    return found


def _noted(parse: Callable[[QueryParams], object]) -> dict[str, Schema]:
    """The parameters that a reader asks for."""
    asked = Described()
    # Nothing is given; what would be read is noted all the same.
    with suppress(HttpFault):
        parse(asked)
    return asked.notes


def _operation(one: _Operation) -> Schema:
    told: Schema = {"summary": one.summary, "operationId": _name(one)}
    parameters: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", one.path)
    ]
    if one.query is not None:
        parameters += [
            {"name": name, "in": "query", "required": name in one.needed, "schema": schema}
            for name, schema in _noted(one.query).items()
        ]
    told["parameters"] = parameters
    if one.body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": one.body}}}
    good: Schema = {media: {"schema": one.answer or {}} for media in one.media}
    fault: Schema = {"application/json": {"schema": _ref("Fault")}}
    told["responses"] = {
        str(one.status): {"description": one.summary, "content": good},
        "default": {"description": "What went wrong", "content": fault},
    }
    return told


def _name(one: _Operation) -> str:
    words = [word for word in re.split(r"[^a-zA-Z0-9]+", one.path.removeprefix("/api/")) if word]
    return "_".join([one.method, *words])


def _schemas() -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for shape in SHAPES:
        schema = TypeAdapter(shape).json_schema(ref_template=_REF)
        found.update(schema.pop("$defs", {}))
        found[shape.__name__] = schema
    words: Schema = {
        "type": "object",
        "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        "required": ["code", "message"],
    }
    found["Fault"] = {
        "type": "object",
        "properties": {"success": {"const": False}, "error": words},
        "required": ["success", "error"],
    }
    return found
