"""Ids of spans and traces, apart from the random numbers of the program."""

from __future__ import annotations

from opentelemetry.sdk.trace.id_generator import IdGenerator

from sojourn.clock import random_bits

__all__ = ["SpanIds"]


class SpanIds(IdGenerator):
    """Draws from the system's own source, where OpenTelemetry's generator draws from `random`, seed and all."""

    def generate_span_id(self) -> int:
        """Eight random bytes that are not all zero."""
        return random_bits(64) or 1

    def generate_trace_id(self) -> int:
        """Sixteen random bytes that are not all zero."""
        return random_bits(128) or 1
