"""Query parameters of `/v1`, checked as strictly as the contract asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from sojourn_gateway.apis.agentmark.fields import YEAR_2200, Fields, bad_query
from sojourn_gateway.model.log import SEVERITIES, LinesAsk, LogsAsk
from sojourn_gateway.model.metric_point import PointsAsk
from sojourn_gateway.model.metrics import Bucket, GroupBy, MetricsAsk
from sojourn_gateway.model.score import Graded, ScoresAsk
from sojourn_gateway.model.session import EndState, SessionsAsk, SortSessions
from sojourn_gateway.model.spans_ask import SpansAsk, SpanType
from sojourn_gateway.model.trace import SortTraces, TracesAsk
from sojourn_gateway.model.where import AllOf, Compare, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import QueryParams

    from sojourn_gateway.model.span import Status
    from sojourn_gateway.model.where import Where

__all__ = [
    "parse_fields",
    "parse_lines",
    "parse_logs",
    "parse_metrics",
    "parse_paging",
    "parse_points",
    "parse_requests",
    "parse_score_window",
    "parse_scores",
    "parse_sessions",
    "parse_spans",
    "parse_traces",
]

SORT_SESSIONS: Final[tuple[SortSessions, ...]] = get_args(SortSessions)
SORT_TRACES: Final[tuple[SortTraces, ...]] = get_args(SortTraces)
ORDERS: Final = ("asc", "desc")
_STATES: Final[tuple[EndState, ...]] = get_args(EndState)
_STATUSES: Final[tuple[Literal["OK", "ERROR"], ...]] = ("OK", "ERROR")
_SPAN_STATUSES: Final[dict[str, Status]] = {
    "UNSET": "unset",
    "OK": "ok",
    "ERROR": "error",
    "STATUS_CODE_UNSET": "unset",
    "STATUS_CODE_OK": "ok",
    "STATUS_CODE_ERROR": "error",
}
_TYPES: Final[tuple[SpanType, ...]] = get_args(SpanType)
_GRADED: Final[tuple[Graded, ...]] = get_args(Graded)
_GROUPS: Final[tuple[GroupBy, ...]] = get_args(GroupBy)
_BUCKETS: Final[tuple[Bucket, ...]] = get_args(Bucket)
_DAY_NS: Final = 86_400_000_000_000
_MILLISECOND_NS: Final = 1_000_000
_MOST_DAYS: Final = 90


def parse_sessions(query: QueryParams) -> SessionsAsk:
    """Parameters of `GET /v1/sessions`. Raises a 400 that names every field in fault."""
    reading = Fields(query)
    ask = SessionsAsk(
        limit=reading.number("limit", 50, 1, 1000),
        offset=reading.number("offset", 0, 0),
        sort_by=reading.choice("sort_by", SORT_SESSIONS, "start"),
        descending=reading.choice("sort_order", ORDERS, "desc") == "desc",
        since_ns=reading.moment("start_date"),
        until_ns=reading.moment("end_date", last=True),
        search=reading.text("search"),
        name=reading.text("name"),
        user_id=reading.text("user_id") or query.get("userId") or None,
        tag=reading.text("tag"),
        state=reading.choice("state", (None, *_STATES), None),
        include_implicit=reading.flag("include_implicit"),
        where=_all(
            reading.filter("sessions"),
            _equals(Field("model", "string"), reading.text("model")),
            _from_to(reading, "cost", "cost"),
            _from_to(reading, "tokens", "tokens"),
            _from_to(reading, "duration", "latency_ms"),
        ),
    )
    reading.know("userId")
    reading.finish()
    return ask


def parse_traces(query: QueryParams) -> TracesAsk:
    """Parameters of `GET /v1/traces`. Raises a 400 that names every field in fault."""
    reading = Fields(query)
    ask = TracesAsk(
        limit=reading.number("limit", 50, 1, 1000),
        offset=reading.number("offset", 0, 0),
        sort_by=reading.choice("sort_by", SORT_TRACES, "start_time"),
        descending=reading.choice("sort_order", ORDERS, "desc") == "desc",
        since_ns=reading.day("start_date"),
        until_ns=reading.day("end_date", last=True),
        session_id=reading.text("session_id"),
        status=reading.choice("status", (None, *_STATUSES), None),
        name=reading.text("name"),
        user_id=reading.text("user_id"),
        model=reading.text("model"),
        tags=tuple(tag for tag in query.getlist("tag") if tag),
        search=reading.text("search"),
        where=_all(
            reading.filter("traces"),
            _equals(Field("dataset_run_id", "string"), reading.text("dataset_run_id")),
            _equals(Field("metadata", "metadata", "commit_sha"), reading.text("commit_sha")),
        ),
    )
    reading.know("tag")
    reading.finish()
    return ask


def parse_spans(query: QueryParams) -> SpansAsk:
    """Parameters of `GET /v1/spans`, in their older spellings too."""
    reading = Fields(query, YEAR_2200)
    trace_id = reading.text("trace_id")
    status = reading.choice("status", (None, *_SPAN_STATUSES), None)
    ask = SpansAsk(
        limit=reading.number("limit", 100, 1, 500),
        offset=reading.number("offset", 0, 0),
        trace_id=None if trace_id is None else trace_id.lower(),
        type=reading.choice("type", (None, *_TYPES), None),
        status=None if status is None else _SPAN_STATUSES[status],
        name=reading.text("name"),
        model=reading.text("model"),
        min_ms=reading.count("min_duration", "minDuration"),
        max_ms=reading.count("max_duration", "maxDuration"),
        since_ns=reading.moment("start_date"),
        until_ns=reading.moment("end_date", last=True),
        session_id=reading.text("session_id"),
        search=reading.text("search"),
        where=_all(reading.filter("spans"), _equals(Field("user_id", "string"), reading.text("user_id"))),
        content=False,
    )
    reading.finish()
    return ask


def parse_requests(query: QueryParams) -> SpansAsk:
    """Parameters of `GET /v1/requests`, which are the spans that called a model."""
    reading = Fields(query)
    status = reading.choice("status", (None, *_SPAN_STATUSES), None)
    ask = SpansAsk(
        limit=reading.number("limit", 50, 1, 1000),
        offset=reading.number("offset", 0, 0),
        descending=reading.choice("sort_order", ORDERS, "desc") == "desc",
        type="GENERATION",
        status=None if status is None else _SPAN_STATUSES[status],
        since_ns=reading.moment("start_date"),
        until_ns=reading.moment("end_date", last=True),
        search=reading.text("search"),
        where=_all(
            reading.filter("spans"),
            _equals(Field("user_id", "string"), reading.text("user_id")),
            _equals(Field("model", "string"), reading.text("model")),
        ),
    )
    reading.finish()
    return ask


def parse_metrics(query: QueryParams) -> MetricsAsk:
    """Parameters of `GET /v1/metrics`; those beyond `start_date`, `end_date` and `extended` are ours."""
    reading = Fields(query)
    since, until = reading.moment("start_date"), reading.moment("end_date", last=True)
    for name in ("start_date", "end_date"):
        if name not in query:
            reading.faults[name] = "required: a date and time in UTC such as 2026-01-31T08:00:00Z"
    if since is not None and until is not None:
        if since > until:
            reading.faults["end_date"] = "must not be before start_date"
        elif until - since > _MOST_DAYS * _DAY_NS + _MILLISECOND_NS:
            reading.faults["start_date"] = f"at most {_MOST_DAYS} days before end_date"
    ask = MetricsAsk(
        since_ns=since or 0,
        until_ns=until or 0,
        bucket=reading.choice("bucket", _BUCKETS, "hour"),
        group_by=reading.choice("group_by", (None, *_GROUPS), None),
        where=reading.filter("spans"),
    )
    # Told by who presents the answer; here it is only checked.
    reading.flag("extended")
    reading.finish()
    return ask


def parse_scores(query: QueryParams) -> ScoresAsk:
    """Parameters of `GET /v1/scores`."""
    reading = Fields(query, YEAR_2200)
    ask = ScoresAsk(
        limit=reading.number("limit", 50, 1, 1000),
        offset=reading.number("offset", 0, 0),
        since_ns=reading.day("start_date"),
        until_ns=reading.day("end_date", last=True),
        resource_id=reading.text("resource_id"),
        kind=reading.choice("resource_type", (None, *_GRADED), None),
        name=reading.text("name"),
        source=reading.text("source"),
        session_id=reading.text("session_id"),
        where=reading.filter("scores"),
    )
    reading.finish()
    return ask


def parse_score_window(query: QueryParams, now_ns: int) -> tuple[int, int]:
    """First and last nanosecond of the days of `GET /v1/scores/aggregations`: by default a week, up to today."""
    reading = Fields(query)
    since, until = reading.day("start_date"), reading.day("end_date", last=True)
    reading.finish()
    today = now_ns - now_ns % _DAY_NS
    return today - 7 * _DAY_NS if since is None else since, today + _DAY_NS - 1 if until is None else until


def parse_logs(session_id: str, query: QueryParams) -> LogsAsk:
    """Parameters of `GET /v1/sessions/{id}/logs`: paging, and the lowest `level`."""
    reading = Fields(query)
    ask = LogsAsk(
        session_id,
        limit=reading.number("limit", 100, 1, 1000),
        offset=reading.number("offset", 0, 0),
        severity=SEVERITIES[reading.choice("level", tuple(SEVERITIES), "trace")],
        search=reading.text("search"),
    )
    reading.finish()
    return ask


def parse_lines(query: QueryParams) -> LinesAsk:
    """Parameters of `GET /v1/logs`: those of a session's log, which session, and of what time."""
    reading = Fields(query)
    ask = LinesAsk(
        limit=reading.number("limit", 100, 1, 1000),
        offset=reading.number("offset", 0, 0),
        descending=reading.choice("sort_order", ORDERS, "desc") == "desc",
        session_id=reading.text("session_id"),
        severity=SEVERITIES[reading.choice("level", tuple(SEVERITIES), "trace")],
        search=reading.text("search"),
        since_ns=reading.moment("start_date"),
        until_ns=reading.moment("end_date", last=True),
    )
    reading.finish()
    return ask


