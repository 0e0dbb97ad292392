"""Kore: the list of sessions, what a session comes to, its events, the ledger of calls, and the table."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from tests.gateway.crosscheck.door import Reader
from tests.gateway.crosscheck.facts import amount, ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.gateway.crosscheck.door import Written
    from tests.gateway.crosscheck.facts import Fact, Told

__all__ = ["KORE_READERS"]

_STATES: Final = {
    "completed": "Success",
    "failed": "Fail",
    # The public analytics have no word for a session that failed.
    "abandoned": "Fail",
    "ended": "Indeterminate",
    "active": "open",
    "idle": "open",
}


def _get(written: Written, rest: str, **query: Any) -> dict[str, Any]:
    answer = written.gateway.get(f"/api/projects/{quote(written.gateway.project, safe='')}/sessions{rest}", **query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert told["success"] is True
    return told


def _of_session(written: Written, rest: str = "", **query: Any) -> dict[str, Any]:
    return _get(written, f"/{quote(written.session_id, safe='')}{rest}", **query)


def _listed(written: Written) -> Told:
    found = _get(written, "", limit=200)["sessions"]
    return _of_line(next(one for one in found if one["id"] == written.session_id))


def _one(written: Written) -> Told:
    return _of_line(_of_session(written)["session"])


def _of_line(line: dict[str, Any]) -> Told:
    return {
        "errors": line["errorCount"],
        "all tokens": line["tokenCount"],
        "cost": amount([line["estimatedCost"]]),
        "start": ms(line["createdAt"]),
        "end": ms(line["endedAt"]),
        "state": _STATES[line["status"]],
    }


def _metrics(written: Written) -> Told:
    told = _of_session(written, "/metrics")["metrics"]
    assert len(told["llmCalls"]) == told["llmCallCount"]
    return {
        "turns": told["turnCount"],
        "model calls": told["llmCallCount"],
        "tool calls": told["toolCallCount"],
        "errors": told["errorCount"],
        "input tokens": told["inputTokens"],
        "output tokens": told["outputTokens"],
        "all tokens": told["totalTokens"],
        "cost": amount([told["estimatedCost"]]),
    }


def _events(written: Written) -> Told:
    found: list[dict[str, Any]] = _of_session(written, "/traces")["traces"]
    calls = [one["data"] for one in found if one["type"] == "llm_call"]
    paid = [one["data"].get("estimatedCost") for one in found if one["type"] in ("llm_call", "tool_result")]
    return {
        "turns": len({one["traceId"] for one in found}),
        "model calls": len(calls),
        "tool calls": sum(one["type"] == "tool_call" for one in found),
        "errors": sum(one["type"] == "error" for one in found),
        **_usage([call.get("usage", {}) for call in calls]),
        "cost": amount(paid),
    }


def _ledger(written: Written) -> Told:
    """All calls of the project are this session's."""
    told = _get(written, "/generations", limit=200)
    calls: list[dict[str, Any]] = told["generations"]
    assert {call["sessionId"] for call in calls} <= {written.session_id}
    return {"model calls": told["total"], **_usage(calls)}


def _usage(calls: Sequence[dict[str, Any]]) -> Told:
    return {
        "input tokens": sum(call.get("inputTokens", 0) for call in calls),
        "output tokens": sum(call.get("outputTokens", 0) for call in calls),
        "cached tokens": sum(call.get("cachedTokens", 0) for call in calls),
        "reasoning tokens": sum(call.get("reasoningTokens", 0) for call in calls),
        "all tokens": sum(call.get("totalTokens", 0) for call in calls),
    }


def _table(written: Written) -> Told:
    project = quote(written.gateway.project, safe="")
    answer = written.gateway.get(f"/api/projects/{project}/sessions/export", format="csv", sessionId=written.session_id)
    assert answer.status_code == 200, answer.text
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    return {
        "turns": len({row["traceId"] for row in rows}),
        "model calls": sum(row["type"] == "llm_call" for row in rows),
        "tool calls": sum(row["type"] == "tool_call" for row in rows),
        "errors": sum(row["type"] == "error" for row in rows),
        "input tokens": sum(int(row["inputTokens"] or 0) for row in rows),
        "output tokens": sum(int(row["outputTokens"] or 0) for row in rows),
        "cost": amount(row["estimatedCost"] or 0 for row in rows),
    }


def _public(written: Written) -> Told:
    project = quote(written.gateway.project, safe="")
    answer = written.gateway.get(f"/api/public/analytics/projects/{project}/sessions", sessionIds=written.session_id)
    assert answer.status_code == 200, answer.text
    (line,) = answer.json()["sessions"]
    counts, tokens = line["traceEventCount"], line["tokenCount"]
    return {
        "model calls": counts["llm_call"],
        "tool calls": counts["tool_call"],
        "errors": counts["error"],
        "input tokens": tokens["inputTokens"],
        "output tokens": tokens["outputTokens"],
        "cached tokens": tokens["cachedTokens"],
        "reasoning tokens": tokens["reasoningTokens"],
        "all tokens": tokens["totalTokens"],
        "cost": amount([line["estimatedCost"]]),
        "start": ms(line["createdAt"]),
        "end": ms(line["endedAt"]),
        "state": _STATES[line["status"]],
    }


_NO_FIELD: Final = "no such field"
_OF_EVENTS: Final[dict[Fact, str]] = {
    "steps": "a step is one event or several, or none",
    "start": "in the list of sessions",
    "end": "in the list of sessions",
    "state": "in the list of sessions",
    "name": _NO_FIELD,
    "user": _NO_FIELD,
    "tags": _NO_FIELD,
}
_OF_LINE: Final[dict[Fact, str]] = {
    "turns": "in the metrics",
    "steps": "a step is one event or several, or none",
    "model calls": "in the metrics",
    "tool calls": "in the metrics",
    "input tokens": "in the metrics",
    "output tokens": "in the metrics",
    "cached tokens": "in the ledger",
    "reasoning tokens": "in the ledger",
    "name": _NO_FIELD,
    "user": _NO_FIELD,
    "tags": _NO_FIELD,
}
_OF_PUBLIC: Final[dict[Fact, str]] = {
    "turns": "not counted",
    "steps": "a step is one event or several, or none",
    "name": _NO_FIELD,
    "user": _NO_FIELD,
    "tags": _NO_FIELD,
}
_LEDGER: Final[dict[Fact, str]] = {"cached tokens": "in the ledger", "reasoning tokens": "in the ledger"}
_CALLS: Final = "tells of calls of models alone"
_STILL: Final[Told] = {"end": None}

KORE_READERS: Sequence[Reader] = (
    Reader("kore-sessions", "Kore `…/sessions`", _listed, _OF_LINE, while_open=_STILL),
    Reader("kore-session", "Kore `…/sessions/<id>`", _one, _OF_LINE, while_open=_STILL),
    Reader("kore-metrics", "Kore `…/metrics`", _metrics, {**_OF_EVENTS, **_LEDGER}),
    Reader("kore-events", "Kore `…/traces`", _events, _OF_EVENTS),
    Reader(
        "kore-ledger",
        "Kore `…/generations`",
        _ledger,
        {**_OF_EVENTS, "turns": _CALLS, "tool calls": _CALLS, "errors": _CALLS, "cost": _CALLS},
    ),
    Reader(
        "kore-table",
        "Kore `…/export`",
        _table,
        {**_OF_EVENTS, **_LEDGER, "all tokens": "told by direction"},
    ),
    Reader("kore-public", "Kore's public analytics, `/sessions`", _public, _OF_PUBLIC, while_open=_STILL),
)
