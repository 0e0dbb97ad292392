"""Every recorded call, made again through the real clients: each cell of its span is right, or a reason is written."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tools.recorded_traffic.exchange import FOLDER, exchanges_of, files
from tools.recorded_traffic.reasons import unexplained
from tools.recorded_traffic.replays import WAYS, Way, watching
from tools.recorded_traffic.table import Sums, line

if TYPE_CHECKING:
    from pathlib import Path

    from tools.recorded_traffic.exchange import Exchange

# Where the recordings of programs lie that called models through LangChain.
THROUGH_LANGCHAIN = ("langchain", "langsmith", "langchain-aws", "langchain-community")

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings at {FOLDER} (set SOJOURN_RECORDINGS)")


def projects() -> list[str]:
    """Whose recordings there are."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir()) if FOLDER.is_dir() else []


@cache
def recorded(project: str) -> tuple[tuple[Path, Exchange], ...]:
    return tuple((path, one) for path in files(FOLDER / project) for one in exchanges_of(path))


def wrong_rows(way: Way, exchanges: list[Exchange], sums: Sums) -> list[str]:
    """Make the calls again; the lines of the table that are wrong."""
    found: list[str] = []
    # Libraries warn of old models, and of answers that they did not expect: what was recorded is as it is.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with watching(way) as replays:
            for exchange in filter(replays.calls.handles, exchanges):
                row = replays.row(exchange)
                sums.add(row)
                if unexplained(row):
                    found.append(line(row))
    return found


@pytest.mark.parametrize("way", ["openai", "anthropic"])
@pytest.mark.parametrize("project", projects())
def test_every_span_of_a_client_says_what_its_bodies_hold(project: str, way: Way) -> None:
    assert wrong_rows(way, [one for _, one in recorded(project)], Sums()) == []


@pytest.mark.parametrize("way", ["langchain", "langchain alone"])
def test_every_span_of_a_call_through_langchain_says_what_its_bodies_hold(way: Way) -> None:
    through = [
        one
        for project in projects()
        for path, one in recorded(project)
        if any(part in THROUGH_LANGCHAIN for part in path.relative_to(FOLDER).parts)
    ]
    sums = Sums()

    assert wrong_rows(way, through, sums) == []
    assert sums.rows[way] > 0


@pytest.mark.soak
def test_whatever_was_recorded_comes_through_langchain_too_and_no_reason_is_idle() -> None:
    everything = [one for project in projects() for _, one in recorded(project)]
    sums = Sums()

    assert [row for way in WAYS for row in wrong_rows(way, everything, sums)] == []
    assert sums.unused() == []
