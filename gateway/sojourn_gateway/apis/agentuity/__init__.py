"""Agentuity's API of sessions, threads and evaluations, at the root and once more under `/agentuity`."""

from fastapi import APIRouter

from sojourn_gateway.apis.agentuity import reads, writes
from sojourn_gateway.apis.agentuity.faults import PREFIX, PRESENTERS

__all__ = ["PRESENTERS", "router"]

router = APIRouter()
for _prefix in ("", PREFIX):
    router.include_router(writes.router, prefix=_prefix)
    router.include_router(reads.router, prefix=_prefix)
