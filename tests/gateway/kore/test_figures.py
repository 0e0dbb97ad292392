"""What a session comes to equals what counting its events gives, for sessions of any shape."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.kore.chances import some_session
from tests.gateway.kore.reading import Kore
from tests.gateway.sender import event

if TYPE_CHECKING:
    from tests.gateway.serving import Served

SEED = 20_261_122


@pytest.fixture
def kore(gateway: Served) -> Kore:
    """The endpoints of a project that only this test sees."""
    return Kore(gateway)


def test_every_number_is_a_count_over_the_events(kore: Kore) -> None:
    chance = random.Random(SEED)
    sessions = [f"session {number}" for number in range(24)]
    kore.keep(*(one for session in sessions for one in some_session(chance, session)))
    kore.tell(*(event("exception", session, exception__type="KeyError") for session in sessions[::3]))
    listed = {one["id"]: one for one in kore.told()["sessions"]}

    for session in sessions:
        told = kore.told(f"/{session}/traces", include="metrics")
        check(told["traces"], told["metrics"], listed[session])


def check(events: list[dict[str, Any]], metrics: dict[str, Any], item: dict[str, Any]) -> None:
    """The metrics and the line of the list, against the events."""
    types = Counter(one["type"] for one in events)
    calls = [one for one in events if one["type"] == "llm_call"]
    results = [one["data"]["success"] for one in events if one["type"] == "tool_result"]
    checks = [one["data"]["action"] for one in events if one["type"] == "guardrail_eval"]
    usages = [one["data"]["usage"] for one in calls]
    costs = [one["data"]["estimatedCost"] for one in calls if one["data"]["estimatedCost"] is not None]
    counts = {
        "toolCallCount": types["tool_call"],
        "toolSuccessRate": sum(results) / len(results) if results else None,
        "guardrailEvalCount": len(checks),
        "guardrailBlockRate": checks.count("block") / len(checks) if checks else None,
        "llmCallCount": len(calls),
        "inputTokens": sum(one["inputTokens"] for one in usages),
        "outputTokens": sum(one["outputTokens"] for one in usages),
        "totalTokens": sum(one["totalTokens"] for one in usages),
        "errorCount": types["error"],
        "handoffCount": types["handoff"],
        "eventCount": len(events),
    }
    assert {name: metrics[name] for name in counts} == counts
    assert metrics["estimatedCost"] == pytest.approx(sum(costs)) or (metrics["estimatedCost"] is None and not costs)
    assert [one["eventId"] for one in metrics["llmCalls"]] == [one["id"] for one in calls]

    assert (item["traceEventCount"], item["tokenCount"], item["errorCount"], item["handoffCount"]) == (
        len(events),
        counts["totalTokens"],
        types["error"],
        types["handoff"],
    )
    assert item["estimatedCost"] == (None if metrics["estimatedCost"] is None else pytest.approx(sum(costs)))

    assert [one["seq"] for one in events] == list(range(len(events)))
    moments = [datetime.fromisoformat(one["timestamp"]) for one in events]
    assert moments == sorted(moments)
    assert len({one["id"] for one in events}) == len(events)
    assert {one["turn"] for one in events} <= {one["turn"] for one in metrics["turns"]} | {None}
    for one in metrics["turns"]:
        assert one["llmMs"] + one["toolMs"] + one["otherMs"] == pytest.approx(one["latencyMs"])
        assert min(one["llmMs"], one["toolMs"], one["otherMs"]) >= 0
    assert metrics["totalLatencyMs"] == pytest.approx(sum(one["latencyMs"] for one in metrics["turns"]))
