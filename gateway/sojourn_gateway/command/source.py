"""Where a command reads from: the running gateway, else the store itself; the same answers either way."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from urllib.parse import quote, urlencode

from sojourn import journal
from sojourn_gateway.command.gateways import RunningGateway, running_gateway
from sojourn_gateway.engine import Engine
from sojourn_gateway.ingest import Ingest, Pickup
from sojourn_gateway.keeping import Keeper
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from sojourn.home import Home
    from sojourn_gateway.apis.agentmark.shapes import SessionData
    from sojourn_gateway.command.lists import Listed
    from sojourn_gateway.settings import Settings

__all__ = ["Source", "open_source"]

_ROLL_UP_S: Final = 120.0

Told = dict[str, Any]


class Source(Protocol):
    """Answers in the shapes of `/v1`."""

    def page(self, listed: Listed, query: Mapping[str, str | None]) -> Told:
        """A page of a list, chosen in the words of the API. Raises `GatewayFault` for words that it does not know."""
        ...

    def session(self, session_id: str) -> SessionData | None:
        """One session with its spans; None when there is none of this id."""
        ...

    def trace(self, trace_id: str) -> Told | None:
        """One trace with its spans and scores; None when there is none of this id."""
        ...

    def span(self, span_id: str) -> Told | None:
        """One span with its content; None when there is none of this id."""
        ...

    def score(self, score_id: str) -> Told | None:
        """One score; None when there is none of this id."""
        ...

    def add_score(self, told: Told) -> str:
        """Keep a score; its id. Raises `GatewayFault` for one that cannot be understood."""
        ...


@contextmanager
def open_source(
    home: Home, settings: Settings, project: str | None = None, *, write: bool = False
) -> Generator[Source]:
    """The running gateway; else the embedded store, with what still lies in journals taken in first.

    A home in which nothing was recorded gets a store only by who is to `write`. Raises `EngineHeld`, which names the
    holder, when another process has the store open.
    """
    gateway = running_gateway(home)
    if gateway is not None:
        if project is not None and project != settings.project:
            gateway.operate(project)
        yield _Remote(gateway)
        return
    if settings.engine is None and not write and not home.engine.exists() and not journal.paths(home.journals):
        yield _Nothing()
        return
    engine = Engine.open(home, settings.engine, prices=settings.price_list())
    try:
        ingest = Ingest(engine)
        try:
            Pickup(ingest, home).sweep(include_live=True)
            Keeper(engine, home).resume()
            # Lists are answered from roll-ups, which follow a commit by a moment.
            if not engine.settle(_ROLL_UP_S):
                raise GatewayFault("the store is still busy with what was recorded; try again in a moment")
            # What reads as the API does takes long to import, and a running gateway needs none of it here.
            from sojourn_gateway.command.embedded import Embedded

            yield Embedded(engine, project or settings.project)
        finally:
            ingest.close()
    finally:
        engine.close()


class _Remote:
    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway

    def page(self, listed: Listed, query: Mapping[str, str | None]) -> Told:
        told = urlencode({name: value for name, value in query.items() if value})
        found: Told = self._gateway.get(f"/v1/{listed}?{told}")
        return found

    def session(self, session_id: str) -> SessionData | None:
        return cast("SessionData | None", self._one(f"/v1/sessions/{quote(session_id, safe='')}"))

    def trace(self, trace_id: str) -> Told | None:
        return self._one(f"/v1/traces/{quote(trace_id, safe='')}?fields=scores")

    def span(self, span_id: str) -> Told | None:
        return self._one(f"/v1/spans/{quote(span_id, safe='')}")

    def score(self, score_id: str) -> Told | None:
        return self._one(f"/v1/scores/{quote(score_id, safe='')}")

    def add_score(self, told: Told) -> str:
        answer = self._gateway.post("/v1/scores", json.dumps(told).encode(), "application/json")
        return str(answer["id"])

    def _one(self, path: str) -> Told | None:
        answer = self._gateway.get(path)
        return None if answer is None else cast("Told", answer["data"])


class _Nothing:
    """A home in which nothing was ever recorded: looking must not create a store."""

    def page(self, listed: Listed, query: Mapping[str, str | None]) -> Told:
        del listed
        limit, offset = int(query.get("limit") or 20), int(query.get("offset") or 0)
        return {"data": [], "pagination": {"total": 0, "limit": limit, "offset": offset}}

    def session(self, session_id: str) -> SessionData | None:
        del session_id
        return None

    def trace(self, trace_id: str) -> Told | None:
        del trace_id
        return None

    def span(self, span_id: str) -> Told | None:
        del span_id
        return None

    def score(self, score_id: str) -> Told | None:
        del score_id
        return None

    def add_score(self, told: Told) -> str:
        raise GatewayFault(f"there is no store to keep {told.get('name')!r} in")
