"""The oldest supported releases pass what the newest pass: the same tests, in environments that `make` prepares."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LISTS = ROOT / "tools" / "versions"
BATTERY = "tests/instrumentors/battery"
# The whole battery is tried by `make soak`.
DUTIES = (f"{BATTERY}/test_ends.py", f"{BATTERY}/test_results.py")
CLIENTS = "openai or anthropic"
FRAMEWORKS = "langchain or langgraph"
# Environments by the names of their lists in tools/versions, and whose duties are tried in them.
TRIED = [("oldest", CLIENTS), ("oldest-langchain", FRAMEWORKS)]


@pytest.mark.parametrize(("name", "whose"), TRIED, ids=[name for name, _ in TRIED])
@pytest.mark.timeout(600)
def test_the_duties_hold_with_the_oldest_releases(name: str, whose: str) -> None:
    passes(name, "-k", whose, *DUTIES)


@pytest.mark.soak
@pytest.mark.parametrize(("name", "whose"), TRIED, ids=[name for name, _ in TRIED])
def test_the_whole_battery_holds_with_the_oldest_releases(name: str, whose: str) -> None:
    others = (f"{BATTERY}/test_{what}.py" for what in ("content", "context", "installing"))
    passes(name, "-k", whose, *DUTIES, *others)


@pytest.mark.parametrize("entry", entry_points(group="sojourn.instrumentors"), ids=lambda entry: entry.name)
def test_the_oldest_releases_that_are_tried_are_those_that_are_promised(entry: EntryPoint) -> None:
    instrumentor = entry.load()
    distribution, _, oldest = instrumentor.requires.replace(" ", "").partition(">=")

    listed = [line for name, _ in TRIED for line in (LISTS / f"{name}.txt").read_text("utf-8").split()]
    assert any(re.fullmatch(rf"{re.escape(distribution)}=={re.escape(oldest)}(\.\d+)*", line) for line in listed), (
        f"tools/versions names no {distribution}=={oldest}"
    )


def passes(name: str, *arguments: str) -> None:
    """Run tests in an environment of its own; fails with their words."""
    python = ROOT / ".cache" / "versions" / name / "bin" / "python"
    if not python.exists():
        pytest.fail(f"there is no environment {python.parents[1].relative_to(ROOT)}: `make test` prepares it")
    command = [str(python), "-m", "pytest", "-q", "--no-header", "--tb=short", "-m", "not soak", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout, done.stdout
