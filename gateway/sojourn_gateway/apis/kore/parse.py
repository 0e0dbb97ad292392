"""Parameters of the session endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sojourn_gateway.apis.kore.parameters import LIMIT, MOST, Parameters
from sojourn_gateway.apis.kore.present import CHANNEL
from sojourn_gateway.apis.kore.states import STATUSES
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.where import AllOf, Among, AnyOf, Compare, Exists, Field

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from sojourn_gateway.apis.kore.plan import Planned
    from sojourn_gateway.apis.kore.states import Status
    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.where import Where

__all__ = ["Listing", "Tracing", "channelled", "located", "parse_sessions", "parse_summed", "parse_traces"]

_CHANNEL = Field("channel", "string")
_AGENT = Field("agent", "string")
_NAME = Field("name", "string")
_ENVIRONMENT = Field("environment", "string")
_RESOURCE = Field("resource", "string")


@dataclass(frozen=True, slots=True)
class Listing:
    """Which sessions; `statuses` (any of them) and `environment` need a look into the store."""

    ask: SessionsAsk
    statuses: tuple[Status, ...]
    environment: str | None


@dataclass(frozen=True, slots=True)
class Tracing:
    """Which events of a session."""

    event_type: str | None
    decision_kind: str | None
    span_id: str | None
    with_metrics: bool
    limit: int | None
    """None: all."""
    offset: int

    def wants(self, planned: Planned, decision_kind: str | None) -> bool:
        """Whether an event, with its kind if it is a decision, is one of them."""
        return (
            (self.event_type is None or planned.type == self.event_type)
            and (self.decision_kind is None or (planned.type == "decision" and decision_kind == self.decision_kind))
            and (self.span_id is None or planned.span_id == self.span_id)
        )


def parse_sessions(query: QueryParams) -> Listing:
    """Parameters of the list."""
    given = Parameters(query)
    return _listing(given, given.limit(), given.offset())


def parse_summed(query: QueryParams) -> Listing:
    """Parameters of the sums over sessions: those of the list, without its pages."""
    return _listing(Parameters(query), 1, 0)


def parse_traces(query: QueryParams) -> Tracing:
    """Parameters of the events of a session."""
    given = Parameters(query)
    is_paged = given.has("limit") or given.has("offset")
    limit, offset = given.limit(LIMIT, MOST), given.offset()
    include = given.text("include") or ""
    span_id = given.text("spanId")
    return Tracing(
        event_type=given.text("eventType"),
        decision_kind=given.text("decisionKind"),
        span_id=None if span_id is None else span_id.lower(),
        with_metrics="metrics" in (one.strip() for one in include.split(",")),
        limit=limit if is_paged else None,
        offset=offset,
    )


def channelled(channel: str) -> Where:
    """The sessions that came by a channel; those that do not say by which came by the usual one."""
    named = Compare(_CHANNEL, "equals", channel)
    return AnyOf((named, Exists(_CHANNEL, negated=True))) if channel == CHANNEL else named


def located(serving: Services, environment: str) -> Where:
    """The sessions that ran in an environment: by their metadata, else by what sent their steps."""
    # Every start of a program may be a resource of its own: all of them are looked for at once.
    resources = tuple(serving.queries.outlines.resources_in(serving.project, environment))
    return AnyOf(
        (
            Compare(_ENVIRONMENT, "equals", environment),
            AllOf((Exists(_ENVIRONMENT, negated=True), Among(_RESOURCE, resources))),
        )
    )


def _listing(given: Parameters, limit: int, offset: int) -> Listing:
    since_ns, until_ns = given.moment("from"), given.moment("to")
    agent, channel = given.text("agentName"), given.text("channel")
    ways: list[Where] = []
    if agent is not None:
        ways.append(AnyOf((Compare(_AGENT, "equals", agent), Compare(_NAME, "equals", agent))))
    if channel is not None:
        ways.append(channelled(channel))
    ask = SessionsAsk(
        limit=limit,
        offset=offset,
        sort_by="end",
        since_ns=since_ns,
        until_ns=None if until_ns is None else until_ns - 1,
        include_implicit=True,
        where=AllOf(tuple(ways)) if ways else None,
    )
    status: Status | None = given.choice("status", STATUSES)
    return Listing(ask, () if status is None else (status,), given.text("environment"))
