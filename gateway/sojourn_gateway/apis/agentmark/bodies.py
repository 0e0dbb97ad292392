"""Bodies of `/v1`: searches and scores, checked field by field."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeGuard, get_args

from sojourn_gateway.apis.agentmark.fields import YEAR_2200, Fields, bad_body, bad_filter
from sojourn_gateway.apis.agentmark.parse import ORDERS, SORT_SESSIONS, SORT_TRACES
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.ingest.json_weight import check_weight
from sojourn_gateway.ingest.scores import NewScore
from sojourn_gateway.model.score import Graded, ScoresAsk
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.model.trace import TracesAsk
from sojourn_gateway.query.filters import BadFilter, parse_filter_list, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.where import Resource, Where

__all__ = ["BadItem", "parse_body", "parse_score", "parse_score_batch", "parse_search"]

_GRADED: Final[tuple[Graded, ...]] = get_args(Graded)
_SOURCES: Final = ("experiment", "annotation", "api")
_MOST_AT_ONCE: Final = 1000
_LONGEST: Final = {"resource_id": 512, "name": 256, "label": 1_000, "reason": 10_000, "user_id": 512, "client_id": 128}
_NUMBERS: Final = ("limit", "offset")
_SEARCH: Final = ("filters", "limit", "offset", "start_date", "end_date")
_SORTED: Final = ("sort_by", "sort_order")


class BadItem(Exception):
    """A score that cannot be kept: the field, what is wrong with it, and the code that a batch says it by."""

    def __init__(self, field: str, problem: str, *, missing: bool = False) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
        self.code = "missing_required_field" if missing else "invalid_field_value"


def parse_body(body: bytes) -> Mapping[str, Any]:
    """A JSON object. Raises a 400, and `TooLarge`."""
    check_weight(body)
    try:
        told = parse_json(body.decode() or "{}")
    except (ValueError, RecursionError):
        raise bad_body({"_": "the body is no JSON"}) from None
    if not _is_object(told):
        raise bad_body({"_": "the body must be a JSON object"})
    return told


def parse_search(resource: Resource, body: bytes) -> TracesAsk | SpansAsk | SessionsAsk | ScoresAsk:
    """The body of `POST /v1/<resource>/search`. Raises a 400."""
    told = parse_body(body)
    given = _texts(resource, told)
    reading = Fields(given, YEAR_2200) if resource in ("spans", "scores") else Fields(given)
    limit = reading.number("limit", 50, 1, 500 if resource == "spans" else 1000)
    offset = reading.number("offset", 0, 0)
    since, until = reading.moment("start_date"), reading.moment("end_date", last=True)
    descending = reading.choice("sort_order", ORDERS, "desc") == "desc"
    search = reading.text("search")
    ask: TracesAsk | SpansAsk | SessionsAsk | ScoresAsk
    match resource:
        case "traces":
            ask = TracesAsk(
                sort_by=reading.choice("sort_by", SORT_TRACES, "start_time"), descending=descending, search=search
            )
        case "sessions":
            ask = SessionsAsk(
                sort_by=reading.choice("sort_by", SORT_SESSIONS, "start"), descending=descending, search=search
            )
        case "spans":
            ask = SpansAsk(search=search, content=False)
        case "scores":
            ask = ScoresAsk()
    if reading.faults:
        raise bad_body(reading.faults)
    where = _filters(resource, told["filters"]) if "filters" in told else None
    return replace(ask, limit=limit, offset=offset, since_ns=since, until_ns=until, where=where)


def parse_score(told: Any) -> NewScore:
    """One score, under AgentMark's names or those that its SDKs send. Raises `BadItem`."""
    if not _is_object(told):
        raise BadItem("_", "must be a JSON object")
    name_of_id = "resource_id" if "resource_id" in told else "resourceId" if "resourceId" in told else "resource_id"
    resource_id = _text(told, name_of_id, longest=_LONGEST["resource_id"], required=True)
    name = _text(told, "name", longest=_LONGEST["name"], required=True)
    score = _finite(told)
    source = _text(told, "source", longest=50) or "api"
    if source not in _SOURCES:
        raise BadItem("source", f"must be one of {', '.join(_SOURCES)}")
    kind = _text(told, "resource_type", longest=50)
    if kind and kind not in _GRADED:
        raise BadItem("resource_type", f"must be one of {', '.join(_GRADED)}")
    return NewScore(
        resource_id=resource_id,
        name=name,
        score=score,
        label=_text(told, "label", longest=_LONGEST["label"]),
        reason=_text(told, "reason", longest=_LONGEST["reason"]),
        source=source,
        user_id=_text(told, "user_id", longest=_LONGEST["user_id"]),
        kind=next((one for one in _GRADED if one == kind), None),
    )


def parse_score_batch(body: bytes) -> list[tuple[str | None, NewScore | BadItem]]:
    """Each score of a batch, or what is wrong with it, with the sender's own id. Raises a 400 or a 413."""
    scores: Any = parse_body(body).get("scores")
    if not _is_list(scores) or not scores:
        raise bad_body({"scores": "must be a list of 1 to 1000 scores"})
    if len(scores) > _MOST_AT_ONCE:
        raise HttpFault(413, "payload_too_large", f"a batch holds at most {_MOST_AT_ONCE} scores; it has {len(scores)}")
    return [_batched(item) for item in scores]


def _batched(item: Any) -> tuple[str | None, NewScore | BadItem]:
    client_id: str | None = None
    try:
        if _is_object(item):
            client_id = _text(item, "client_id", longest=_LONGEST["client_id"]) or None
        return client_id, parse_score(item)
    except BadItem as fault:
        return client_id, fault


def _filters(resource: Resource, told: Any) -> Where:
    try:
        return parse_filter_list(resource, told, "filters")
    except BadFilter as fault:
        raise bad_filter(fault) from None


def _texts(resource: Resource, told: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a search as a query has them, so that one set of checks serves both."""
    known = _SEARCH if resource == "scores" else (*_SEARCH, "search")
    if resource in ("traces", "sessions"):
        known = (*known, *_SORTED)
    faults: dict[str, str] = {}
    texts: dict[str, str] = {}
    for name, value in told.items():
        if name not in known:
            # JSON may name a field by half a character, which no answer can repeat.
            faults[name[:100].encode(errors="replace").decode()] = f"unknown; known: {', '.join(known)}"
        elif name == "filters":
            continue
        elif name in _NUMBERS:
            if isinstance(value, int) and not isinstance(value, bool):
                texts[name] = str(value)
            else:
                faults[name] = "must be a whole number"
        elif isinstance(value, str):
            texts[name] = value
        else:
            faults[name] = "must be a text"
    if faults:
        raise bad_body(faults)
    return texts


def _text(told: Mapping[str, Any], name: str, *, longest: int, required: bool = False) -> str:
    value = told.get(name)
    if value is None and not required:
        return ""
    if name not in told:
        raise BadItem(name, "required", missing=True)
    if not isinstance(value, str) or (required and not value):
        raise BadItem(name, "must be a text" + (" that is not empty" if required else ""))
    if len(value) > longest:
        raise BadItem(name, f"at most {longest} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadItem(name, "holds half a character (an unpaired surrogate)") from None
    return value


def _finite(told: Mapping[str, Any]) -> float:
    if "score" not in told:
        raise BadItem("score", "required", missing=True)
    value = told["score"]
    try:
        number = float(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None
    except OverflowError:
        number = None
    if number is None or not isfinite(number):
        raise BadItem("score", "must be a finite number")
    return number


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
