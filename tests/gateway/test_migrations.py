"""Stores of every earlier format, whole and interrupted, opened by this version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Many stores are made and opened; a busy machine must not fail what only takes its time.
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module", params=["last", pytest.param("every", marks=pytest.mark.soak)])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each store answered, by its case, in their order; of steps torn in their last place, or in every place."""
    home = tmp_path_factory.mktemp("old") / "home"
    done = subprocess.run(
        [sys.executable, "-m", "tests.gateway.old_stores", str(home), f"--{request.param}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines())


def test_a_store_of_every_format_answers_as_one_of_the_newest(told: dict[str, str]) -> None:
    *earlier, newest = (case for case in told if case != "newer")
    whole = [case for case in earlier if "statements" not in case]
    assert len(whole) >= 4
    assert {case: told[case] for case in whole} == dict.fromkeys(whole, told[newest])
    assert "'errand'" in told[newest]
    # What an attribute said all along, and no earlier format read.
    assert "tags=('refund', 'vip')" in told[newest]


def test_a_step_that_died_between_two_statements_is_done_again(told: dict[str, str]) -> None:
    *earlier, newest = (case for case in told if case != "newer")
    torn = [case for case in earlier if "statements" in case]
    assert torn
    assert {case: told[case] for case in torn} == dict.fromkeys(torn, told[newest])


def test_a_format_of_the_future_is_refused_in_words(told: dict[str, str]) -> None:
    assert told["newer"].startswith("the stored data has format 99, this version of sojourn knows up to ")
    assert told["newer"].endswith("install a newer one")
