"""What programs decide: choices, hand-overs, checks, changes of state and final answers, recorded in passing."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
from enum import Enum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import sojourn
from sojourn import faults, semconv
from tests.core.hostile import HOSTILE
from tests.core.recorded import Seen, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

CANARY = "canary-7d31"
# Without annotations, as the programs that get these wrong are written.
S: Any = sojourn

EVERYTHING: dict[str, Callable[[Any, Any], object]] = {
    "decision": lambda by, it: by.decision(
        it, kind=it, outcome=it, matched=it, reasoning=it, condition=it, target=it, candidates=it
    ),
    "candidates": lambda by, it: by.decision("x", candidates=[it, {"target": it, "reason": it}]),
    "handoff": lambda by, it: by.handoff(it, from_=it, reason=it, task=it),
    "guardrail": lambda by, it: by.guardrail("pii", spec=it, passed=it, action=it, score=it, reason=[it]),
    "state_change": lambda by, it: by.state_change(it, old=it, new=it),
    "response": lambda by, it: by.response(it, format=it),
}
SAID: dict[str, Callable[[Any, str], object]] = {
    "decision": lambda by, it: by.decision("billing", reasoning=it, candidates=[{"target": "a", "reason": it}]),
    "a decision that is no name": lambda by, it: by.decision({"to": it}),
    "handoff": lambda by, it: by.handoff("billing", reason=it, task=it),
    "guardrail": lambda by, it: by.guardrail("pii", passed=False, reason=it),
    "state_change": lambda by, it: by.state_change("cart", old=it, new=[it]),
    "response": lambda by, it: by.response(it),
    "a response that is no text": lambda by, it: by.response({"answer": it}),
}


def test_a_decision_is_a_step_of_its_own_with_all_that_was_said_of_it(home: Path) -> None:
    sojourn.init()
    with sojourn.span("turn"):
        sojourn.decision(
            "billing",
            outcome="accepted",
            matched=True,
            reasoning="an invoice is mentioned",
            condition="topic == invoice",
            target="billing-agent",
            candidates=[{"target": "billing-agent", "result": "chosen"}, "sales-agent"],
        )

    assert steps(home) == [
        Seen(
            "turn",
            children=[
                Seen(
                    "decision routing",
                    {
                        semconv.KIND: "decision",
                        semconv.DECISION_KIND: "routing",
                        semconv.DECISION_MADE: "billing",
                        semconv.DECISION_OUTCOME: "accepted",
                        semconv.DECISION_MATCHED: True,
                        semconv.DECISION_REASONING: "an invoice is mentioned",
                        semconv.DECISION_CONDITION: "topic == invoice",
                        semconv.DECISION_TARGET: "billing-agent",
                        semconv.DECISION_CANDIDATES: (
                            '[{"target":"billing-agent","result":"chosen"},{"target":"sales-agent"}]'
                        ),
                    },
                )
            ],
        )
    ]


def test_a_handoff_is_told_as_a_decision_too_and_comes_from_the_agent_at_work(home: Path) -> None:
    sojourn.init()

    @sojourn.agent(name="triage")
    def triage() -> None:
        sojourn.handoff("billing", reason="an invoice")

    triage()

    [root] = steps(home)
    assert root.children == [
        Seen(
            "decision handoff",
            {
                semconv.KIND: "decision",
                semconv.AGENT_NAME: "triage",
                semconv.DECISION_KIND: "handoff",
                semconv.DECISION_MADE: "billing",
                semconv.DECISION_TARGET: "billing",
                semconv.DECISION_REASONING: "an invoice",
            },
        ),
        Seen(
            "handoff billing",
            {
                semconv.KIND: "handoff",
                semconv.AGENT_NAME: "triage",
                semconv.HANDOFF_FROM: "triage",
                semconv.HANDOFF_TO: "billing",
                semconv.HANDOFF_REASON: "an invoice",
            },
        ),
    ]


def test_a_handoff_with_a_task_may_name_both_agents_by_the_objects_that_they_are(home: Path) -> None:
    sojourn.init()
    boss, worker = SimpleNamespace(name="boss"), SimpleNamespace(name="worker")
    sojourn.handoff(worker, from_=boss, task="count the boxes")

    [_, handed] = steps(home)
    assert handed.facts == {
        semconv.KIND: "handoff",
        semconv.HANDOFF_FROM: "boss",
        semconv.HANDOFF_TO: "worker",
        semconv.HANDOFF_TASK: "count the boxes",
    }


# A process has one global provider for all its life, so this has a process of its own.
AT_WORK = f"""
import sojourn
from opentelemetry import trace