def parse_points(query: QueryParams) -> PointsAsk:
    """Parameters of `GET /v1/metrics/points`."""
    reading = Fields(query)
    ask = PointsAsk(
        limit=reading.number("limit", 100, 1, 1000),
        offset=reading.number("offset", 0, 0),
        name=reading.text("name"),
        session_id=reading.text("session_id"),
        since_ns=reading.moment("start_date"),
        until_ns=reading.moment("end_date", last=True),
    )
    reading.finish()
    return ask


def parse_paging(query: QueryParams) -> tuple[int, int]:
    """`limit` and `offset` alone."""
    reading = Fields(query)
    paging = reading.number("limit", 50, 1, 1000), reading.number("offset", 0, 0)
    reading.finish()
    return paging


def parse_fields(query: QueryParams, known: Sequence[str], default: Sequence[str]) -> frozenset[str]:
    """The comma list `fields`; absent: `default`."""
    if "fields" not in query:
        return frozenset(default)
    asked = [name.strip() for name in query["fields"].split(",") if name.strip()]
    if unknown := [name for name in asked if name not in known]:
        raise bad_query({"fields": f"unknown: {', '.join(unknown)[:100]}; known: {', '.join(known)}"})
    return frozenset(asked)


def _equals(field: Field, value: str | None) -> Where | None:
    return None if value is None else Compare(field, "equals", value)


def _from_to(reading: Fields, name: str, field: str) -> Where | None:
    """The range of a number, by `min_` and `max_` of a name."""
    least, most = reading.decimal(f"min_{name}"), reading.decimal(f"max_{name}")
    told = Field(field, "numeric")
    return _all(
        None if least is None else Compare(told, "gte", least), None if most is None else Compare(told, "lte", most)
    )


def _all(*parts: Where | None) -> Where | None:
    told = tuple(part for part in parts if part is not None)
    return AllOf(told) if told else None
