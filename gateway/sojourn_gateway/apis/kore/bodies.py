"""Bodies of Kore's requests: JSON objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from starlette.concurrency import run_in_threadpool

from sojourn_gateway.apis.agentops.json_text import parse_json
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.ingest.agentops_rows import as_text

if TYPE_CHECKING:
    from fastapi import Request

    from sojourn_gateway.asgi.services import Services

__all__ = ["read_object"]

_MOST_BYTES: Final = 1024 * 1024
"""So few that they cannot unfold to more than `check_weight` lets pass."""


async def read_object(request: Request, serving: Services) -> dict[str, Any]:
    """The body, of at most 1 MB, as an object. Raises `HttpFault` when it is none; as `Intake.body` does."""
    async with serving.intake.body(request, _MOST_BYTES) as body:
        # A large one must not keep all others waiting.
        return await run_in_threadpool(_parsed, body)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        # Twice, so that half a surrogate pair, which neither UTF-8 nor the store can say, goes no farther.
        told = parse_json(as_text(parse_json(body)))
    except ValueError:
        raise HttpFault(400, "BAD_REQUEST", "the body is no JSON") from None
    if not isinstance(told, dict):
        raise HttpFault(400, "BAD_REQUEST", "the body must be a JSON object")
    return cast("dict[str, Any]", told)
