"""What `/v1` says of the gateway itself: its health, its prices, and what it has not."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from sojourn import prices
from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.asgi.services import Serving  # noqa: TC001  # FastAPI reads the annotation at run time
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["router"]

_HOSTED: Final = ("alerts", "apps", "connect", "deployments", "environments")
_DAY_S: Final = 86_400
_THOUSANDTH: Final = 1000
"""Prices are per million tokens here, and per thousand in the contract."""

router = APIRouter()


@router.get("/v1/pricing")
async def pricing() -> Response:
    """US dollars per 1000 tokens, by model."""
    told = await run_in_threadpool(_price_list, time.time_ns() // (_DAY_S * 1_000_000_000))
    return JSONResponse(told, headers={"Cache-Control": f"public, max-age={_DAY_S}"})


@router.get("/v1/health/ingestion")
async def health_of_ingestion(serving: Serving) -> Response:
    """Whether spans can be taken in: the store, and the records of keys."""
    checks: dict[str, Callable[[], object]] = {
        "engine": lambda: serving.queries.facts(serving.project),
        "records": serving.records.open,
    }
    return await run_in_threadpool(_health, "ingestion", checks)


@router.get("/v1/health/files")
async def health_of_files(serving: Serving) -> Response:
    """Whether prompts and datasets can be read."""
    # Names alone: whoever asks bears no key, and must not have all files read.
    return await run_in_threadpool(_health, "files", {"folder": serving.folders.of(serving.project).prompts})


async def _elsewhere() -> Response:
    hint = "keys, queues, datasets and experiments are here; GET /v1/capabilities says what else"
    raise HttpFault(501, "not_available_locally", "the hosted product has this, a gateway of yours has not", hint=hint)


for _name in _HOSTED:
    for _path in (f"/v1/{_name}", f"/v1/{_name}/{{rest:path}}"):
        router.add_api_route(
            _path, _elsewhere, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False
        )


@lru_cache(maxsize=1)
def _price_list(day: int) -> dict[str, dict[str, float]]:
    # Prices may depend on the hour; a list that is good for a day is of its begin.
    found = prices.listed(day * _DAY_S * 1_000_000_000)
    return {
        model: {
            "promptPrice": float(rates.input / _THOUSANDTH),
            "completionPrice": float(rates.output / _THOUSANDTH),
        }
        for model, rates in found
    }


def _health(service: str, checks: dict[str, Callable[[], object]]) -> Response:
    told = list[dict[str, Any]]()
    for name, check in checks.items():
        began = time.monotonic()
        try:
            check()
            status = "healthy"
        except (GatewayFault, OSError):
            status = "unhealthy"
        told.append({"name": name, "status": status, "latencyMs": round((time.monotonic() - began) * 1000, 3)})
    bad = [one for one in told if one["status"] != "healthy"]
    stands = "healthy" if not bad else "unhealthy" if len(bad) == len(told) else "degraded"
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = {"status": stands, "timestamp": moment, "service": service, "dependencies": told}
    return JSONResponse(answer, status_code=200 if not bad else 503)
