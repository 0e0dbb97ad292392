"""Each rule about decisions by itself, at its border."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sojourn_gateway.apis.kore.analysis.escalations import find_escalations
from sojourn_gateway.apis.kore.analysis.finding import Anomaly, present_anomaly
from sojourn_gateway.apis.kore.analysis.handoff_loops import find_handoff_loops
from sojourn_gateway.apis.kore.analysis.repeated_decisions import find_repeated_decisions
from sojourn_gateway.apis.kore.analysis.retry_storms import find_retry_storms
from sojourn_gateway.apis.kore.analysis.unmatched_decisions import find_unmatched_decisions
from sojourn_gateway.model.thresholds import Thresholds
from tests.gateway.kore.happening import Happening

USUAL = Thresholds()


def _path(*agents: str) -> Happening:
    told = Happening()
    for giver, taker in pairwise(agents):
        told.hand_over(giver, taker)
    return told


@pytest.mark.parametrize("path", ["ABC", "AB", "ABBC", "ABCDEA"])
def test_control_that_does_not_come_back_in_time_is_no_loop(path: str) -> None:
    assert find_handoff_loops(_path(*path).events, USUAL) == []


@pytest.mark.parametrize(
    ("path", "said"), [("ABA", "A → B → A"), ("ABCDA", "A → B → C → D → A"), ("XABA", "A → B → A")]
)
def test_control_that_comes_back_within_four_transfers_is_a_loop(path: str, said: str) -> None:
    (found,) = find_handoff_loops(_path(*path).events, USUAL)
    assert (found.kind, found.severity, found.message) == ("handoff_loop", "warning", said)


def test_a_loop_twice_round_is_told_once_and_is_critical() -> None:
    told = _path(*"ABABA")
    (found,) = find_handoff_loops(told.events, USUAL)
    assert (found.severity, found.message) == ("critical", "A → B → A, 2 times")
    assert found.span_ids == tuple(event.span_id for event in told.events)


def test_an_agent_that_hands_over_to_itself_is_no_loop() -> None:
    assert find_handoff_loops(_path("A", "A", "A").events, USUAL) == []


def test_a_delegation_comes_back_by_its_nature() -> None:
    told = Happening()
    told.add("delegate", fromAgent="A", toAgent="B", task="look it up")
    told.add("handoff", fromAgent="B", toAgent="A")
    assert find_handoff_loops(told.events, USUAL) == []


def test_who_gives_is_the_agent_of_the_step_when_nobody_says() -> None:
    told = Happening(agent="A")
    told.add("handoff", toAgent="B")
    told.add("handoff", fromAgent="B", toAgent="A")
    assert [found.message for found in find_handoff_loops(told.events, USUAL)] == ["A → B → A"]


@pytest.mark.parametrize(("times", "severity"), [(2, None), (3, "warning"), (5, "warning"), (6, "critical")])
def test_the_same_decision_three_times_in_a_row_is_odd(times: int, severity: str | None) -> None:
    told = Happening()
    for _ in range(times):
        told.decide("routing", "billing")
        told.call()
    found = find_repeated_decisions(told.events, USUAL)
    assert [anomaly.severity for anomaly in found] == ([severity] if severity else [])
    if found:
        assert found[0].message == f"routing 'billing' was made {times} times in a row"
        assert len(found[0].span_ids) == times


def test_another_decision_between_ends_the_row() -> None:
    told = Happening()
    for made in ("a", "a", "b", "a", "a"):
        told.decide("routing", made)
    assert find_repeated_decisions(told.events, USUAL) == []


def test_another_agent_makes_another_decision() -> None:
    told = Happening()
    for agent in ("one", "two", "one"):
        told.agent = agent
        told.decide("routing", "billing")
    assert find_repeated_decisions(told.events, USUAL) == []


def test_decisions_of_which_nothing_is_known_are_not_the_same() -> None:
    told = Happening()
    for _ in range(4):
        told.decide("routing")
    assert find_repeated_decisions(told.events, USUAL) == []


@pytest.mark.parametrize(("times", "severity"), [(2, None), (3, "warning"), (5, "warning"), (6, "critical")])
def test_three_retries_are_a_storm(times: int, severity: str | None) -> None:
    told = Happening()
    for _ in range(times):
        told.decide("retry", "again")
    found = find_retry_storms(told.events, USUAL)
    assert [anomaly.severity for anomaly in found] == ([severity] if severity else [])
    # They are told once, by this rule.
    assert find_repeated_decisions(told.events, USUAL) == []


def test_a_condition_that_did_not_hold_is_odd_when_nobody_took_over() -> None:
    told = Happening()
    spans = (told.decide("routing", "a", matched=False), told.decide("routing", "b", matched=False))
    assert [present_anomaly(found) for found in find_unmatched_decisions(told.events, USUAL)] == [
        {
            "kind": "unmatched_decision",
            "severity": "info",
            "message": "2 conditions did not hold, and nobody took over",
            "spanIds": list(spans),
        }
    ]


@pytest.mark.parametrize("kind", ["handoff", "delegate"])
def test_a_condition_that_did_not_hold_is_well_when_somebody_took_over(kind: str) -> None:
    told = Happening()
    told.decide("routing", "a", matched=False)
    told.decide("routing", "b", matched=True)
    told.add(kind, fromAgent="desk", toAgent="b")
    assert find_unmatched_decisions(told.events, USUAL) == []


def test_a_transfer_of_another_turn_or_before_does_not_count() -> None:
    told = Happening()
    told.hand_over("a", "b")
    told.decide("routing", "a", matched=False)
    told.turn("t2")
    told.hand_over("b", "c")
    assert len(find_unmatched_decisions(told.events, USUAL)) == 1


def test_decisions_that_say_nothing_of_a_condition_are_not_unmatched() -> None:
    told = Happening()
    told.decide("routing", "a")
    told.decide("routing", "a", matched=None)
    assert find_unmatched_decisions(told.events, USUAL) == []


def test_an_escalation_after_a_failure_of_its_turn_is_told_with_that_failure() -> None:
    told = Happening()
    told.tool("search", error="first")
    failed = told.tool("carrier", error="second")
    escalated = told.decide("escalation", "a person")
    assert find_escalations(told.events, USUAL) == [
        Anomaly("escalation_after_error", "warning", "escalated after tool_result step failed", (failed, escalated))
    ]


def test_an_escalation_without_a_failure_before_it_in_its_turn_is_no_anomaly() -> None:
    told = Happening()
    told.tool("search", error="in another turn")
    told.turn("t2")
    told.decide("escalation", "a person")
    told.tool("search", error="after it")
    assert find_escalations(told.events, USUAL) == []
