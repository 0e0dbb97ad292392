"""What a list of sessions asks of the store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sojourn_gateway.apis.kore.parse import located
from sojourn_gateway.apis.kore.states import standing
from sojourn_gateway.model.where import AllOf

if TYPE_CHECKING:
    from sojourn_gateway.apis.kore.parse import Listing
    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.session import SessionsAsk
    from sojourn_gateway.model.where import Where

__all__ = ["question"]


def question(serving: Services, listing: Listing) -> SessionsAsk:
    """The question to the store."""
    ask = listing.ask
    ways: list[Where] = [] if ask.where is None else [ask.where]
    if listing.environment is not None:
        ways.append(located(serving, listing.environment))
    if listing.statuses:
        ways.append(standing(serving, listing.statuses))
    return replace(ask, where=AllOf(tuple(ways)) if ways else None)
