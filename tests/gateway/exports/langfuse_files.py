"""One conversation as Langfuse writes it: by its API, in its pages' downloads and tables, and into a bucket."""

from __future__ import annotations

import json
from typing import Any

TRACE = "5f2d1c9e-6f0a-4f3e-9a55-1f0c8f3c1a77"
"""A UUID: hexadecimal, with dashes."""
SESSION = "conversation-17"
MESSAGES = [
    {"role": "system", "content": "You answer about orders."},
    {"role": "user", "content": "Where is order 4812?"},
]


def trace(**more: Any) -> dict[str, Any]:
    """A trace as the API tells it."""
    return {
        "id": TRACE,
        "timestamp": "2026-03-01T10:00:00.000Z",
        "name": "support",
        "userId": "ada",
        "sessionId": SESSION,
        "input": {"question": "Where is order 4812?"},
        "output": "It arrives on Monday.",
        "metadata": {"plan": "gold", "seats": 4},
        "tags": ["support", "orders"],
        "release": "r7",
        "version": "1.2",
        "environment": "production",
        "public": False,
        "latency": 3.5,
        "totalCost": 0.0042,
        "htmlPath": f"/project/p/traces/{TRACE}",
        **more,
    }


def generation(**more: Any) -> dict[str, Any]:
    """A call of a model as the API tells it; its id is no hexadecimal number."""
    return {
        "id": "gen-one",
        "traceId": TRACE,
        "type": "GENERATION",
        "name": "answer",
        "startTime": "2026-03-01T10:00:01.000Z",
        "endTime": "2026-03-01T10:00:03.000Z",
        "completionStartTime": "2026-03-01T10:00:01.250Z",
        "parentObservationId": "agent-one",
        "model": "gpt-4o-mini",
        "modelParameters": {"temperature": 0.2, "max_tokens": 256, "store": "yes"},
        "input": MESSAGES,
        "output": {"role": "assistant", "content": "It arrives on Monday."},
        "metadata": {"attempt": 1},
        "level": "DEFAULT",
        "statusMessage": None,
        "promptName": "support-answer",
        "promptVersion": 3,
        "usageDetails": {
            "input": 100,
            "input_cached_tokens": 20,
            "output": 30,
            "output_reasoning_tokens": 10,
            "total": 160,
        },
        "costDetails": {"input": 0.003, "output": 0.0012, "total": 0.0042},
        "usage": {"input": 120, "output": 40, "total": 160, "unit": "TOKENS"},
        "calculatedTotalCost": 0.0042,
        "latency": 2.0,
        **more,
    }


def agent() -> dict[str, Any]:
    """The agent that the call stands in."""
    return {
        "id": "agent-one",
        "traceId": TRACE,
        "type": "AGENT",
        "name": "supporter",
        "startTime": "2026-03-01T10:00:00.500Z",
        "endTime": "2026-03-01T10:00:03.400Z",
        "parentObservationId": None,
        "level": "WARNING",
        "statusMessage": "slow",
        "input": "Where is order 4812?",
        "output": "It arrives on Monday.",
    }


def tool() -> dict[str, Any]:
    """A use of a tool that failed, under an id of 16 hexadecimal digits."""
    return {
        "id": "00f067aa0ba902b7",
        "traceId": TRACE,
        "type": "TOOL",
        "name": "carrier_status",
        "startTime": "2026-03-01T10:00:00.600Z",
        "endTime": "2026-03-01T10:00:00.900Z",
        "parentObservationId": "agent-one",
        "level": "ERROR",
        "statusMessage": "the carrier did not answer",
        "input": {"order": 4812},
        "output": None,
    }


def scores() -> list[dict[str, Any]]:
    """Scores of every kind, of every thing that has some."""
    common = {"projectId": "p", "timestamp": "2026-03-01T11:00:00.000Z", "environment": "production"}
    return [
        {
            "id": "score-1",
            "traceId": TRACE,
            "name": "helpful",
            "value": 0.9,
            "dataType": "NUMERIC",
            "source": "ANNOTATION",
            "comment": "says when",
            "authorUserId": "grace",
            **common,
        },
        {
            "id": "score-2",
            "traceId": TRACE,
            "observationId": "gen-one",
            "name": "tone",
            "value": None,
            "stringValue": "friendly",
            "dataType": "CATEGORICAL",
            "source": "EVAL",
            **common,
        },
        {
            "id": "score-3",
            "sessionId": SESSION,
            "name": "solved",
            "value": 1,
            "stringValue": "True",
            "dataType": "BOOLEAN",
            "source": "API",
            **common,
        },
    ]


def of_api() -> str:
    """`GET /api/public/traces/{id}`."""
    return json.dumps(trace(observations=[agent(), generation(), tool()], scores=scores()), indent=2)


def of_download() -> str:
    """The page of a trace: "Download trace as JSON"."""
    return json.dumps({"trace": trace(scores=scores()), "observations": [agent(), generation(), tool()]})


def of_session() -> str:
    """The page of a session: its traces with their scores."""
    inside = trace(observations=[agent(), generation(), tool()], scores=scores())
    return json.dumps({"id": SESSION, "createdAt": "2026-03-01T10:00:00.000Z", "projectId": "p", "traces": [inside]})


def of_lists() -> dict[str, str]:
    """The lists of the API, a page of each."""
    meta = {"page": 1, "limit": 50, "totalItems": 1, "totalPages": 1}
    listed = trace(observations=["agent-one", "gen-one"], scores=["score-1"])
    return {
        "traces.json": json.dumps({"data": [listed], "meta": meta}),
        "observations.json": json.dumps({"data": [agent(), generation(), tool()], "meta": meta}),
        "scores.json": json.dumps({"data": scores(), "meta": meta}),
    }


def of_tables() -> dict[str, str]:
    """The exports of the tables of traces and observations, in which each name of a score is a column."""
    row = {**trace(bookmarked=False, comments=[]), "helpful": [0.9], "tone": None}
    beside = {"traceName": "support", "traceTags": ["support", "orders"], "userId": "ada", "comments": []}
    steps = [{**step, **beside, "tone": None} for step in (agent(), tool())]
    steps.append({**generation(), **beside, "tone": ["friendly"]})
    return {
        "traces.json": "[" + ",\n".join(json.dumps(one) for one in [row]) + "]",
        "observations.jsonl": "".join(f"{json.dumps(one)}\n" for one in steps),
    }


def of_bucket() -> dict[str, str]:
    """What the scheduled export writes: rows that tell of their traces, with content as text."""
    rows = [_snake(step) for step in (agent(), generation(), tool())]
    for row in rows:
        row |= {
            "user_id": "ada",
            "session_id": SESSION,
            "trace_name": "support",
            "tags": ["support", "orders"],
            "start_time": str(row["start_time"]).replace("T", " ").replace("Z", "000"),
            "end_time": str(row["end_time"]).replace("T", " ").replace("Z", "000"),
        }
    return {
        "observations_v2.jsonl": "".join(f"{json.dumps(one)}\n" for one in rows),
        "scores.jsonl": "".join(f"{json.dumps(_snake(one))}\n" for one in scores()),
    }


def _snake(told: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in told.items():
        key = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        key = {"model": "provided_model_name"}.get(key, key)
        text = key in ("input", "output", "model_parameters") and isinstance(value, dict | list)
        found[key] = json.dumps(value) if text else value
    found.pop("usage", None)
    found.pop("calculated_total_cost", None)
    return found
