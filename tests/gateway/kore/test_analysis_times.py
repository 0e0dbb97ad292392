"""Slow steps and failures that are alike, each border by itself."""

from __future__ import annotations

import pytest

from sojourn_gateway.apis.kore.analysis.failures import find_error_patterns, present_pattern, signature_of
from sojourn_gateway.apis.kore.analysis.slow_spans import SlowSpan, find_slow_spans, present_slow_span
from sojourn_gateway.apis.kore.analysis.sums import latency_of
from sojourn_gateway.model.thresholds import Thresholds
from tests.gateway.kore.happening import Happening

USUAL = Thresholds()


def _slow(told: Happening) -> list[SlowSpan]:
    return find_slow_spans(told.events, USUAL, latency_of(told.events))


def test_two_seconds_are_not_slow_and_a_moment_more_is() -> None:
    told = Happening()
    told.add("llm_call", at_ms=0, lasts_ms=2000)
    slow = told.add("llm_call", at_ms=0, lasts_ms=2000.5)
    (found,) = _slow(told)
    assert present_slow_span(found) == {
        "spanId": slow,
        "type": "llm_call",
        "name": "llm_call step",
        "agentName": "desk",
        "durationMs": 2000.5,
        "share": 1.0,
        "thresholdMs": 2000.0,
    }


def test_three_times_the_median_is_slow_with_four_samples_only() -> None:
    told = Happening()
    for _ in range(2):
        told.add("llm_call", lasts_ms=10)
    told.add("llm_call", lasts_ms=31)
    assert _slow(told) == []
    told.add("llm_call", lasts_ms=10)
    (found,) = _slow(told)
    assert (found.duration_ms, found.threshold_ms) == (31, 30)


def test_the_median_is_that_of_the_type() -> None:
    told = Happening()
    for _ in range(4):
        told.add("llm_call", lasts_ms=10)
        told.add("guardrail_eval", lasts_ms=100)
    assert _slow(told) == []


def test_a_tool_is_one_step_although_it_is_two_events() -> None:
    told = Happening()
    span = told.tool("search", lasts_ms=2500, error="late")
    told.add("error", span=span, failed=True, lasts_ms=2500, message="late")
    told.events.reverse()
    (found,) = _slow(told)
    assert (found.event.type, found.event.span_id) == ("tool_call", span)


def test_a_tool_of_which_only_the_result_says_how_long_it_took_is_told_by_its_call() -> None:
    told = Happening()
    span = told.add("tool_call", lasts_ms=None, toolName="search")
    told.add("tool_result", span=span, lasts_ms=2500, success=True)
    (found,) = _slow(told)
    assert (found.event.type, found.duration_ms) == ("tool_call", 2500)


def test_steps_that_have_not_ended_are_not_slow_yet() -> None:
    told = Happening()
    told.add("llm_call", lasts_ms=None)
    assert _slow(told) == []


def test_the_ten_slowest_are_told_slowest_first() -> None:
    told = Happening()
    for number in range(12):
        told.add("llm_call", lasts_ms=3000 + number * 10)
    found = _slow(told)
    assert [span.duration_ms for span in found] == [3110 - number * 10 for number in range(10)]


def test_the_share_is_of_the_turns_without_the_time_between_them() -> None:
    told = Happening()
    told.add("llm_call", at_ms=0, lasts_ms=3000)
    told.turn("t2")
    told.add("llm_call", at_ms=600_000, lasts_ms=1000)
    assert latency_of(told.events) == 4000
    (found,) = _slow(told)
    assert found.share == 0.75


@pytest.mark.parametrize(
    ("message", "signature"),
    [
        ("timeout after 30s", "timeout after <n>s"),
        ("timeout after 12.5 s, port 8080", "timeout after <n> s, port <n>"),
        ("no order '4812' for \"Ada\" in `shop`", "no order <text> for <text> in <text>"),
        ("can't reach it, won't try", "can't reach it, won't try"),
        ("request req_011CSHoEeqs7 failed", "request <id> failed"),
        ("trace 4bf92f3577b34da6a3ce929d0e0e4736 is gone", "trace <id> is gone"),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301 is unknown", "<id> is unknown"),
        ("two\n  lines", "two lines"),
        ("authentication failed", "authentication failed"),
    ],
)
def test_numbers_ids_and_quotations_are_blanked(message: str, signature: str) -> None:
    assert signature_of(message) == signature


def test_failures_that_are_alike_are_counted_together_the_most_frequent_first() -> None:
    told = Happening()
    rare = told.add("error", at_ms=0, failed=True, message="out of money")
    first = told.add("error", at_ms=1000, failed=True, message="no row 17")
    last = told.add("error", at_ms=2500.9, failed=True, message="no row 4")
    patterns = [present_pattern(pattern) for pattern in find_error_patterns(told.events)]
    assert patterns == [
        {
            "signature": "no row <n>",
            "count": 2,
            "types": ["error"],
            "firstAt": "2026-09-21T14:13:21.000Z",
            "lastAt": "2026-09-21T14:13:22.500Z",
            "sampleMessage": "no row 17",
            "spanIds": [first, last],
        },
        {
            "signature": "out of money",
            "count": 1,
            "types": ["error"],
            "firstAt": "2026-09-21T14:13:20.000Z",
            "lastAt": "2026-09-21T14:13:20.000Z",
            "sampleMessage": "out of money",
            "spanIds": [rare],
        },
    ]


def test_a_failed_step_and_its_error_are_one_failure() -> None:
    told = Happening()
    span = told.tool("carrier", error="no answer")
    told.add("error", span=span, failed=True, message="no answer")
    (pattern,) = find_error_patterns(told.events)
    assert (pattern.count, pattern.types) == (1, {"error", "tool_result"})


def test_a_failed_step_without_an_error_of_its_own_counts() -> None:
    told = Happening()
    told.tool("carrier", error="no answer")
    told.add("llm_call", failed=True, error={"message": "refused"})
    told.add("llm_call", failed=True)
    assert [pattern.sample for pattern in find_error_patterns(told.events)] == [
        "no answer",
        "refused",
        "llm_call step failed",
    ]
