"""Where a command reads from: the running gateway, else the store itself; the same answers either way."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, cast
from urllib.parse import quote, urlencode

from sojourn import journal
from sojourn_gateway.apis.agentmark.present import present_page, present_session, present_session_item
from sojourn_gateway.command.gateways import RunningGateway, running_gateway
from sojourn_gateway.engine import Engine
from sojourn_gateway.ingest import Ingest, Pickup
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.query import Queries

if TYPE_CHECKING:
    from collections.abc import Generator

    from sojourn.home import Home
    from sojourn_gateway.apis.agentmark.shapes import SessionData, SessionsPage
    from sojourn_gateway.model.session import SessionsAsk

__all__ = ["Source", "open_source"]

_PROJECT: Final = "default"
_ROLL_UP_S: Final = 120.0


class Source(Protocol):
    """Answers in the shapes of `/v1`."""

    def sessions(self, ask: SessionsAsk) -> SessionsPage:
        """A page of sessions."""
        ...

    def session(self, session_id: str) -> SessionData | None:
        """One session with its spans; None when there is none of this id."""
        ...


@contextmanager
def open_source(home: Home) -> Generator[Source]:
    """The running gateway; else the embedded store, with what still lies in journals taken in first.

    Raises `EngineHeld`, which names the holder, when another process has the store open.
    """
    gateway = running_gateway(home)
    if gateway is not None:
        yield _Remote(gateway)
        return
    if not home.engine.exists() and not journal.paths(home.journals):
        yield _Nothing()
        return
    engine = Engine.open(home)
    try:
        ingest = Ingest(engine)
        try:
            Pickup(ingest, home).sweep(include_live=True)
            # Lists are answered from roll-ups, which follow a commit by a moment.
            if not engine.settle(_ROLL_UP_S):
                raise GatewayFault("the store is still busy with what was recorded; try again in a moment")
            yield _Embedded(Queries(engine))
        finally:
            ingest.close()
    finally:
        engine.close()


class _Remote:
    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway

    def sessions(self, ask: SessionsAsk) -> SessionsPage:
        query = {
            "limit": str(ask.limit),
            "offset": str(ask.offset),
            "sort_by": ask.sort_by,
            "sort_order": "desc" if ask.descending else "asc",
            "search": ask.search or "",
            "user_id": ask.user_id or "",
            "state": ask.state or "",
            "include_implicit": "true" if ask.include_implicit else "",
        }
        told = urlencode({name: value for name, value in query.items() if value})
        return cast("SessionsPage", self._gateway.get(f"/v1/sessions?{told}"))

    def session(self, session_id: str) -> SessionData | None:
        answer = self._gateway.get(f"/v1/sessions/{quote(session_id, safe='')}")
        return None if answer is None else cast("SessionData", answer["data"])


class _Embedded:
    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def sessions(self, ask: SessionsAsk) -> SessionsPage:
        page = self._queries.sessions(_PROJECT, ask)
        return cast("SessionsPage", present_page([present_session_item(session) for session in page.items], page))

    def session(self, session_id: str) -> SessionData | None:
        found = self._queries.session(_PROJECT, session_id)
        return None if found is None else present_session(found)


class _Nothing:
    """A home in which nothing was ever recorded: looking must not create a store."""

    def sessions(self, ask: SessionsAsk) -> SessionsPage:
        return {"data": [], "pagination": {"total": 0, "limit": ask.limit, "offset": ask.offset}}

    def session(self, session_id: str) -> SessionData | None:
        del session_id
        return None
