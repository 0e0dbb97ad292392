"""What can go wrong in the gateway, in words for the person or program that asked."""

from __future__ import annotations

__all__ = ["EngineHeld", "GatewayFault", "Malformed", "Overloaded", "TooLarge"]


class GatewayFault(Exception):
    """A fault whose message may be shown to whoever asked."""


class Malformed(GatewayFault):
    """The body is no OTLP request that can be understood; nothing of it was kept."""


class TooLarge(GatewayFault):
    """The body is larger than the limit, compressed or not; nothing of it was kept."""


class Overloaded(GatewayFault):
    """Too much waits to be written: send again after `retry_after_s` seconds. Nothing was kept."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many batches wait to be written; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class EngineHeld(GatewayFault):
    """Another process has the embedded engine open."""
