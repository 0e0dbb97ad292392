"""The analysis as a whole: its shape, its independence of order, and how its work grows."""

from __future__ import annotations

import gc
import json
import random
import sys
from typing import TYPE_CHECKING, Any

import pytest

from sojourn_gateway.apis.kore.analysis import analyse
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.model.thresholds import Thresholds
from sojourn_gateway.settings import Settings
from tests.gateway.kore.happening import Happening

if TYPE_CHECKING:
    from types import FrameType

USUAL = Thresholds()


def _eventful(rounds: int) -> Happening:
    """A session in which every rule finds something."""
    told = Happening()
    for number in range(rounds):
        told.turn(f"t{number}")
        told.call([{"role": "user", "content": f"question {number}"}], tokens=(1500 + 800 * number, 20), cost=0.01)
        told.tool("search", {"query": "order"}, {"hits": ["4812-abc"]}, lasts_ms=300)
        told.tool("weather", {"city": "Ghent"}, {"sky": "overcast"}, lasts_ms=2500)
        told.tool("carrier", {"name": "DHL"}, error=f"no answer from 10.0.0.{number}", lasts_ms=30)
        told.add("error", span=told.events[-1].span_id, failed=True, message=f"no answer from 10.0.0.{number}")
        told.decide("retry", "again")
        told.decide("routing", "billing", matched=False)
        told.decide("escalation", "to a person")
        told.hand_over("desk", "billing")
        told.hand_over("billing", "desk")
        told.decide("routing", "billing")
        told.decide("routing", "billing")
        told.decide("routing", "billing")
        told.add("response", text="done")
        told.decide("routing", f"closing {number}", matched=False)
    return told


def test_an_empty_session_has_nothing_to_tell() -> None:
    assert analyse([], USUAL) == {
        "slowSpans": [],
        "errorPatterns": [],
        "decisionAnomalies": [],
        "suggestions": [],
        "summary": {
            "healthy": True,
            "counts": {"slowSpans": 0, "errorPatterns": 0, "decisionAnomalies": 0, "suggestions": 0},
        },
    }


def test_every_rule_finds_something_in_an_eventful_session_and_is_counted() -> None:
    told = analyse(_eventful(4).events, USUAL)

    assert {anomaly["kind"] for anomaly in told["decisionAnomalies"]} == {
        "handoff_loop",
        "repeated_decision",
        "retry_storm",
        "unmatched_decision",
        "escalation_after_error",
    }
    assert {suggestion["id"].partition(":")[0] for suggestion in told["suggestions"]} == {
        "repeated_tool_input",
        "sequential_tools",
        "growing_prompt",
        "unused_tool_output",
        "no_prompt_cache",
    }
    assert len({suggestion["id"] for suggestion in told["suggestions"]}) == len(told["suggestions"])
    assert [span["name"] for span in told["slowSpans"]] == ["tool_call step"] * 4
    assert [pattern["signature"] for pattern in told["errorPatterns"]] == ["no answer from <n>"]
    assert not told["summary"]["healthy"]
    assert told["summary"]["counts"] == {
        name: len(told[name]) for name in ("slowSpans", "errorPatterns", "decisionAnomalies", "suggestions")
    }
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_events_come_changes_nothing(seed: int) -> None:
    events = list(_eventful(5).events)
    told = analyse(events, USUAL)
    random.Random(seed).shuffle(events)
    assert analyse(events, USUAL) == told


def test_ten_thousand_events_take_ten_times_the_work_of_a_thousand() -> None:
    """Counted in calls, which do not depend on the machine: work that grew with the square would be a hundred times."""
    small, large = _eventful(67).events, _eventful(670).events
    assert len(large) == 10 * len(small) > 10_000
    assert _work(large) < 12 * _work(small)


def _work(events: list[Any]) -> int:
    calls = 0

    def count(frame: FrameType, event: str, told: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    # What else is collected meanwhile is no work of its.
    gc.collect()
    gc.disable()
    sys.setprofile(count)
    try:
        analyse(events, USUAL)
    finally:
        sys.setprofile(before)
        gc.enable()
    return calls


def test_ten_thousand_events_of_one_kind_are_no_trap_either() -> None:
    """One prompt that holds all before it, one run of tools, one chain of transfers, one pattern of failures."""
    told = Happening()
    for number in range(2500):
        told.tool("lookup", {"row": f"row{number}"}, {"cell": f"cell{number}"}, lasts_ms=5)
        told.hand_over(f"a{number}", f"a{number + 1}")
        told.add("error", failed=True, message=f"'row {number}' is missing: " + "x1" * 900)
    found = analyse(told.events, USUAL)
    assert found["summary"]["counts"] == {"slowSpans": 0, "errorPatterns": 1, "decisionAnomalies": 0, "suggestions": 2}
    assert found["errorPatterns"][0]["count"] == 2500


def test_a_session_with_advice_alone_is_healthy() -> None:
    told = Happening()
    told.call()
    told.tool("search", {"q": "a"}, {"n": "several"}, lasts_ms=3000)
    told.decide("routing", "x", matched=False)
    found = analyse(told.events, USUAL)
    assert found["summary"]["counts"] == {"slowSpans": 1, "errorPatterns": 0, "decisionAnomalies": 1, "suggestions": 1}
    assert found["summary"]["healthy"]


def test_bounds_are_read_from_the_setting() -> None:
    settings = Settings.read({"SOJOURN_ANALYSIS": " slow_ms=500, retries = 5,"})
    assert settings.thresholds == Thresholds(slow_ms=500.0, retries=5)
    assert Settings.read({}).thresholds == USUAL


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("slowms=1", "knows no 'slowms'"),
        ("slow_ms", "slow_ms must be a number from 0, not ''"),
        ("slow_ms=-1", "slow_ms must be a number from 0"),
        ("slow_ms=nan", "slow_ms must be a number from 0"),
        ("retries=0", "retries must be a whole number from 1"),
        ("retries=1.5", "retries must be a whole number from 1"),
    ],
)
def test_bounds_that_cannot_be_understood_are_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(GatewayFault, match="SOJOURN_ANALYSIS") as refused:
        Settings.read({"SOJOURN_ANALYSIS": text})
    assert says in str(refused.value)
