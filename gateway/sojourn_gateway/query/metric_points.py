"""Points of metrics as they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from google.protobuf.message import DecodeError

from sojourn_gateway.engine import wire
from sojourn_gateway.engine.metric_points import POINT_COLUMNS, list_points
from sojourn_gateway.engine.values import key_values, text
from sojourn_gateway.model.metric_point import (
    ExponentialHistogram,
    Histogram,
    Instrument,
    MetricPoint,
    Number,
    Summary,
    Temporality,
)
from sojourn_gateway.model.page import Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.model.metric_point import PointsAsk
    from sojourn_gateway.model.span import Json

__all__ = ["read_points"]

_TEMPORALITY: Final[dict[int, Temporality]] = {1: "delta", 2: "cumulative"}


def read_points(engine: Engine, project: str, ask: PointsAsk) -> Page[MetricPoint]:
    """A page of points, by name, then oldest first. `total` is exact."""
    rows, total = list_points(engine, project, ask)
    return Page(tuple(map(_point, rows)), total, ask.limit, ask.offset)


def _point(row: Row) -> MetricPoint:
    told = dict[str, Any](zip(POINT_COLUMNS, row, strict=True))
    instrument = Instrument(
        name=text(told["name"]),
        kind=cast("Any", text(told["kind"])),
        unit=text(told["unit"]),
        description=text(told["description"]),
        temporality=_TEMPORALITY.get(told["temporality"], "unspecified"),
        monotonic=told["monotonic"],
        scope=text(told["scope"]),
        scope_version=text(told["scope_version"]),
        resource=_resource(told["resource"]),
    )
    return MetricPoint(
        instrument=instrument,
        start_ns=told["start_ns"],
        time_ns=told["time_ns"],
        flags=told["flags"],
        session_id=text(told["session_id"]),
        attributes=_attributes(told["attributes"]),
        value=_value(instrument.kind, told),
        exemplars=len(told["exemplars"]),
    )


def _value(kind: str, told: Mapping[str, Any]) -> Number | Histogram | ExponentialHistogram | Summary:
    match kind:
        case "gauge" | "sum":
            return Number(told["integer"] if told["integer"] is not None else told["double"])
        case "histogram":
            return Histogram(
                count=told["count"],
                total=told["total"],
                least=told["least"],
                most=told["most"],
                bounds=tuple(told["bounds"]),
                buckets=tuple(told["buckets"]),
            )
        case "exponential_histogram":
            return ExponentialHistogram(
                count=told["count"],
                total=told["total"],
                least=told["least"],
                most=told["most"],
                scale=told["scale"],
                zero_count=told["zero_count"],
                zero_threshold=told["zero_threshold"],
                offset=told["offset"],
                buckets=tuple(told["buckets"]),
                negative_offset=told["negative_offset"],
                negative_buckets=tuple(told["negative_buckets"]),
            )
        case _:
            return Summary(told["count"], told["total"], tuple(zip(told["bounds"], told["quantiles"], strict=True)))


def _attributes(pairs: Iterable[bytes]) -> Mapping[str, Json]:
    return key_values(wire.KEY_VALUE.FromString(pair) for pair in pairs)


def _resource(data: bytes) -> Mapping[str, Json]:
    try:
        return key_values(wire.field(wire.RESOURCE.FromString(data), "attributes"))
    except DecodeError:
        return {}
