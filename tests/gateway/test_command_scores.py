"""`sojourn scores`: the list, one of them, and a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from sojourn.home import Home
from sojourn_gateway.command.embedded import Embedded
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.settings import Settings
from tests.gateway.commands import announce, run
from tests.gateway.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served

TRACE = "5b8efff798038103d269b633813fc60c"


@pytest.fixture(scope="module")
def gateway(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of this file's own project."""
    folder = tmp_path_factory.mktemp("scores")
    with served(engine, Home(folder), Settings(project=f"{folder.name}-{uuid4().hex[:8]}")) as running:
        yield running


@pytest.fixture(autouse=True)
def _announced(gateway: Served, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(gateway, home)
    monkeypatch.setenv("COLUMNS", "160")


def test_a_score_that_is_added_is_listed_and_shown(gateway: Served, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--label", "good", "--reason", "says when", "--user", "grace")
    added = run(capsys, "scores", "add", TRACE, "helpful", "0.75", *options, "--json").told
    said = run(capsys, "scores", "add", "order-4812", "solved", "1")
    assert said.out.startswith("solved of order-4812 is 1: score ")

    listed = run(capsys, "scores", "--json").told
    assert listed == gateway.get("/v1/scores", limit=20).json()
    one = next(score for score in listed["data"] if score["id"] == added["data"]["id"])
    assert (one["resource_type"], one["resource_id"], one["score"], one["label"]) == ("trace", TRACE, 0.75, "good")
    table = run(capsys, "scores").out
    for told in ("helpful", "0.75", f"trace {TRACE}", "session order-4812", "says when", "grace"):
        assert told in table
    shown = run(capsys, "scores", "show", one["id"])
    assert shown.lines[:2] == ["helpful: 0.75 (good)", f"of trace {TRACE}"]
    chosen: tuple[tuple[tuple[str, ...], int], ...] = (
        (("--name", "solved"), 1),
        (("--of", TRACE, "--name", "helpful"), 1),
        (("--kind", "session", "--name", "solved"), 1),
        (("--filter", "score > 0.8 and name = solved"), 1),
        (("--since", "1d", "--name", "solved"), 1),
    )
    for asked, number in chosen:
        assert len(run(capsys, "scores", "--json", *asked).told["data"]) == number, asked


@pytest.mark.parametrize("columns", [66, 80])
def test_a_narrow_terminal_leaves_columns_out_and_cuts_no_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    run(capsys, "scores", "add", TRACE, f"a name that is rather long for {columns} columns", "0.123456")
    monkeypatch.setenv("COLUMNS", str(columns))

    lines = run(capsys, "scores", "--limit", "1").lines

    assert all(len(line) <= columns for line in lines)
    (line,) = [line for line in lines if line.startswith("a name") and "0.123456" in line]
    assert f"trace {TRACE}" in line


def test_unknown_ids_and_scores_that_are_none_are_said_in_one_line(
    gateway: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "scores", "show", "nothing")
    assert (done.status, done.err) == (1, "sojourn: no score has the id 'nothing'; `sojourn scores` lists them\n")
    done = run(capsys, "scores", "add", TRACE, "", "1")
    assert (done.status, done.err) == (1, "sojourn: name: must be a text that is not empty\n")
    with pytest.raises(GatewayFault, match="name: must be a text that is not empty"):
        Embedded(gateway.engine, gateway.project).add_score({"resource_id": TRACE, "name": "", "score": 1})
    with pytest.raises(SystemExit):
        run(capsys, "scores", "add", TRACE, "helpful", "nan")
    assert run(capsys, "scores", "--of", "nobody").out == "No score matches.\n"
