"""The OpenAPI document of `/v1`: parameters and bodies as the code that reads them says, answers as their types say."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter

from sojourn_gateway.apis.agentmark import datasets, experiments, exporting, files, keys, queues
from sojourn_gateway.apis.agentmark.described import Blank, Described, Schema
from sojourn_gateway.apis.agentmark.parse import (
    parse_fields,
    parse_lines,
    parse_logs,
    parse_metrics,
    parse_paging,
    parse_points,
    parse_requests,
    parse_score_window,
    parse_scores,
    parse_sessions,
    parse_spans,
    parse_traces,
)
from sojourn_gateway.apis.agentmark.shapes import (
    LoggedItem,
    LogItem,
    PointItem,
    SessionData,
    SessionItem,
    SpanItem,
    TraceData,
    TraceItem,
)
from sojourn_gateway.asgi.faults import HttpFault

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OPERATIONS", "SPELLED", "Operation", "document", "router"]

_REF: Final = "#/components/schemas/{model}"
_SHAPES: Final = (SessionItem, SessionData, TraceItem, TraceData, SpanItem, LogItem, LoggedItem, PointItem)
_ANY: Final[Schema] = {"type": "object"}
_SEARCH: Final[Schema] = {
    "type": "object",
    "properties": {
        "filters": {"type": "array", "items": {"type": "object"}, "maxItems": 20},
        "limit": {"type": "integer", "minimum": 1},
        "offset": {"type": "integer", "minimum": 0},
        "start_date": {"type": "string"},
        "end_date": {"type": "string"},
        "sort_by": {"type": "string"},
        "sort_order": {"enum": ["asc", "desc"]},
    },
    "additionalProperties": False,
}
_SCORE: Final[Schema] = {
    "type": "object",
    "properties": {
        "resource_id": {"type": "string", "minLength": 1, "maxLength": 512},
        "name": {"type": "string", "minLength": 1, "maxLength": 256},
        "score": {"type": "number"},
        "label": {"type": "string", "maxLength": 1000},
        "reason": {"type": "string", "maxLength": 10000},
        "source": {"enum": ["experiment", "annotation", "api"]},
    },
    "required": ["resource_id", "name", "score"],
}
_SCORES: Final[Schema] = {
    "type": "object",
    "properties": {"scores": {"type": "array", "items": _SCORE, "minItems": 1, "maxItems": 1000}},
    "required": ["scores"],
}
_OTLP: Final[dict[str, Schema]] = {
    "traces": {"type": "object", "properties": {"resourceSpans": {"type": "array"}}, "required": ["resourceSpans"]},
    "logs": {"type": "object", "properties": {"resourceLogs": {"type": "array"}}, "required": ["resourceLogs"]},
    "metrics": {
        "type": "object",
        "properties": {"resourceMetrics": {"type": "array"}},
        "required": ["resourceMetrics"],
    },
}

SPELLED: Final = {
    "/v1/sessions/{rest}": "/v1/sessions/{session_id}",
    "/v1/score-configs/{rest}": "/v1/score-configs/{name}",
    "/v1/templates/{rest}": "/v1/templates/{path}",
    "/v1/datasets/{rest}": "/v1/datasets/{name}/rows",
}
"""Routes that take more segments than one, and what these are."""

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked of one path."""

    method: str
    path: str
    summary: str
    query: Callable[[Described], object] | None = None
    body: Schema | Callable[[Blank], object] | None = None
    answer: Schema = field(default_factory=lambda: dict(_ANY))
    statuses: tuple[int, ...] = (200,)
    media: tuple[str, ...] = ("application/json",)


def _of(shape: str) -> Schema:
    return {"type": "object", "properties": {"data": _ref(shape)}, "required": ["data"]}


def _page(items: Schema) -> Schema:
    listed: Schema = {"type": "array", "items": items}
    return {"type": "object", "properties": {"data": listed, "pagination": _ref("Pagination")}, "required": ["data"]}


def _ref(shape: str) -> Schema:
    return {"$ref": _REF.format(model=shape)}


