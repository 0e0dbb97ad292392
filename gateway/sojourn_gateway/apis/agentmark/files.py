"""The handlers of what lies in a project's folder: configuration, score configs, prompts, templates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from sojourn_gateway.apis.agentmark.fields import Fields, bad_query
from sojourn_gateway.apis.agentmark.forms import is_list, is_object
from sojourn_gateway.apis.agentmark.mdx import BadTemplate, parse_template
from sojourn_gateway.apis.agentmark.parse import parse_paging
from sojourn_gateway.apis.agentmark.present import present_page
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import Serving, path_parts
from sojourn_gateway.model.page import Page
from sojourn_gateway.records.folders import BadPath, Outside

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.records.folders import Folder

__all__ = ["bad_path", "parse_prompts", "parse_template_path", "router"]

_KINDS: Final = (None, "text", "object", "image", "speech")
_NDJSON: Final = "application/x-ndjson"

router = APIRouter()


@router.get("/v1/config")
def config(serving: Serving) -> Response:
    """`agentmark.json`, and what git has checked out."""
    folder = _folder(serving)
    told = folder.config()
    if told is None:
        raise HttpFault(404, "config_not_found", "the project has no agentmark.json")
    return JSONResponse({"data": {"commit_sha": folder.commit(), "config": told}})


@router.get("/v1/score-configs")
def score_configs(request: Request, serving: Serving) -> Response:
    """How scores are meant, by name."""
    limit, offset = parse_paging(request.query_params)
    found = present_score_configs(_folder(serving))
    page = Page(tuple(found[offset : offset + limit]), len(found), limit, offset)
    return JSONResponse(present_page(list(page.items), page))


@router.get("/v1/score-configs/{rest:path}")
def score_config(request: Request, serving: Serving) -> Response:
    """One of them; a name may hold `/`, so the path is read as it was sent."""
    name = "/".join(path_parts(request)[2:])
    found = next((one for one in present_score_configs(_folder(serving)) if one["name"] == name), None)
    if found is None:
        raise HttpFault(404, "score_config_not_found", f"no score config has the name {name[:100]!r}")
    return JSONResponse({"data": found})


@router.get("/v1/prompts")
def prompts(request: Request, serving: Serving) -> Response:
    """The paths of prompts."""
    return JSONResponse({"data": {"paths": _folder(serving).prompts(parse_prompts(request.query_params))}})


@router.get("/v1/templates")
def template(request: Request, serving: Serving) -> Response:
    """A prompt as a tree, or a dataset's rows."""
    return _template(request, serving, parse_template_path(request.query_params))


@router.get("/v1/templates/{rest:path}")
def template_at(request: Request, serving: Serving) -> Response:
    """The same, with the path in the path."""
    return _template(request, serving, "/".join(path_parts(request)[2:]))


def parse_prompts(query: QueryParams) -> str | None:
    """The name that prompts shall have. Raises a 400."""
    reading = Fields(query)
    name = reading.told("name")
    if name == "":
        reading.faults["name"] = "must not be empty"
    reading.finish()
    return name


def parse_template_path(query: QueryParams) -> str:
    """Which file. Raises a 400."""
    reading = Fields(query)
    path = reading.told("path")
    if not path:
        reading.faults["path"] = "required"
    reading.choice("promptKind", _KINDS, None)
    reading.finish()
    return path or ""


def present_score_configs(folder: Folder) -> list[dict[str, Any]]:
    """Those of `agentmark.json` that are whole, by name."""
    declared: Any = (folder.config() or {}).get("scores")
    if not is_object(declared):
        return []
    commit = folder.commit() or ""
    found = [_score_config(name, one, commit) for name, one in sorted(declared.items())]
    return [one for one in found if one is not None]


def bad_path(fault: BadPath | Outside, name: str) -> HttpFault:
    """A path that leads nowhere is a 400, one that leads elsewhere a 403."""
    if isinstance(fault, Outside):
        return HttpFault(403, "forbidden", str(fault))
    return bad_query({name: str(fault)})


def _score_config(name: str, told: Any, commit: str) -> dict[str, Any] | None:
    if not is_object(told):
        return None
    kind = told.get("type")
    found: dict[str, Any] = {"id": f"local:{name}", "name": name, "commit_sha": commit, "data_type": kind}
    if isinstance(told.get("description"), str):
        found["description"] = told["description"]
    match kind:
        case "boolean":
            return found
        case "numeric":
            bounds: dict[str, Any] = {bound: told[bound] for bound in ("min", "max") if bound in told}
            numbers = all(map(_is_number, bounds.values()))
            return {**found, **bounds} if numbers else None
        case "categorical":
            categories = _categories(told.get("categories"))
            return None if categories is None else {**found, "categories": categories}
        case _:
            return None


def _categories(told: Any) -> list[dict[str, Any]] | None:
    if not is_list(told) or not told:
        return None
    found = [{"label": one["label"], "value": one["value"]} for one in told if _is_category(one)]
    return found if len(found) == len(told) else None


def _is_category(told: Any) -> bool:
    return is_object(told) and isinstance(told.get("label"), str) and _is_number(told.get("value"))


def _is_number(told: Any) -> bool:
    return isinstance(told, int | float) and not isinstance(told, bool)


def _template(request: Request, serving: Services, path: str) -> Response:
    folder = _folder(serving)
    try:
        text = folder.read(path)
    except (BadPath, Outside) as fault:
        raise bad_path(fault, "path") from None
    if text is None:
        raise HttpFault(404, "not_found", f"no file has the path {path[:200]!r}")
    if path.endswith(".jsonl"):
        return _rows(text, plain_lines=_NDJSON in request.headers.get("accept", ""))
    try:
        tree = parse_template(text, folder.commit())
    except BadTemplate as fault:
        raise HttpFault(400, "template_parse_error", str(fault)) from None
    return JSONResponse({"data": tree})


def _rows(text: str, *, plain_lines: bool) -> Response:
    rows = list[Any]()
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except (ValueError, RecursionError):
                raise HttpFault(400, "template_parse_error", f"line {number} of the dataset is no JSON") from None
    if plain_lines:
        return Response("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), media_type=_NDJSON)
    return JSONResponse(rows)


def _folder(serving: Services) -> Folder:
    return serving.folders.of(serving.project)
