"""Kore.ai's trace API: sessions and what happened in them, as events."""

from fastapi import APIRouter

from sojourn_gateway.apis.kore import analytics, sessions
from sojourn_gateway.apis.kore.faults import PRESENTERS

__all__ = ["PRESENTERS", "router"]

router = APIRouter()
router.include_router(sessions.router)
router.include_router(analytics.router)