def _export(query: Described) -> object:
    return exporting.parse_export(query, 0)


_DATA: Final[Schema] = {"type": "object", "required": ["data"]}


OPERATIONS: Final = (
    Operation("post", "/v1/traces", "Take spans in (OTLP)", body=_OTLP["traces"]),
    Operation("post", "/v1/logs", "Take logs and session events in (OTLP)", body=_OTLP["logs"]),
    Operation("post", "/v1/metrics", "Take metrics in (OTLP)", body=_OTLP["metrics"]),
    Operation("get", "/v1/sessions", "A page of sessions", parse_sessions, answer=_page(_ref("SessionItem"))),
    Operation("post", "/v1/sessions/search", "Search sessions", body=_SEARCH, answer=_page(_ref("SessionItem"))),
    Operation(
        "get",
        "/v1/sessions/{session_id}",
        "One session with its spans",
        lambda query: parse_fields(query, ("summary", "spans", "content"), ()),
        answer=_of("SessionData"),
    ),
    Operation(
        "get",
        "/v1/sessions/{session_id}/traces",
        "The traces of a session (deprecated)",
        parse_paging,
        answer=_page(_ref("TraceData")),
    ),
    Operation(
        "get",
        "/v1/sessions/{session_id}/logs",
        "The log lines of a session",
        lambda query: parse_logs("", query),
        answer=_page(_ref("LogItem")),
    ),
    Operation("get", "/v1/logs", "A page of log lines of all sessions", parse_lines, answer=_page(_ref("LoggedItem"))),
    Operation("get", "/v1/traces", "A page of traces", parse_traces, answer=_page(_ref("TraceItem"))),
    Operation("post", "/v1/traces/search", "Search traces", body=_SEARCH, answer=_page(_ref("TraceItem"))),
    Operation("get", "/v1/traces/export", "Export spans", _export, media=("application/x-ndjson", "text/csv")),
    Operation(
        "get",
        "/v1/traces/{trace_id}",
        "One trace with its spans",
        lambda query: parse_fields(query, ("graph", "scores"), ()),
        answer=_of("TraceData"),
    ),
    Operation("get", "/v1/traces/{trace_id}/graph", "The nodes that spans declare (deprecated)", answer=_DATA),
    Operation("get", "/v1/traces/{trace_id}/spans", "The spans of a trace", answer=_page(_ref("SpanItem"))),
    Operation("get", "/v1/traces/{trace_id}/spans/{span_id}", "What went into a span and came out", answer=_DATA),
    Operation("get", "/v1/spans", "A page of spans", parse_spans, answer=_page(_ref("SpanItem"))),
    Operation("post", "/v1/spans/search", "Search spans", body=_SEARCH, answer=_page(_ref("SpanItem"))),
    Operation("get", "/v1/spans/{span_id}", "One span", answer=_of("SpanItem")),
    Operation("get", "/v1/requests", "A page of model calls", parse_requests, answer=_page(_ANY)),
    Operation("get", "/v1/metrics", "Sums over calls", parse_metrics, answer=_DATA),
    Operation("get", "/v1/metrics/points", "A page of metric points", parse_points, answer=_page(_ref("PointItem"))),
    Operation("get", "/v1/filter-schema", "What can be filtered by", answer=_DATA),
    Operation("get", "/v1/scores", "A page of scores", parse_scores, answer=_page(_ANY)),
    Operation("post", "/v1/scores", "Keep a score", body=_SCORE, statuses=(201,)),
    Operation("post", "/v1/scores/batch", "Keep scores", body=_SCORES, answer=_DATA, statuses=(201, 207, 400)),
    Operation("post", "/v1/scores/search", "Search scores", body=_SEARCH, answer=_page(_ANY)),
    Operation("get", "/v1/scores/names", "The names in use", answer=_DATA),
    Operation(
        "get",
        "/v1/scores/aggregations",
        "Mean and range by name",
        lambda query: parse_score_window(query, 0),
        answer=_DATA,
    ),
    Operation("get", "/v1/scores/{score_id}", "One score", answer=_DATA),
    Operation("delete", "/v1/scores/{score_id}", "Take a score back", statuses=(204,)),
    Operation("get", "/v1/score-configs", "How scores are meant", parse_paging, answer=_page(_ANY)),
    Operation("get", "/v1/score-configs/{name}", "How one score is meant", answer=_DATA),
    Operation("get", "/v1/config", "The project's configuration", answer=_DATA),
    Operation("get", "/v1/prompts", "The paths of prompts", files.parse_prompts, answer=_DATA),
    Operation("get", "/v1/templates", "A prompt, or a dataset", files.parse_template_path, answer={}),
    Operation("get", "/v1/templates/{path}", "A prompt, or a dataset", answer={}),
    Operation("get", "/v1/datasets", "A page of datasets", datasets.parse_datasets, answer=_page(_ANY)),
    Operation("post", "/v1/datasets/{name}/rows", "Add a row", body=datasets.parse_row, answer=_DATA, statuses=(201,)),
    Operation(
        "post",
        "/v1/datasets/{name}/rows/from-traces",
        "Add rows made of traces",
        body=lambda told: datasets.parse_sources(told, "trace_ids"),
        answer=_DATA,
        statuses=(201, 207),
    ),
    Operation(
        "post",
        "/v1/datasets/{name}/rows/from-spans",
        "Add rows made of spans",
        body=lambda told: datasets.parse_sources(told, "span_ids"),
        answer=_DATA,
        statuses=(201, 207),
    ),
    Operation("get", "/v1/experiments", "A page of experiments", experiments.parse_experiments, answer=_page(_ANY)),
    Operation("get", "/v1/experiments/baseline", "What to compare with", experiments.parse_baseline, answer=_DATA),
    Operation("get", "/v1/experiments/{experiment_id}", "One experiment with its items", answer=_DATA),
    Operation("get", "/v1/runs/{run_id}/traces", "The traces of a run (deprecated)", answer=_DATA),
    Operation("get", "/v1/annotation-queues", "A page of queues", queues.parse_queues, answer=_page(_ANY)),
    Operation("post", "/v1/annotation-queues", "Make a queue", body=queues.parse_queue, answer=_DATA, statuses=(201,)),
    Operation("get", "/v1/annotation-queues/{queue_id}", "One queue", answer=_DATA),
    Operation(
        "patch", "/v1/annotation-queues/{queue_id}", "Change a queue", body=queues.parse_queue_changes, answer=_DATA
    ),
    Operation("delete", "/v1/annotation-queues/{queue_id}", "Forget a queue", statuses=(204,)),
    Operation("get", "/v1/annotation-queues/{queue_id}/items", "What is in a queue", parse_paging, answer=_page(_ANY)),
    Operation(
        "post",
        "/v1/annotation-queues/{queue_id}/items",
        "Put something into a queue",
        body=queues.parse_items,
        answer=_DATA,
        statuses=(201,),
    ),
    Operation("get", "/v1/annotation-queues/{queue_id}/items/{item_id}", "One item", answer=_DATA),
    Operation(
        "patch",
        "/v1/annotation-queues/{queue_id}/items/{item_id}",
        "Change an item",
        body=queues.parse_item_changes,
        answer=_DATA,
    ),
    Operation("delete", "/v1/annotation-queues/{queue_id}/items/{item_id}", "Take an item out", statuses=(204,)),
    Operation(
        "post",
        "/v1/annotation-queues/{queue_id}/items/{item_id}/reviews",
        "Say that an item was looked at",
        body=queues.parse_review,
        answer=_DATA,
        statuses=(201,),
    ),
    Operation("get", "/v1/api-keys", "The project's keys", answer=_DATA),
    Operation("post", "/v1/api-keys", "Make a key", body=keys.parse_new_key, answer=_DATA, statuses=(201,)),
    Operation("delete", "/v1/api-keys/{key_id}", "Revoke a key", statuses=(204,)),
    Operation("get", "/v1/capabilities", "What this gateway offers"),
    Operation("get", "/v1/pricing", "Prices by model"),
    Operation("get", "/v1/health/ingestion", "Whether spans can be taken in", statuses=(200, 503)),
    Operation("get", "/v1/health/files", "Whether files can be read", statuses=(200, 503)),
    Operation("get", "/v1/openapi.json", "This document"),
)