session = sojourn.init(global_provider=True)
with trace.get_tracer("host").start_as_current_span("work", attributes={{{semconv.AGENT_NAME!r}: "foreman"}}):
    session.handoff("mason")
sojourn.shutdown()
"""


def test_the_agent_at_work_is_also_known_by_a_span_of_opentelemetrys_own(home: Path) -> None:
    subprocess.run([sys.executable, "-c", AT_WORK], check=True)

    assert [seen.facts.get(semconv.HANDOFF_FROM) for root in steps(home) for seen in root.children] == [None, "foreman"]


def test_a_guardrail_records_how_a_check_came_out(home: Path) -> None:
    sojourn.init()
    sojourn.guardrail("pii", spec="input", passed=False, action="block", score=0.97, reason="a card number")

    assert steps(home) == [
        Seen(
            "guardrail pii",
            {
                semconv.KIND: "guardrail",
                semconv.GUARDRAIL_NAME: "pii",
                semconv.GUARDRAIL_SPEC: "input",
                semconv.GUARDRAIL_PASSED: False,
                semconv.GUARDRAIL_ACTION: "block",
                semconv.GUARDRAIL_SCORE: 0.97,
                semconv.GUARDRAIL_REASON: "a card number",
            },
        )
    ]


@pytest.mark.parametrize(("returned", "passed"), [(True, True), (False, False), ("fine", None), (1, None)])
async def test_what_a_decorated_guardrail_returns_says_whether_all_was_well(
    home: Path, returned: object, passed: bool | None
) -> None:
    sojourn.init()

    @sojourn.guardrail
    def check() -> object:
        return returned

    @sojourn.guardrail(spec="output", name="check")
    async def later() -> object:
        return returned

    assert check() == await later() == returned

    for seen in steps(home):
        assert seen.facts.get(semconv.GUARDRAIL_PASSED) is passed
        assert seen.facts[semconv.GUARDRAIL_NAME] == "check"


def test_a_guardrail_may_be_decorated_with_its_name_alone(home: Path) -> None:
    sojourn.init()

    @sojourn.guardrail("pii", spec="input")
    def check(text: str) -> bool:
        return "@" not in text

    assert check("nobody@example.org") is False

    [seen] = steps(home)
    assert (seen.facts[semconv.GUARDRAIL_NAME], seen.facts[semconv.GUARDRAIL_PASSED]) == ("pii", False)


def test_a_decorated_guardrail_that_raises_did_not_pass(home: Path) -> None:
    sojourn.init()

    @sojourn.guardrail(spec="input")
    def check() -> None:
        raise PermissionError("no")

    with pytest.raises(PermissionError, match="no"):
        check()

    [seen] = steps(home)
    assert (seen.failed, seen.facts[semconv.GUARDRAIL_PASSED]) == (True, False)


def test_a_decorated_guardrail_that_was_cancelled_or_left_found_nothing(home: Path) -> None:
    sojourn.init()

    @sojourn.guardrail
    async def check() -> bool:
        raise asyncio.CancelledError

    @sojourn.guardrail
    def watch() -> Generator[int]:
        yield 1

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(check())
    left = watch()
    next(left)
    left.close()

    assert [(seen.name, semconv.GUARDRAIL_PASSED in seen.facts) for seen in steps(home)] == [
        ("check", False),
        ("watch", False),
    ]


def test_only_guardrails_take_what_they_return_for_a_verdict(home: Path) -> None:
    sojourn.init()

    @sojourn.tool
    def check() -> bool:
        return False

    check()

    assert semconv.GUARDRAIL_PASSED not in steps(home)[0].facts


def test_a_change_of_state_tells_both_values_and_none_is_one(home: Path) -> None:
    sojourn.init()
    sojourn.state_change("cart", old=None, new={"items": 3})
    sojourn.state_change("seen", new=True)

    assert steps(home) == [
        Seen(
            "state_change cart",
            {
                semconv.KIND: "state_change",
                semconv.STATE_KEY: "cart",
                semconv.STATE_OLD: "null",
                semconv.STATE_NEW: '{"items":3}',
            },
        ),
        Seen(
            "state_change seen",
            {semconv.KIND: "state_change", semconv.STATE_KEY: "seen", semconv.STATE_NEW: "true"},
        ),
    ]


def test_a_response_is_text_as_it_is_and_anything_else_as_json(home: Path) -> None:
    sojourn.init()
    sojourn.response("All **paid**.", format="markdown")
    sojourn.response({"paid": True})

    assert steps(home) == [
        Seen(
            "response",
            {semconv.KIND: "response", semconv.OUTPUT: "All **paid**.", semconv.RESPONSE_FORMAT: "markdown"},
        ),
        Seen("response", {semconv.KIND: "response", semconv.OUTPUT: '{"paid":true}'}),
    ]


def test_a_session_records_them_too_whichever_is_current(home: Path) -> None:
    first, second = sojourn.start_session(), sojourn.start_session()
    first.decision("a")
    first.handoff("b")
    first.guardrail("c", passed=True)
    first.state_change("d", new=1)
    first.response("e")
    second.end_session()
    second.decision("late")

    assert [(seen.name, seen.session) for seen in steps(home)] == [
        ("decision routing", first.session_id),
        ("decision handoff", first.session_id),
        ("handoff b", first.session_id),
        ("guardrail c", first.session_id),
        ("state_change d", first.session_id),
        ("response", first.session_id),
        ("decision routing", second.session_id),
    ]


def test_they_count_neither_as_actions_nor_as_errors(home: Path) -> None:
    session = sojourn.init()
    sojourn.decision("a")
    sojourn.guardrail("pii", passed=False)

    assert set(session.event_counts.values()) == {0}
    assert len(steps(home)) == 2


@pytest.mark.parametrize("what", EVERYTHING)
def test_before_init_and_when_disabled_they_do_nothing(what: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    EVERYTHING[what](S, "x")
    assert not (home / "journal").exists()

    monkeypatch.setenv("SOJOURN_DISABLED", "1")
    session = sojourn.init()
    EVERYTHING[what](S, "x")
    EVERYTHING[what](session, "x")
    assert not (home / "journal").exists()


@pytest.mark.parametrize("what", EVERYTHING)
def test_in_a_session_that_is_not_sampled_no_redactor_is_even_asked(what: str, home: Path) -> None:
    asked: list[str] = []

    def note(text: str) -> str:
        asked.append(text)
        return text

    session = sojourn.init(sample_rate=0, redact=[note])
    sojourn.flush(0)
    asked.clear()
    EVERYTHING[what](S, CANARY)
    EVERYTHING[what](session, CANARY)

    assert steps(home) == []
    assert CANARY not in repr(asked)


@pytest.mark.parametrize("capture", ["off", "lengths"])
@pytest.mark.parametrize("what", SAID)
def test_content_that_is_off_leaves_no_word_of_what_was_said(
    what: str, capture: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOJOURN_CAPTURE_CONTENT", capture)
    session = sojourn.init()
    SAID[what](S, CANARY)
    SAID[what](session, CANARY)

    seen = steps(home)
    assert len(seen) in (2, 4)
    assert CANARY not in repr(seen)
    assert ("[11 characters]" in repr(seen)) is (capture == "lengths")


@pytest.mark.parametrize("what", EVERYTHING)
def test_redactors_see_every_word(what: str, home: Path) -> None:
    session = sojourn.init(redact=[lambda text: text.replace(CANARY, "gone")])
    EVERYTHING[what](S, CANARY)
    EVERYTHING[what](session, CANARY)

    seen = steps(home)
    assert seen
    assert CANARY not in repr(seen)


def test_words_of_the_vocabulary_are_no_free_text(home: Path) -> None:
    """Redacted they could not be understood, and they hold no data of anybody."""
    sojourn.init(redact=[lambda _: "X"])
    sojourn.decision("to billing", kind="escalation")
    sojourn.guardrail("pii", spec="input", action="block")

    decided, checked = steps(home)
    assert (decided.facts[semconv.DECISION_KIND], decided.facts[semconv.DECISION_MADE]) == ("escalation", "X")
    assert (checked.facts[semconv.GUARDRAIL_SPEC], checked.facts[semconv.GUARDRAIL_ACTION]) == ("input", "block")


@pytest.mark.parametrize("what", EVERYTHING)
def test_whatever_they_are_told_the_program_goes_on(what: str, home: Path) -> None:
    session = sojourn.init()
    for thing in HOSTILE.values():
        EVERYTHING[what](S, thing())
        EVERYTHING[what](session, thing())

    assert len(steps(home)) == (4 if what == "handoff" else 2) * len(HOSTILE)


@pytest.mark.parametrize("score", ["high", math.nan, math.inf, True, b"1", object()])
def test_a_score_that_is_no_number_is_left_out_and_said(score: object, home: Path) -> None:
    sojourn.init()
    S.guardrail("pii", score=score)

    assert semconv.GUARDRAIL_SCORE not in steps(home)[0].facts
    assert "sojourn.guardrail.score must be a number" in (faults.last() or "")


def test_numbers_of_other_libraries_are_numbers(home: Path) -> None:
    numpy = pytest.importorskip("numpy")
    sojourn.init()
    S.guardrail("pii", passed=numpy.bool_(False), score=numpy.float32(0.5))

    facts = steps(home)[0].facts
    assert (facts[semconv.GUARDRAIL_PASSED], facts[semconv.GUARDRAIL_SCORE]) == (False, 0.5)


def test_choices_may_be_members_of_an_enum_functions_and_numbers(home: Path) -> None:
    class Route(Enum):
        BILLING = "billing"

    def refund() -> None:
        """A tool of the program."""

    sojourn.init()
    sojourn.decision(Route.BILLING, target=refund, outcome=3)

    facts = steps(home)[0].facts
    told = [facts[key] for key in (semconv.DECISION_MADE, semconv.DECISION_TARGET, semconv.DECISION_OUTCOME)]
    assert told == ["billing", "refund", "3"]


def test_what_is_too_long_is_cut_and_marked(home: Path) -> None:
    sojourn.init()
    sojourn.decision("x" * 5000, candidates=[f"agent {n}" for n in range(500)])
    sojourn.response("y" * 2_000_000)

    decided, answered = steps(home)
    assert decided.facts[semconv.DECISION_MADE] == "x" * 1000 + "… [sojourn: cut, 5000 characters in all]"
    candidates = json.loads(decided.facts[semconv.DECISION_CANDIDATES])
    assert (len(candidates), candidates[-1]) == (101, {"reason": "[sojourn: cut, 500 in all]"})
    assert answered.facts[semconv.OUTPUT].endswith("[sojourn: cut, 2000000 characters in all]")


def test_candidates_without_an_end_are_not_waited_for(home: Path) -> None:
    sojourn.init()
    sojourn.decision("x", candidates=(f"agent {n}" for n in iter(int, 1)))

    candidates = json.loads(steps(home)[0].facts[semconv.DECISION_CANDIDATES])
    assert (len(candidates), candidates[-1]) == (101, {"reason": "[sojourn: cut]"})


def test_without_a_session_a_decision_is_a_trace_of_its_own(home: Path) -> None:
    sojourn.init(auto_start_session=False)
    sojourn.decision("a")

    [seen] = steps(home)
    assert seen.session is None
