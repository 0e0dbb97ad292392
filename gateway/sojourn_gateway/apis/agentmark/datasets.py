"""The handlers of `/v1/datasets`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentmark.bodies import parse_body
from sojourn_gateway.apis.agentmark.fields import Fields
from sojourn_gateway.apis.agentmark.forms import MISSING, Form, is_list, is_object
from sojourn_gateway.apis.agentmark.present import present_page, present_span, present_time, present_trace, promoted
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import Serving, path_parts
from sojourn_gateway.model.page import Page
from sojourn_gateway.records.folders import BadPath, Outside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.datastructures import QueryParams

    from sojourn_gateway.asgi.services import Services

__all__ = ["at_path", "parse_datasets", "parse_row", "parse_sources", "router"]

_LONGEST: Final = 512
_STEP: Final = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d{1,6})\]", re.ASCII)

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where in a trace or span the parts of a row are; None where nobody said."""

    input: str | None
    expected_output: str | None
    metadata: Mapping[str, str]


@router.get("/v1/datasets")
def datasets(request: Request, serving: Serving) -> Response:
    """The datasets, by name."""
    name, limit, offset = parse_datasets(request.query_params)
    found = serving.folders.of(serving.project).datasets()
    if name is not None:
        found = [one for one in found if PurePosixPath(one.name).name.removesuffix(".jsonl") == name]
    page = Page(tuple(found[offset : offset + limit]), len(found), limit, offset)
    told = [
        {"name": one.name, "row_count": one.row_count, "created_at": present_time(one.created_ns)} for one in page.items
    ]
    return JSONResponse(present_page(told, page))


@router.post("/v1/datasets/{rest:path}")
async def add_rows(request: Request, serving: Serving) -> Response:
    """Add a row, or rows made of traces or spans: a name may hold `/`, so the path is read as it was sent."""
    parts = path_parts(request)[2:]
    async with serving.intake.body(request) as body:
        told = parse_body(body)
    match parts:
        case [*name, "rows"] if name:
            return await run_in_threadpool(_add_row, serving, "/".join(name), told)
        case [*name, "rows", "from-traces"] if name:
            return await run_in_threadpool(_add_from, serving, "/".join(name), told, "trace_ids")
        case [*name, "rows", "from-spans"] if name:
            return await run_in_threadpool(_add_from, serving, "/".join(name), told, "span_ids")
        case _:
            raise HttpFault(404, "not_found", "no such route: rows are added at /v1/datasets/{name}/rows")


def at_path(path: str, source: Any) -> Any:
    """What stands at a path such as `$.input[0].content`; None when nothing does."""
    found = source
    for step in _STEP.finditer(path):
        # Stored messages are texts of JSON, which a path may lead into.
        if isinstance(found, str):
            try:
                found = json.loads(found)
            except (ValueError, RecursionError):
                return None
        key, number = step[1], step[2]
        if key is not None and is_object(found):
            found = found.get(key)
        elif number is not None and is_list(found):
            found = found[int(number)] if int(number) < len(found) else None
        else:
            return None
    return found


def parse_datasets(query: QueryParams) -> tuple[str | None, int, int]:
    """Name, limit and offset. Raises a 400."""
    reading = Fields(query)
    asked = reading.text("name"), reading.number("limit", 50, 1, 1000), reading.number("offset", 0, 0)
    reading.finish()
    return asked


def parse_row(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row as it is kept, with all its keys. Raises a 400."""
    form = Form(told)
    taken, expected = form.any("input", required=True), form.any("expected_output")
    metadata = form.object("metadata")
    form.finish()
    return {
        "input": taken,
        "expected_output": None if expected is MISSING else expected,
        "metadata": dict(metadata or {}),
    }


def parse_sources(told: Mapping[str, Any], field: str) -> tuple[tuple[str, ...], Mapped]:
    """Ids of what rows shall be made of, and where in it their parts are. Raises a 400."""
    form = Form(told)
    ids = form.texts(field, required=True) or ()
    mapped = _mapped(form, form.object("mapping") or {})
    form.finish()
    return ids, mapped


def _add_row(serving: Services, name: str, told: Mapping[str, Any]) -> Response:
    (line,) = _append(serving, name, [parse_row(told)])
    return JSONResponse({"data": {"line_number": line}}, status_code=201)


def _add_from(serving: Services, name: str, told: Mapping[str, Any], field: str) -> Response:
    ids, mapped = parse_sources(told, field)
    results, rows = list[dict[str, Any]](), list[dict[str, Any]]()
    for source_id in ids:
        source = _trace(serving, source_id) if field == "trace_ids" else _span(serving, source_id)
        if source is None:
            error = f"no {field.removesuffix('_ids')} has this id"
            results.append({"source_id": source_id, "status": "failed", "error": error})
        else:
            results.append({"source_id": source_id, "status": "created"})
            rows.append(_row(source, mapped))
    lines = iter(_append(serving, name, rows))
    for result in results:
        if result["status"] == "created":
            result["line_number"] = next(lines)
    status = 201 if len(rows) == len(results) else 207
    return JSONResponse({"data": {"added": len(rows), "results": results}}, status_code=status)


def _append(serving: Services, name: str, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    try:
        return serving.folders.of(serving.project).append(name, rows)
    except BadPath as fault:
        told = {"datasetName": str(fault)}
        raise HttpFault(400, "invalid_path_params", "Invalid path parameters", details=told) from None
    except Outside as fault:
        raise HttpFault(403, "forbidden", str(fault)) from None


def _mapped(form: Form, told: Mapping[str, Any]) -> Mapped:
    inner = Form(told)
    input_path, output_path = inner.text("input", _LONGEST), inner.text("expected_output", _LONGEST)
    metadata = inner.object("metadata") or {}
    paths = {"input": input_path, "expected_output": output_path, **{f"metadata.{k}": v for k, v in metadata.items()}}
    for name, path in paths.items():
        if path is not None and not _is_path(path):
            inner.fault(name, "must be a path such as $.input[0].content")
    form.take(inner, "mapping")
    return Mapped(input_path, output_path, {str(key): str(path) for key, path in metadata.items()})


def _is_path(path: Any) -> bool:
    return isinstance(path, str) and len(path) <= _LONGEST and path.startswith("$") and not _STEP.sub("", path[1:])


def _row(source: Mapping[str, Any], mapped: Mapped) -> dict[str, Any]:
    taken: Any
    if mapped.input is not None:
        taken = at_path(mapped.input, source)
    else:
        props = _parsed(source.get("props"))
        taken = props if is_object(props) and props else _parsed(source.get("input"))
    return {
        "input": taken,
        "expected_output": at_path(mapped.expected_output or "$.output", source),
        "metadata": {key: at_path(path, source) for key, path in mapped.metadata.items()},
    }


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _trace(serving: Services, trace_id: str) -> dict[str, Any] | None:
    found = serving.queries.trace(serving.project, trace_id.lower())
    if found is None:
        return None
    told = cast("dict[str, Any]", present_trace(found, frozenset(), None))
    roots = [span for span in told["spans"] if span["parent_id"] is None]
    props = next((text for span in found.spans if (text := promoted(span, "props"))), None)
    return {**told, "root_span": roots[0] if roots else None, "props": props}


def _span(serving: Services, span_id: str) -> dict[str, Any] | None:
    found = serving.queries.span_anywhere(serving.project, span_id)
    if found is None:
        return None
    return {**cast("dict[str, Any]", present_span(found)), "props": promoted(found, "props")}
