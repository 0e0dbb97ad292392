"""The handlers that read traces: `/v4` of the dashboard, `/public/v1` of programs."""

from __future__ import annotations

import time
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from sojourn_gateway.apis.agentops.auth import check_bearer
from sojourn_gateway.apis.agentops.faults import bad_query, missing
from sojourn_gateway.apis.agentops.figures import present_span_figures, present_totals, present_trace_figures
from sojourn_gateway.apis.agentops.json_text import Answer, pieces_of_list, written
from sojourn_gateway.apis.agentops.present_trace import (
    present_detail,
    present_list,
    present_project_figures,
    present_row,
    present_span,
    present_trace,
    present_whole_span,
)
from sojourn_gateway.asgi.services import Services, Serving
from sojourn_gateway.ingest.agentops_rows import parse_moment
from sojourn_gateway.model.faults import Malformed
from sojourn_gateway.model.totals import TotalsAsk
from sojourn_gateway.model.trace import SortTraces, Trace, TracesAsk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.datastructures import QueryParams

    from sojourn_gateway.model.span import Span
    from sojourn_gateway.model.trace import TraceSummary

__all__ = ["router"]

_ENVIRONMENT: Final = "production"
_LINES: Final = 1000
_AT_ONCE: Final = 1_000
"""Spans that are held to be sent."""
_SORTS: Final[dict[str, SortTraces]] = {
    "start_time": "start_time",
    "duration": "latency",
    "total_cost": "cost",
    "cost": "cost",
    "total_tokens": "tokens",
    "span_name": "name",
    "root_span_name": "name",
    "status": "status",
}

router = APIRouter()


def _checked(request: Request, serving: Serving) -> Services:
    check_bearer(request, serving)
    return serving


Reading = Annotated[Services, Depends(_checked)]


@router.get("/public/v1/project")
def project(serving: Reading) -> Response:
    """The project that the bearer speaks for."""
    told = {"id": serving.access.project_id(serving.project), "name": serving.project, "environment": _ENVIRONMENT}
    return Answer(told)


@router.get("/public/v1/traces/{trace_id}")
def trace(trace_id: str, serving: Reading) -> Response:
    """A trace and its spans."""
    found = _found(serving, trace_id)
    told = present_trace(_summary(found), serving.access.project_id(serving.project))
    return _with_spans(serving, found, told, present_row)


@router.get("/public/v1/traces/{trace_id}/metrics")
def trace_figures(trace_id: str, serving: Reading) -> Response:
    """What a trace comes to."""
    return Answer(_figures(serving, _trace_id(trace_id)))


@router.get("/public/v1/spans/{span_id}")
def span(span_id: str, serving: Reading) -> Response:
    """A span with its attributes."""
    return Answer(present_span(_found_span(serving, span_id)))


@router.get("/public/v1/spans/{span_id}/metrics")
def span_figures(span_id: str, serving: Reading) -> Response:
    """What a span comes to."""
    return Answer(present_span_figures(serving, _found_span(serving, span_id)))


@router.get("/v4/traces/list/{project_id}")
def traces(project_id: str, request: Request, serving: Reading) -> Response:
    """A page of a project's traces."""
    _check_project(serving, project_id)
    ask = parse_list(request.query_params)
    by_id = _trace_id(ask.name or "")
    exact = serving.queries.trace_summary(serving.project, by_id) if by_id else None
    if exact is not None:
        # Who searches for an id means that one trace.
        ask = TracesAsk(limit=ask.limit, since_ns=exact.start_ns, until_ns=exact.start_ns, name=exact.name)
    page = serving.queries.traces(serving.project, ask)
    totals = serving.queries.totals(
        serving.project, TotalsAsk(since_ns=ask.since_ns, until_ns=ask.until_ns, name=ask.name)
    )
    return Answer(present_list(page, totals))


@router.get("/v4/traces/detail/{trace_id}")
def detail(trace_id: str, serving: Reading) -> Response:
    """A trace with all that is known of its spans."""
    found = _found(serving, trace_id)
    figures = present_trace_figures(serving, found) if isinstance(found, Trace) else _figures(serving, found.id)
    told = present_detail(_summary(found), serving.access.project_id(serving.project), figures)
    return _with_spans(serving, found, told, partial(present_whole_span, serving))


