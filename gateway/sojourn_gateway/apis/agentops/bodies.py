"""Bodies of AgentOps' requests: JSON objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentops.faults import bad_request
from sojourn_gateway.apis.agentops.json_text import parse_json
from sojourn_gateway.ingest.json_weight import check_weight

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

    from sojourn_gateway.asgi.services import Services
    from sojourn_gateway.model.span import Json

__all__ = ["member", "read_json"]


async def read_json(request: Request, serving: Services, limit: int | None = None) -> Mapping[str, Json]:
    """The body, of at most `limit` bytes, as an object. Raises `HttpFault` when it is none; as `Intake.body` does."""
    async with serving.intake.body(request, limit) as body:
        # A large one must not keep all others waiting.
        return await run_in_threadpool(_parsed, body)


def member(told: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    """A member that is an object. Raises `HttpFault` when it is none."""
    found = told.get(name)
    if not isinstance(found, dict):
        raise bad_request(f"`{name}` must be an object")
    return cast("dict[str, Any]", found)


def _parsed(body: bytes) -> Mapping[str, Json]:
    check_weight(body)
    try:
        told = parse_json(body)
    except ValueError:
        raise bad_request("Invalid JSON in the body") from None
    if not isinstance(told, dict):
        raise bad_request("The body must be a JSON object")
    return cast("dict[str, Any]", told)