@router.get("/v1/openapi.json")
async def openapi(request: Request) -> Response:
    """The document."""
    return JSONResponse(document(request.app))


@lru_cache(maxsize=4)
def document(app: FastAPI) -> Schema:
    """All operations of `/v1` that an application has, as OpenAPI 3.1; some with no more than their names."""
    paths: dict[str, dict[str, Schema]] = {}
    for operation in (*OPERATIONS, *_beside(app)):
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sojourn", "version": version("sojourn"), "license": {"name": "Apache-2.0"}},
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


def _beside(app: FastAPI) -> list[Operation]:
    """What other parts of the gateway offer below `/v1`."""
    known = {(one.method, one.path) for one in OPERATIONS}
    served: dict[str, dict[str, Schema]] = app.openapi()["paths"]
    return [
        Operation(
            method,
            SPELLED.get(path, path),
            told["summary"],
            body=None if method == "get" else {},
            statuses=(200, 204),
            media=("*/*",),
        )
        for path, methods in served.items()
        for method, told in methods.items()
        if path.startswith("/v1/") and (method, SPELLED.get(path, path)) not in known
    ]


def _operation(one: Operation) -> Schema:
    told: Schema = {"summary": one.summary, "operationId": _name(one), "responses": {}}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", one.path)
    ]
    if one.query is not None:
        query = Described()
        missing = _missing(one.query, query)
        parameters += [
            {"name": name, "in": "query", "required": name in missing, "schema": schema}
            for name, schema in query.notes.items()
        ]
    if parameters:
        told["parameters"] = parameters
    if one.body is not None:
        schema = _body(one.body) if callable(one.body) else one.body
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    for status in one.statuses:
        answer: Schema = {"description": one.summary}
        if status != 204:
            answer["content"] = {
                media: {"schema": one.answer if media == "application/json" else {}} for media in one.media
            }
        told["responses"][str(status)] = answer
    fault: Schema = {"application/json": {"schema": _ref("Fault")}}
    told["responses"]["default"] = {"description": "What went wrong", "content": fault}
    return told


