"""How often one caller may ask: the contract's headers, and its answer to those who ask more often."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limits import parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from sojourn_gateway.asgi.faults import HttpFault
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Standing", "Throttle"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands in the present window."""

    limit: int
    window_s: int
    remaining: int
    reset_s: int
    """Seconds until the window is over."""

    def headers(self) -> dict[str, str]:
        """What every answer to the caller says."""
        return {
            "RateLimit-Policy": f"{self.limit};w={self.window_s}",
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }


class Throttle:
    """One limit for each caller apart, counted in memory or in Redis. Any thread may ask."""

    def __init__(self, rate: str, store: str = "memory://", *, now_s: Callable[[], float] = time.time) -> None:
        """`rate` is such as `6000/minute`. Raises `GatewayFault` for one, or a store, that cannot be."""
        try:
            self._item = parse(rate)
        except ValueError:
            raise GatewayFault(f"SOJOURN_RATE_LIMIT must be such as 6000/minute, or off, not {rate!r}") from None
        try:
            self._storage = storage_from_string(store)
        except (ConfigurationError, ValueError):
            raise GatewayFault("SOJOURN_RATE_STORE must be such as redis://host:6379/0") from None
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._now_s = now_s
        self.waits = not store.startswith("memory:")
        """Whether asking may wait for another machine."""

    def close(self) -> None:
        """Leave the store; a later question comes back to it."""
        # The client of a store on another machine; the memory has none.
        leave = getattr(getattr(self._storage, "storage", None), "close", None)
        if callable(leave):
            leave()

    def count(self, caller: str) -> Standing:
        """Count one request of a caller. Raises `HttpFault` when it is one too many, and `GatewayFault`."""
        try:
            taken = self._limiter.hit(self._item, caller)
            window = self._limiter.get_window_stats(self._item, caller)
        except (StorageError, OSError) as fault:
            raise GatewayFault("the store of rate limits does not answer") from fault
        except Exception as fault:
            # The clients of stores have exceptions of their own, which are loaded only with them.
            if type(fault).__module__.split(".")[0] in ("redis", "valkey"):
                raise GatewayFault("the store of rate limits does not answer") from fault
            raise
        reset_s = max(0, math.ceil(window.reset_time - self._now_s()))
        standing = Standing(self._item.amount, self._item.get_expiry(), window.remaining, reset_s)
        if not taken:
            wait_s = max(1, reset_s)
            raise HttpFault(
                429,
                "rate_limited",
                f"more than {self._item.amount} requests in {self._item.get_expiry()} s; try again in {wait_s} s",
                headers={**standing.headers(), "Retry-After": str(wait_s)},
                retry_after_seconds=wait_s,
            )
        return standing
