"""AgentOps' APIs: `/v2` of its session era, `/v3`, `/v4` and `/public/v1` of its trace era."""

from fastapi import APIRouter

from sojourn_gateway.apis.agentops import auth, reads, traces, uploads, writes
from sojourn_gateway.apis.agentops.door import Door
from sojourn_gateway.apis.agentops.faults import PRESENTERS

__all__ = ["PRESENTERS", "Door", "router"]

router = APIRouter()
router.include_router(writes.router)
router.include_router(reads.router)
router.include_router(auth.router)
router.include_router(uploads.router)
router.include_router(traces.router)
