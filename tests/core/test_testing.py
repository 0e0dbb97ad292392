"""What `sojourn.testing` promises to the tests of others."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import sojourn
from sojourn.testing import captured, fixed_clock, fixed_ids
from sojourn.testing.fixtures import sojourn_capture, sojourn_fixed_ids
from tests.conftest import ROOT
from tests.instrumentors.provider import Provider

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn.testing import Capture

__all__ = ["sojourn_capture", "sojourn_fixed_ids"]

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "testing.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_every_example_of_the_page_runs(number: int, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", EXAMPLES[number]],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert ran.returncode == 0, ran.stderr


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) == 3


def test_the_home_is_left_alone(home: Path) -> None:
    with captured() as seen:
        sojourn.init(endpoint="http://127.0.0.1:1", api_key="k").record(sojourn.ActionEvent("plan"))

    assert [span.name for span in seen.spans] == ["plan"]
    assert not home.exists()


def test_a_client_outside_rests_and_goes_on() -> None:
    outer = sojourn.init()
    provider = Provider()
    with captured() as seen:
        assert sojourn.current_session() is None
        inner = sojourn.init()
        provider.client().chat.completions.create(model="m-1", messages=[])

    assert sojourn.current_session() is outer
    assert [span.session_id for span in seen.spans] == [inner.session_id]
    assert outer.get_analytics()["LLM calls"] == 0
    provider.client().chat.completions.create(model="m-1", messages=[])
    assert outer.get_analytics()["LLM calls"] == 1


def test_libraries_are_observed_without_init(sojourn_capture: Capture) -> None:
    Provider().client().chat.completions.create(model="m-1", messages=[])

    span = sojourn_capture.span("chat m-1")
    assert (span.kind, span.session_id, span.status) == ("client", None, "unset")
    with pytest.raises(AssertionError, match="there are \\['chat m-1'\\]"):
        sojourn_capture.span("chat m-2")


def test_the_options_of_the_program_count(sojourn_capture: Capture) -> None:
    with sojourn.init(redact=[lambda text: text.replace("ada", "***")], sample_rate=1.0) as session:
        session.record(sojourn.ActionEvent("greet ada", params={"to": "ada"}))

    (span,) = sojourn_capture.spans
    assert (span.name, span.content("sojourn.input")) == ("greet ***", {"to": "***"})


def test_a_program_may_shut_down_and_begin_again(sojourn_capture: Capture) -> None:
    for name in ("first", "second"):
        sojourn.init(name=name)
        sojourn.shutdown()

    assert [session.name for session in sojourn_capture.sessions] == ["first", "second"]
    assert [session.end_state for session in sojourn_capture.sessions] == ["Indeterminate", "Indeterminate"]


def test_what_the_program_disabled_is_seen_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_DISABLED", "1")
    with captured() as seen:
        sojourn.init()

    assert len(seen.sessions) == 1


def test_ids_are_fixed_and_the_programs_random_numbers_are_not_ours(sojourn_fixed_ids: None) -> None:
    random.seed(7)
    expected = random.random()
    random.seed(7)
    with captured() as seen:
        first = sojourn.start_session().session_id
        Provider().client().chat.completions.create(model="m-1", messages=[])
    assert random.random() == expected

    with fixed_ids(), captured() as again:
        assert sojourn.start_session().session_id == first
        Provider().client().chat.completions.create(model="m-1", messages=[])
    assert [span.span_id for span in again.spans] == [span.span_id for span in seen.spans]


def test_a_seed_of_the_program_does_not_give_two_runs_the_same_spans(home: Path) -> None:
    program = (
        "import random, sojourn; from sojourn.testing import captured\n"
        "random.seed(0)\n"
        "with captured() as seen: sojourn.start_session().record(sojourn.ActionEvent('plan'))\n"
        "print(seen.spans[0].trace_id)"
    )

    def run() -> str:
        return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert run() != run()


def test_times_are_fixed() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with captured() as seen, fixed_clock(start, step_s=1):
        Provider().client().chat.completions.create(model="m-1", messages=[])

    (span,) = seen.spans
    assert (span.start_ns, span.duration_s) == (int(start.timestamp()) * 10**9, 1.0)


def test_a_start_without_a_time_zone_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="time zone"), fixed_clock(datetime(2026, 1, 1)):  # noqa: DTZ001  # the point
        pass


def test_pytest_is_needed_by_the_fixtures_alone() -> None:
    program = "import sys, sojourn.testing; print('pytest' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert ran.stdout.strip() == "False"


def test_every_id_that_a_program_meets_is_fixed() -> None:
    """Those of agents as well, however they are made."""

    def recorded() -> list[object]:
        @sojourn.track_agent("guide")
        class Guide:
            agentops_agent_id = ""

        with fixed_ids(7), captured() as seen:
            session = sojourn.init()
            agent = session.create_agent("guide")
            event = sojourn.ActionEvent("look up", agent_id=agent)
            session.record(event)
            session.end_session("Success")
            told = [session.session_id, agent, str(event.id), Guide().agentops_agent_id]
            return [*told, [(span.trace_id, span.span_id) for span in seen.spans]]

    assert recorded() == recorded()
