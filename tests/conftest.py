"""What every test of the product gets: no network but loopback, a home of its own, faults of ours raised."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sojourn import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent

# A setting of the developer's own machine must not decide what a test sees, nor the size of a terminal, which processes
# that run tests side by side are told as well.
for _name in [
    name
    for name in os.environ
    if name.startswith(("SOJOURN_", "OTEL_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_")) or name in ("COLUMNS", "LINES")
]:
    if _name != "SOJOURN_RECORDINGS":
        del os.environ[_name]

# Whether a change passes must not be up to chance: what is invented is the same every time, here as where CI is set.
# Long tests say otherwise. The environments of the oldest releases have no hypothesis, and no test that needs it.
if find_spec("hypothesis") is not None:
    from hypothesis import settings

    settings.load_profile("ci")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `SOJOURN_HOME` that only this test sees."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SOJOURN_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _loud_faults() -> Iterator[None]:
    """A contained fault of ours fails the test in which it happens."""
    faults.raise_them(True)
    yield
    faults.raise_them(False)
