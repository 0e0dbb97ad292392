"""What many calls come to: counts, tokens, money, latencies, over a span of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sojourn_gateway.model.usage import Cost, Tokens
    from sojourn_gateway.model.where import Where

__all__ = ["Bucket", "GroupBy", "Latency", "Measure", "Metrics", "MetricsAsk"]

GroupBy = Literal["model", "user", "tool", "state"]
Bucket = Literal["hour", "day"]


@dataclass(frozen=True, slots=True)
class MetricsAsk:
    """Which calls: those that started between two moments, both included, and meet the filter over spans."""

    since_ns: int
    until_ns: int
    bucket: Bucket = "hour"
    group_by: GroupBy | None = None
    where: Where | None = None
    groups: int | None = None
    """At most this many groups, the largest; None for all."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Of calls that have ended, in milliseconds; 0 when there are none."""

    mean: float
    p50: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Measure:
    """Some calls, each counted once; what a wrapper repeats of its child's usage is not added."""

    requests: int
    errors: int
    tokens: Tokens
    cost: Cost
    latency: Latency
    users: int
    models: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """Model calls as a whole, by time, and by what was asked; with groups by tool these are calls of tools."""

    summary: Measure
    series: tuple[tuple[int, Measure], ...]
    """By the start of the bucket, in nanoseconds, oldest first; those without a call are left out."""
    groups: tuple[tuple[str, Measure], ...] | None = None
    """The largest first; None when no grouping was asked for."""
