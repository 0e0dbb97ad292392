"""Parameters of a project's analytics, as a query or as the fields of a body."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from sojourn_gateway.apis.kore.analytics_asks import parse_flat
from sojourn_gateway.apis.kore.faults import bad_parameter
from sojourn_gateway.apis.kore.parameters import Parameters
from sojourn_gateway.model.happening import CATEGORIES, GROUPS, HappeningsAsk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import QueryParams

    from sojourn_gateway.model.happening import Group

__all__ = [
    "Costs",
    "Measuring",
    "parse_agent",
    "parse_costs",
    "parse_events",
    "parse_measuring",
    "unfold",
]

Measured = Literal["count", "avg_duration", "error_rate", "p95_duration", "sum_tokens", "sum_cost"]
CostGroup = Literal["model", "agent_name", "channel", "hour", "day"]

_MEASURED: Final[tuple[Measured, ...]] = get_args(Measured)
_COST_GROUPS: Final[tuple[CostGroup, ...]] = get_args(CostGroup)
_CATEGORIES: Final = tuple(dict.fromkeys(CATEGORIES.values()))
_ORDERS: Final = ("asc", "desc")
_MOST_SESSIONS: Final = 10_000
_BUCKETS: Final = 1_000
_MOST_BUCKETS: Final = 10_000
_NO_TYPE: Final = "-"
"""A type that no event has."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """Which events are counted, in which groups, and what is told of each group."""

    ask: HappeningsAsk
    groups: tuple[Group, ...]
    metrics: tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """Which calls are priced, and by what they are parted."""

    ask: HappeningsAsk
    group: CostGroup


def unfold(told: Mapping[str, Any]) -> QueryParams:
    """The fields of a body as parameters; those of its `filters` as if they stood beside the others."""
    filters = told.get("filters")
    if filters is not None and not isinstance(filters, dict):
        raise bad_parameter("filters", "must be an object")
    rest = {name: value for name, value in told.items() if name != "filters"}
    return parse_flat({**rest, **(filters or {})})  # pyright: ignore[reportUnknownArgumentType]  # JSON of a reader


def parse_measuring(query: QueryParams) -> Measuring:
    """Parameters of the sums."""
    given = Parameters(query)
    groups: tuple[Group, ...] = given.words("groupBy", GROUPS)
    metrics: tuple[Measured, ...] = given.words("metrics", _MEASURED)
    ask = replace(_filtered(given), limit=given.limit(_BUCKETS, _MOST_BUCKETS), offset=given.offset())
    return Measuring(ask, groups or ("event_type",), metrics or ("count",))


def parse_events(query: QueryParams) -> HappeningsAsk:
    """Parameters of the list of events."""
    given = Parameters(query)
    descending = given.choice("sortOrder", _ORDERS) != "asc"
    return replace(_filtered(given), limit=given.limit(), offset=given.offset(), descending=descending)


def parse_costs(query: QueryParams) -> Costs:
    """Parameters of the costs."""
    given = Parameters(query)
    group: CostGroup | None = given.choice("groupBy", _COST_GROUPS)
    since_ns, until_ns = _times(given)
    return Costs(HappeningsAsk(since_ns, until_ns, limit=_MOST_BUCKETS), group or "model")


def parse_agent(query: QueryParams) -> HappeningsAsk:
    """Parameters of what is told of an agent."""
    since_ns, until_ns = _times(Parameters(query))
    return HappeningsAsk(since_ns, until_ns, limit=len(CATEGORIES))


def _filtered(given: Parameters) -> HappeningsAsk:
    since_ns, until_ns = _times(given)
    types = given.texts("eventType", 100)
    categories = given.words("category", _CATEGORIES)
    if categories:
        of_categories = tuple(one for one, category in CATEGORIES.items() if category in categories)
        types = tuple(one for one in of_categories if not types or one in types) or (_NO_TYPE,)
    return HappeningsAsk(
        since_ns,
        until_ns,
        types=types,
        agent=given.text("agentName"),
        channel=given.text("channel"),
        session_ids=given.texts("sessionId", _MOST_SESSIONS),
        failed=given.flag("hasError"),
    )


def _times(given: Parameters) -> tuple[int | None, int | None]:
    return given.moment("from"), given.moment("to")
