"""Whole programs of AgentOps 0.3, AgentOps 0.4 and AgentMark: real processes, their journals read back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from sojourn import semconv
from tests.conftest import ROOT
from tests.core.journalled import read_home
from tests.core.recorded import Seen, steps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.core.journalled import Journalled


def ran(name: str, home: Path) -> Journalled:
    """What a program recorded; it must have said nothing on standard error, and left well."""
    program = ROOT / "tests" / "core" / "programs" / f"{name}.py"
    told = os.environ | {"SOJOURN_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        env=told,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return read_home(home)


def flat(roots: list[Seen]) -> list[Seen]:
    return [step for root in roots for step in (root, *flat(root.children))]


def test_a_program_of_the_session_era_runs_with_its_import_line_changed(home: Path) -> None:
    told = ran("session_era", home)
    seen = flat(steps(home))

    starts = [*told.named(semconv.SESSION_JOIN), *told.named(semconv.SESSION_START)]
    first, one, two = (str(start[semconv.SESSION_ID]) for start in starts)
    assert starts[0][semconv.SESSION_TAGS_ADDED] == ["nightly", "first"]
    assert Counter((step.name, step.session) for step in seen) == Counter(
        {
            ("plan", first): 1,
            ("chat m", first): 1,
            ("execute_tool browse", first): 1,
            ("execute_tool lookup", first): 2,
            ("execute_tool fails", first): 1,
            ("shout", first): 1,
            ("whisper", first): 1,
            ("bare", first): 1,
            ("research", first): 1,
            ("one's", one): 1,
            ("two's", two): 1,
            ("execute_tool lookup", one): 1,
            ("execute_tool lookup", two): 1,
        }
    )
    agents = {step.name: step.facts.get(semconv.AGENT_NAME) for step in seen}
    assert (agents["plan"], agents["research"]) == ("Planner", "Researcher")
    ends = [(end[semconv.SESSION_ID], end[semconv.SESSION_END_STATE]) for end in told.named(semconv.SESSION_END)]
    assert ends == [(first, "Success"), (one, "Fail"), (two, "Indeterminate")]
    assert [error[semconv.EXCEPTION_MESSAGE] for error in told.named(semconv.EXCEPTION_EVENT)] == [
        "no such thing",
        "looked in vain",
    ]


def test_a_program_of_the_trace_era_runs_with_its_import_line_changed(home: Path) -> None:
    told = ran("trace_era", home)
    roots = steps(home)
    seen = {step.name: step for step in flat(roots)}

    states = {root.name: root.facts.get(semconv.TRACE_END_STATE) for root in roots}
    assert states.items() >= {"turn": "Success", "older": "Success", "manual": "Success", "by hand": "Fail"}.items()
    assert states["left"] == "Success"
    assert len({root.trace for root in roots}) == len(roots)
    assert seen["execute_tool search"].facts[semconv.USAGE_COST] == 0.01
    assert seen["draft"].facts[semconv.AGENT_NAME] == "Writer"
    assert seen["stream"].facts[semconv.OUTPUT] == seen["astream"].facts[semconv.OUTPUT] == '"TEA"'
    assert seen["handle"].facts == {semconv.KIND: "endpoint", semconv.INPUT: '{"request":"x"}'}
    assert "still kept" in seen
    prefix = semconv.METADATA_PREFIX
    assert {key: value for key, value in seen["manual"].facts.items() if key.startswith(prefix)} == {
        f"{prefix}user": "u",
        f"{prefix}n": 1,
        f"{prefix}step": 1,
        f"{prefix}labels": ["a", "b"],
    }
    legacy, run = told.named(semconv.SESSION_END)
    assert legacy["agentops.legacy.is_test"] is True
    assert (run["agentops.legacy.reason"], run["agentops.legacy.steps"]) == ("finished", '[1,{"two":2}]')
    assert told.named(semconv.SESSION_START)[0][semconv.SESSION_NAME] == "run"
    assert any(update.get(f"{prefix}legacy") == "yes" for update in told.named(semconv.SESSION_UPDATE))


def test_a_program_of_agentmark_runs_with_its_import_line_changed(home: Path) -> None:
    told = ran("agentmark_era", home)
    roots = steps(home)
    by_name: dict[str, Seen] = {step.name: step for step in flat(roots)}

    turn = by_name["turn"]
    assert {key: value for key, value in turn.facts.items() if "dataset" in key or "prompt" in key} == {
        "sojourn.prompt.name": "greet",
        "sojourn.dataset.run_id": "run-1",
        "sojourn.dataset.item_name": "0",
        "sojourn.dataset.expected_output": "HI",
    }
    assert [(step.session, step.facts.get(semconv.USER_ID)) for step in flat([turn])] == [("chat-1", "ada")] * 3
    assert by_name["block"].facts[semconv.INPUT] == '{"question":"mail [EMAIL]"}'
    assert [child.name for child in by_name["block"].children] == ["inner"]
    grouped: dict[str, Any] = by_name["grouped"].facts
    assert (by_name["grouped"].session, grouped[semconv.USER_ID], grouped[semconv.TRACE_NAME]) == (
        "chat-2",
        "eve",
        "named",
    )
    assert grouped[f"{semconv.METADATA_PREFIX}plan"] == '{"pro":true}'
    assert by_name["stream"].facts[semconv.OUTPUT] == '"abc"'
    assert semconv.INPUT not in by_name["chat ask"].facts
    assert by_name["chat ask"].facts[semconv.OUTPUT].startswith('"<WRITE')
    assert by_name["plain"].session is None
    assert told.named(semconv.SESSION_START) == []
    assert [update[semconv.SESSION_NAME] for update in told.named(semconv.SESSION_UPDATE)] == ["A chat"]
    assert "by the provider" in by_name
