"""Points of metrics, as `/v1/metrics/points` tells them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, assert_never

from sojourn_gateway.apis.agentmark.present import present_time
from sojourn_gateway.model.metric_point import ExponentialHistogram, Histogram, Number, Summary

if TYPE_CHECKING:
    from sojourn_gateway.apis.agentmark.shapes import PointItem
    from sojourn_gateway.model.metric_point import MetricPoint

__all__ = ["present_point"]


def present_point(point: MetricPoint) -> PointItem:
    """One point. Numbers that JSON lacks are told by their names: NaN, Infinity, -Infinity."""
    instrument, value = point.instrument, point.value
    return {
        "name": instrument.name,
        "kind": instrument.kind,
        "unit": instrument.unit,
        "description": instrument.description,
        "temporality": instrument.temporality,
        "monotonic": instrument.monotonic,
        "start": present_time(point.start_ns) if point.start_ns else None,
        "timestamp": present_time(point.time_ns),
        "session_id": point.session_id or None,
        "attributes": dict(point.attributes),
        "value": _number(value.value) if isinstance(value, Number) else None,
        "distribution": None if isinstance(value, Number) else _distribution(value),
        "exemplars": point.exemplars,
        "scope": instrument.scope,
        "scope_version": instrument.scope_version,
        "resource": dict(instrument.resource),
    }


def _distribution(value: Histogram | ExponentialHistogram | Summary) -> dict[str, Any]:
    match value:
        case Histogram():
            return {
                **_measured(value),
                "bounds": [_number(one) for one in value.bounds],
                "bucket_counts": list(value.buckets),
            }
        case ExponentialHistogram():
            return {
                **_measured(value),
                "scale": value.scale,
                "zero_count": value.zero_count,
                "zero_threshold": _number(value.zero_threshold),
                "positive": {"offset": value.offset, "bucket_counts": list(value.buckets)},
                "negative": {"offset": value.negative_offset, "bucket_counts": list(value.negative_buckets)},
            }
        case Summary():
            quantiles = [{"quantile": _number(at), "value": _number(one)} for at, one in value.quantiles]
            return {"count": value.count, "sum": _number(value.total), "quantiles": quantiles}
        case _:
            assert_never(value)


def _measured(value: Histogram | ExponentialHistogram) -> dict[str, Any]:
    told = {"sum": value.total, "min": value.least, "max": value.most}
    return {"count": value.count, **{name: _number(one) for name, one in told.items()}}


def _number(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
