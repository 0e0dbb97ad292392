"""What the handlers of every surface work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote

from fastapi import Depends, Request

if TYPE_CHECKING:
    from sojourn_gateway.asgi.intake import Intake
    from sojourn_gateway.ingest import Ingest
    from sojourn_gateway.query import Queries

__all__ = ["Services", "Serving", "path_parts"]


@dataclass(frozen=True, slots=True)
class Services:
    """One gateway's insides, and the project that a request without a known key speaks of."""

    ingest: Ingest
    queries: Queries
    intake: Intake
    project: str
    version: str


# Async, although it awaits nothing: FastAPI would send a plain function through a thread.
async def _services(request: Request) -> Services:
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


Serving = Annotated[Services, Depends(_services)]


def path_parts(request: Request) -> list[str]:
    """The decoded segments of the path as it was sent, so that an id may hold an encoded `/`."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return [unquote(part) for part in raw.decode("latin-1").split("/")[1:]]