def _missing(parse: Callable[[Described], object], query: Described) -> frozenset[str]:
    """The parameters that a query must have: those that are in fault when nothing is given."""
    try:
        parse(query)
    except HttpFault as fault:
        return frozenset(fault.extras.get("details", ()))
    return frozenset()


def _body(parse: Callable[[Blank], object]) -> Schema:
    told = Blank()
    # Nothing is given; what would be read is noted all the same.
    with suppress(HttpFault):
        parse(told)
    schema: Schema = {"type": "object", "properties": told.notes, "additionalProperties": False}
    return {**schema, "required": told.required} if told.required else {**schema, "minProperties": 1}


def _name(one: Operation) -> str:
    words = [word for word in re.split(r"[^a-z0-9]+", one.path.removeprefix("/v1/").lower()) if word]
    return "_".join([one.method, *words])


def _schemas() -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for shape in _SHAPES:
        schema = TypeAdapter(shape).json_schema(ref_template=_REF)
        found.update(schema.pop("$defs", {}))
        found[shape.__name__] = schema
    whole: Schema = {"type": "integer", "minimum": 0}
    found["Pagination"] = {
        "type": "object",
        "properties": {"total": whole, "limit": whole, "offset": whole},
        "required": ["total", "limit", "offset"],
    }
    words: dict[str, Any] = {"code": {"type": "string"}, "message": {"type": "string"}}
    fault: Schema = {"type": "object", "properties": words, "required": ["code", "message"]}
    found["Fault"] = {"type": "object", "properties": {"error": fault}, "required": ["error"]}
    return found
