"""The store itself, read as the API reads it, when no gateway runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from starlette.datastructures import QueryParams

from sojourn_gateway.apis.agentmark.bodies import BadItem, parse_score
from sojourn_gateway.apis.agentmark.parse import parse_scores, parse_sessions, parse_spans, parse_traces
from sojourn_gateway.apis.agentmark.present import (
    present_page,
    present_score,
    present_session,
    present_session_item,
    present_span,
    present_trace,
    present_trace_item,
)
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.command.gateways import explained
from sojourn_gateway.ingest.scores import Scorebook
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.query import Queries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.apis.agentmark.shapes import SessionData
    from sojourn_gateway.command.lists import Listed
    from sojourn_gateway.engine import Engine

__all__ = ["Embedded"]

Told = dict[str, Any]


class Embedded:
    """One project of an open engine."""

    def __init__(self, engine: Engine, project: str) -> None:
        self._queries = Queries(engine)
        self._scores = Scorebook(engine)
        self._project = project

    def page(self, listed: Listed, query: Mapping[str, str | None]) -> Told:
        """A page of a list. Raises `GatewayFault` for words that it does not know."""
        told = QueryParams({name: value for name, value in query.items() if value})
        try:
            return self._page(listed, told)
        except HttpFault as fault:
            raise GatewayFault(explained(fault.message, fault.extras)) from None

    def session(self, session_id: str) -> SessionData | None:
        """One session with its spans."""
        found = self._queries.session(self._project, session_id)
        return None if found is None else present_session(found)

    def trace(self, trace_id: str) -> Told | None:
        """One trace with its spans and scores."""
        found = self._queries.trace(self._project, trace_id.lower())
        if found is None:
            return None
        scores = self._queries.trace_scores(self._project, found)
        return cast("Told", present_trace(found, ("scores",), scores))

    def span(self, span_id: str) -> Told | None:
        """One span with its content."""
        found = self._queries.span_anywhere(self._project, span_id)
        return None if found is None else cast("Told", present_span(found))

    def score(self, score_id: str) -> Told | None:
        """One score."""
        found = self._queries.score(self._project, score_id)
        return None if found is None else present_score(found)

    def add_score(self, told: Told) -> str:
        """Keep a score."""
        try:
            (score_id,) = self._scores.keep(self._project, [parse_score(told)])
        except BadItem as fault:
            raise GatewayFault(str(fault)) from None
        return score_id

    def _page(self, listed: Listed, query: QueryParams) -> Told:
        queries, project = self._queries, self._project
        match listed:
            case "sessions":
                sessions = queries.sessions(project, parse_sessions(query))
                return present_page([present_session_item(one) for one in sessions.items], sessions)
            case "traces":
                traces = queries.traces(project, parse_traces(query))
                return present_page([present_trace_item(one) for one in traces.items], traces)
            case "spans":
                spans = queries.spans(project, parse_spans(query))
                return present_page([present_span(one, content=False) for one in spans.items], spans)
            case "scores":
                scores = queries.scores(project, parse_scores(query))
                return present_page([present_score(one) for one in scores.items], scores)
