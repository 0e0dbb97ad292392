"""Findings: what a rule has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sojourn_gateway.apis.kore.analysis.sums import Sums
    from sojourn_gateway.model.thresholds import Thresholds

__all__ = ["Anomaly", "Severity", "Suggestion", "present_anomaly", "present_suggestion"]

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something odd about how decisions were made."""

    kind: str
    severity: Severity
    message: str
    span_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What could be done with less. The id names the rule and what it speaks of."""

    id: str
    title: str
    detail: str
    span_ids: tuple[str, ...]
    saving_ms: float | None = None
    saving_usd: float | None = None


def present_anomaly(anomaly: Anomaly) -> dict[str, Any]:
    """An item of `decisionAnomalies`."""
    return {
        "kind": anomaly.kind,
        "severity": anomaly.severity,
        "message": anomaly.message,
        "spanIds": list(anomaly.span_ids),
    }


def present_suggestion(suggestion: Suggestion, sums: Sums, thresholds: Thresholds) -> dict[str, Any]:
    """An item of `suggestions`: a warning when what it saves is a notable part of the session's time or cost."""
    share = thresholds.notable_share
    is_notable = _reaches(suggestion.saving_ms, sums.latency_ms * share) or _reaches(
        suggestion.saving_usd, sums.cost_usd * share
    )
    told: dict[str, Any] = {
        "id": suggestion.id,
        "severity": "warning" if is_notable else "info",
        "title": suggestion.title,
        "detail": suggestion.detail,
        "spanIds": list(suggestion.span_ids),
    }
    if suggestion.saving_ms is not None:
        told["estimatedSavingMs"] = round(suggestion.saving_ms, 3)
    if suggestion.saving_usd is not None:
        told["estimatedSavingUsd"] = round(suggestion.saving_usd, 9)
    return told


def _reaches(saving: float | None, bound: float) -> bool:
    return saving is not None and saving > 0 and saving >= bound