# The path is spelled so.
@router.get("/v4/meterics/project/{project_id}")
def project_figures(project_id: str, request: Request, serving: Reading) -> Response:
    """What a project's traces come to."""
    _check_project(serving, project_id)
    query = request.query_params
    ask = TotalsAsk(since_ns=_moment(query, "start_time"), until_ns=_moment(query, "end_time"), lines=_LINES)
    totals = serving.queries.totals(serving.project, ask)
    return Answer(present_project_figures(totals, ask, serving.access.project_id(serving.project), time.time_ns()))


def parse_list(query: QueryParams) -> TracesAsk:
    """Which traces. Raises `HttpFault` with 422, naming the parameter."""
    sort_by = _SORTS.get(query.get("order_by", "start_time").lower())
    if sort_by is None:
        raise bad_query("order_by", f"must be one of {', '.join(_SORTS)}")
    order = query.get("sort_order", "DESC").upper()
    if order not in ("ASC", "DESC"):
        raise bad_query("sort_order", "must be ASC or DESC")
    return TracesAsk(
        limit=_number(query, "limit", 20, 1, 100),
        offset=_number(query, "offset", 0, 0, 2**31 - 1),
        sort_by=sort_by,
        descending=order == "DESC",
        since_ns=_moment(query, "start_time"),
        until_ns=_moment(query, "end_time"),
        name=query.get("query", "")[:512] or None,
    )


def _number(query: QueryParams, name: str, default: int, least: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12) or not least <= int(text) <= most:
        raise bad_query(name, f"must be a whole number from {least} to {most}")
    return int(text)


def _moment(query: QueryParams, name: str) -> int | None:
    # A plus sign in a query that nobody encoded is a space by now.
    said = {key: value.replace(" ", "+") if "T" in value else value for key, value in query.items()}
    try:
        return parse_moment(said, name)
    except Malformed as fault:
        raise bad_query(name, str(fault)) from None


def _check_project(serving: Services, project_id: str) -> None:
    if project_id.lower() not in (serving.access.project_id(serving.project), serving.project.lower()):
        raise missing("Project")


def _figures(serving: Services, trace_id: str) -> dict[str, Any]:
    totals = serving.queries.totals(serving.project, TotalsAsk(trace_id=trace_id)) if trace_id else None
    if totals is None or not totals.traces:
        raise missing("Trace")
    return present_totals(totals)


def _with_spans(
    serving: Services, found: Trace | TraceSummary, told: dict[str, Any], present: Callable[[Span], dict[str, Any]]
) -> Response:
    """The answer with its spans, which are sent as they are read when there are many."""
    if isinstance(found, Trace):
        return Answer({**told, "spans": [present(one) for one in found.spans]})
    pages = serving.queries.session_steps.of_trace(serving.project, found.id)
    # What cannot be read at all is told by the status, which is sent with the first of it.
    begun = next(pages, list["Span"]())
    pieces = _pieces(told, ([present(one) for one in page] for page in chain([begun], pages)))
    return StreamingResponse(pieces, media_type=Answer.media_type)


def _pieces(told: dict[str, Any], pages: Iterator[list[dict[str, Any]]]) -> Iterator[bytes]:
    yield written(told)[:-1] + b',"spans":'
    yield from pieces_of_list(pages)
    yield b"}"


def _summary(found: Trace | TraceSummary) -> TraceSummary:
    return found.summary if isinstance(found, Trace) else found


def _found(serving: Services, text: str) -> Trace | TraceSummary:
    """A trace; of one with many spans what it comes to alone."""
    trace_id = _trace_id(text)
    if trace_id:
        few = serving.queries.trace(serving.project, trace_id, most=_AT_ONCE)
        found = few or serving.queries.trace_summary(serving.project, trace_id)
        if found is not None:
            return found
    raise missing("Trace")


def _found_span(serving: Services, text: str) -> Span:
    found = serving.queries.span_anywhere(serving.project, text) if text.isascii() and len(text) == 16 else None
    if found is None:
        raise missing("Span")
    return found


def _trace_id(text: str) -> str:
    """32 hexadecimal digits, which may be told with the dashes of a UUID."""
    try:
        return UUID(text).hex
    except ValueError:
        return ""
