"""Metrics, scores in sum, and what can be filtered by, in the words of `/v1`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway.model.where import DYNAMIC, FIELDS, MOST_PREDICATES, MOST_VALUES, OPERATORS

if TYPE_CHECKING:
    from sojourn_gateway.model.metrics import Measure, Metrics
    from sojourn_gateway.model.score import ScoreSummary
    from sojourn_gateway.model.where import Resource

__all__ = ["present_filter_schema", "present_metrics", "present_score_summary"]

_RESOURCES: Final[tuple[Resource, ...]] = ("traces", "spans", "sessions", "scores")


def present_metrics(metrics: Metrics, *, extended: bool) -> dict[str, Any]:
    """Sums and series; groups only when they were asked for."""
    summary = metrics.summary
    told: dict[str, Any] = {
        "summary": {
            "total_requests": summary.requests,
            "success_count": summary.requests - summary.errors,
            "error_count": summary.errors,
            "total_cost": _cost(summary),
            "total_tokens": summary.tokens.total,
            "input_tokens": summary.tokens.input,
            "output_tokens": summary.tokens.output,
            "avg_latency_ms": summary.latency.mean,
            "unique_users": summary.users,
            **_ours(summary),
        },
        "time_series": [{**_moment(start_ns), **_point(measure)} for start_ns, measure in metrics.series],
    }
    if extended:
        calls = max(summary.requests, 1)
        told["summary"] |= {
            "avg_cost_per_request": _cost(summary) / calls,
            "avg_input_tokens_per_request": summary.tokens.input / calls,
            "avg_output_tokens_per_request": summary.tokens.output / calls,
            "avg_total_tokens_per_request": summary.tokens.total / calls,
            "model_count": summary.models,
        }
    if metrics.groups is not None:
        told["groups"] = [{"key": key, **_point(measure)} for key, measure in metrics.groups]
    return told


def present_score_summary(summary: ScoreSummary) -> dict[str, Any]:
    """The scores of one name in sum."""
    return {
        "name": summary.name,
        "avg_score": summary.mean,
        "count": summary.count,
        "min_score": summary.least,
        "max_score": summary.most,
    }


def present_filter_schema() -> dict[str, Any]:
    """Each resource's fields with the operators that they take."""
    return {
        "resources": {
            resource: {
                "fields": [
                    {"name": name, "kind": kind, "operators": list(OPERATORS[kind])}
                    for name, kind in FIELDS[resource].items()
                ],
                "dynamic_fields": [
                    {
                        "pattern": f"{family.prefix}<{'name' if family.kind == 'score' else 'key'}>",
                        "key_pattern": f"^{family.key_pattern}$",
                        "kind": family.kind,
                        "operators": list(OPERATORS[family.kind]),
                    }
                    for family in DYNAMIC[resource]
                ],
                "limits": {"max_predicates": MOST_PREDICATES, "max_in_values": MOST_VALUES},
            }
            for resource in _RESOURCES
        }
    }


def _point(measure: Measure) -> dict[str, Any]:
    return {
        "requests": measure.requests,
        "successes": measure.requests - measure.errors,
        "errors": measure.errors,
        "cost": _cost(measure),
        "tokens": measure.tokens.total,
        "input_tokens": measure.tokens.input,
        "output_tokens": measure.tokens.output,
        "avg_latency_ms": measure.latency.mean,
        "unique_users": measure.users,
        **_ours(measure),
    }


def _ours(measure: Measure) -> dict[str, Any]:
    latency = measure.latency
    return {
        "latency_ms": {"p50": latency.p50, "p90": latency.p90, "p95": latency.p95, "p99": latency.p99},
        "cost_usd": None if measure.cost.usd is None else f"{measure.cost.usd:f}",
        "unpriced": measure.cost.unpriced,
        "cache_read_tokens": measure.tokens.cache_read,
        "cache_write_tokens": measure.tokens.cache_write,
        "reasoning_tokens": measure.tokens.reasoning,
    }


def _cost(measure: Measure) -> float:
    return 0.0 if measure.cost.usd is None else float(measure.cost.usd)


def _moment(start_ns: int) -> dict[str, Any]:
    moment = datetime.fromtimestamp(start_ns // 1_000_000_000, UTC)
    return {"date": f"{moment:%Y-%m-%d}", "hour": moment.hour}
