"""Metrics from the engine's sums."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sojourn_gateway.engine.measuring import MEASURES, measure
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.metrics import Latency, Measure, Metrics
from sojourn_gateway.model.usage import Cost, Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine import Engine
    from sojourn_gateway.model.metrics import MetricsAsk

__all__ = ["read_metrics"]

_NOTHING = Measure(0, 0, Tokens(), Cost(), Latency(0, 0, 0, 0, 0), 0, 0)


def read_metrics(engine: Engine, project: str, ask: MetricsAsk, silent_before_ns: int) -> Metrics:
    """The metrics that were asked for."""
    whole = _NOTHING
    series: list[tuple[int, Measure]] = []
    groups: list[tuple[str, Measure]] = []
    for part, bucket, key, *told in measure(engine, project, ask, silent_before_ns):
        match text(part):
            case "time":
                series.append((bucket, _measure(told)))
            case "group":
                groups.append((text(key), _measure(told)))
            case _:
                whole = _measure(told)
    return Metrics(whole, tuple(series), tuple(groups) if ask.group_by is not None else None)


def _measure(row: Sequence[Any]) -> Measure:
    told = dict(zip(MEASURES, row, strict=True))
    return Measure(
        requests=told["requests"],
        errors=told["errors"],
        tokens=Tokens(
            input=told["input_tokens"],
            output=told["output_tokens"],
            cache_read=told["cache_read"],
            cache_write=told["cache_write"],
            reasoning=told["reasoning"],
        ),
        cost=Cost(usd=told["cost"].normalize() if told["priced"] else None, unpriced=told["unpriced"]),
        latency=Latency(_finite(told["mean"]), *map(_finite, told["quantiles"])),
        users=told["users"],
        models=told["models"],
    )


def _finite(number: float) -> float:
    return number if math.isfinite(number) else 0.0
