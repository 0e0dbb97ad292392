"""Metrics on their way in. They are few beside spans, so that Python reads them."""

from __future__ import annotations

import time
from hashlib import blake2b
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from sojourn import semconv
from sojourn_gateway.engine import wire
from sojourn_gateway.engine.dialects import SESSIONS
from sojourn_gateway.engine.metric_points import POINT_COLUMNS, insert_points
from sojourn_gateway.engine.values import as_json, key_values, valid_text
from sojourn_gateway.ingest.ingest import Receipt
from sojourn_gateway.model.faults import Malformed, Overloaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.protobuf.message import Message

    from sojourn_gateway.engine import Engine

__all__ = ["AT_ONCE", "MOST_POINTS", "PATIENCE_S", "Pointbook"]

MOST_POINTS: Final = 100_000
"""Of one request."""
AT_ONCE: Final = 4
"""So many requests are written, or wait for the store, at one time."""
PATIENCE_S: Final = 1.0
"""So long others wait for their turn."""

_KINDS: Final = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_EMPTY: Final[dict[str, Any]] = {
    "integer": None,
    "double": None,
    "count": 0,
    "total": None,
    "least": None,
    "most": None,
    "scale": 0,
    "zero_count": 0,
    "zero_threshold": 0.0,
    "offset": 0,
    "buckets": (),
    "negative_offset": 0,
    "negative_buckets": (),
    "bounds": (),
    "quantiles": (),
    "exemplars": (),
}
_NOT_OTLP: Final = "the body is no OTLP metrics request in protobuf"


class Pointbook:
    """Keeps the points of metrics."""

    def __init__(self, engine: Engine, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        """Keep in `engine`, which stays the caller's."""
        self._engine = engine
        self._now_ns = now_ns
        self._turns = BoundedSemaphore(AT_ONCE)

    def keep(self, project: str, body: bytes) -> Receipt:
        """Keep the points of an OTLP metrics request in protobuf. Returns when they would survive a crash.

        A point that is sent again replaces the one that is there. Raises `Malformed` when the body is no such request;
        points beyond `MOST_POINTS` are left out, and the receipt says so. Raises `Overloaded` when others wait already.
        """
        points, beyond = read_points(body)
        if points:
            # While the store rests, for a backup, nobody else shall lack the threads that would wait here.
            if not self._turns.acquire(timeout=PATIENCE_S):
                raise Overloaded(retry_after_s=1)
            try:
                insert_points(self._engine, project, self._now_ns(), points)
            finally:
                self._turns.release()
        reason = f"a request may hold {MOST_POINTS:,} points; send smaller batches"
        return Receipt(len(points), ((beyond, reason),) if beyond else ())


def read_points(body: bytes) -> tuple[list[list[Any]], int]:
    """The points of a request, `POINT_COLUMNS` each, and how many more there were than may be."""
    try:
        request = wire.METRICS.FromString(body)
    except DecodeError as fault:
        raise Malformed(_NOT_OTLP) from fault
    if not wire.field(request, "resource_metrics") and len(UnknownFieldSet(request)) > 0:
        raise Malformed(_NOT_OTLP)
    points: list[list[Any]] = []
    beyond = 0
    for by_resource in wire.field(request, "resource_metrics"):
        resource = _of_resource(by_resource.resource)
        for by_scope in by_resource.scope_metrics:
            scope = {
                "scope": by_scope.scope.name,
                "scope_version": by_scope.scope.version,
                "scope_attributes": _serialised(by_scope.scope.attributes),
            }
            for metric in by_scope.metrics:
                of_metric, several = _of_metric(metric)
                room = MOST_POINTS - len(points)
                beyond += max(0, len(several) - room)
                points.extend(_point(resource | scope | of_metric, one) for one in several[: max(room, 0)])
    return points, beyond


def _of_resource(resource: Any) -> dict[str, Any]:  # a message whose class is made at run time, as below
    attributes = key_values(resource.attributes)
    told = (as_json(attributes.get(key) or "") for key in SESSIONS)
    return {
        "resource": resource.SerializeToString(deterministic=True),
        "service": as_json(attributes.get(semconv.SERVICE_NAME) or "").encode(),
        "session_id": next((one for one in told if one), "").encode(),
    }


def _of_metric(metric: Any) -> tuple[dict[str, Any], list[Any]]:
    kind = metric.WhichOneof("data")
    if kind is None:
        return {}, []
    data = getattr(metric, kind)
    told = {
        "name": metric.name,
        "kind": kind.encode(),
        "unit": metric.unit,
        "description": metric.description,
        "temporality": _small(data.aggregation_temporality) if kind not in ("gauge", "summary") else 0,
        "monotonic": data.is_monotonic if kind == "sum" else False,
        "metadata": _serialised(metric.metadata),
    }
    return told, list(data.data_points)


def _point(common: dict[str, Any], point: Any) -> list[Any]:
    attributes = _serialised(point.attributes)
    told = {
        **_EMPTY,
        **common,
        "time_ns": point.time_unix_nano,
        "start_ns": point.start_time_unix_nano,
        "flags": point.flags,
        "attributes": attributes,
        "session_id": _session(point.attributes) or common["session_id"],
        **_value(common["kind"].decode(), point),
    }
    if common["kind"] != b"summary":
        told["exemplars"] = _serialised(point.exemplars)
    told["uid"] = _uid(told, attributes)
    return [told[column] for column in POINT_COLUMNS]


def _value(kind: str, point: Any) -> dict[str, Any]:
    if kind in ("gauge", "sum"):
        which = point.WhichOneof("value")
        return {
            "integer": point.as_int if which == "as_int" else None,
            "double": point.as_double if which == "as_double" else None,
        }
    if kind == "summary":
        return {
            "count": point.count,
            "total": point.sum,
            "bounds": [one.quantile for one in point.quantile_values],
            "quantiles": [one.value for one in point.quantile_values],
        }
    told = {
        "count": point.count,
        "total": _said(point, "sum"),
        "least": _said(point, "min"),
        "most": _said(point, "max"),
    }
    if kind == "histogram":
        return told | {"bounds": list(point.explicit_bounds), "buckets": list(point.bucket_counts)}
    return told | {
        "scale": point.scale,
        "zero_count": point.zero_count,
        "zero_threshold": point.zero_threshold,
        "offset": point.positive.offset,
        "buckets": list(point.positive.bucket_counts),
        "negative_offset": point.negative.offset,
        "negative_buckets": list(point.negative.bucket_counts),
    }


def _uid(told: dict[str, Any], attributes: list[bytes]) -> bytes:
    """What makes a point the same point when it is sent again: its series and its time, not its value."""
    found = blake2b(digest_size=16)
    series = (told["kind"], told["unit"], told["resource"], told["scope"], told["scope_version"])
    for part in (*series, bytes((told["temporality"], told["monotonic"])), *sorted(attributes)):
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.digest()


def _session(attributes: Any) -> bytes:
    for key in SESSIONS:
        name = key.encode()
        for pair in attributes:
            if pair.key == name and pair.value.string_value:
                said: bytes = pair.value.string_value
                return valid_text(said)[:512].encode()
    return b""


def _serialised(messages: Iterable[Message]) -> list[bytes]:
    return [message.SerializeToString(deterministic=True) for message in messages]


def _said(point: Any, name: str) -> float | None:
    return getattr(point, name) if point.HasField(name) else None


def _small(number: int) -> int:
    return number if 0 <= number < 256 else 0
