"""Points of metrics, as programs measured them: what an OpenTelemetry meter sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.span import Json

__all__ = [
    "ExponentialHistogram",
    "Histogram",
    "Instrument",
    "MetricPoint",
    "Number",
    "PointsAsk",
    "Summary",
    "Temporality",
]

Temporality = Literal["unspecified", "delta", "cumulative"]


@dataclass(frozen=True, slots=True)
class Number:
    """A point of a gauge or a sum; without a value when the meter has nothing to say."""

    value: int | float | None


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values lay between some bounds: one bucket more than bounds, or none at all."""

    count: int
    total: float | None
    least: float | None
    most: float | None
    bounds: tuple[float, ...]
    buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExponentialHistogram:
    """The same with bounds that grow by a factor, which `scale` says; the first bucket lies at the offset."""

    count: int
    total: float | None
    least: float | None
    most: float | None
    scale: int
    zero_count: int
    zero_threshold: float
    offset: int
    buckets: tuple[int, ...]
    negative_offset: int
    negative_buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Quantiles that the program computed itself, by quantile."""

    count: int
    total: float
    quantiles: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is measured, and by which part of the program."""

    name: str
    kind: Literal["gauge", "sum", "histogram", "exponential_histogram", "summary"]
    unit: str
    description: str
    temporality: Temporality
    monotonic: bool
    scope: str
    scope_version: str
    resource: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One point of a series."""

    instrument: Instrument
    start_ns: int
    time_ns: int
    flags: int
    session_id: str
    """Of the point, else of its resource; empty when neither says one."""
    attributes: Mapping[str, Json]
    value: Number | Histogram | ExponentialHistogram | Summary
    exemplars: int
    """How many single measurements came with the point."""


@dataclass(frozen=True, slots=True)
class PointsAsk:
    """Which points, by name, then oldest first."""

    limit: int = 1000
    offset: int = 0
    name: str | None = None
    session_id: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
