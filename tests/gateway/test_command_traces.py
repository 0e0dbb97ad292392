"""`sojourn traces`: what it lists and shows, in any width, and what it says when it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from sojourn.home import Home
from sojourn_gateway.command.embedded import Embedded
from sojourn_gateway.settings import Settings
from tests.gateway.commands import announce, run
from tests.gateway.serving import served
from tests.gateway.story import support_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served


@pytest.fixture(scope="module")
def gateway(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway of this file's own project."""
    folder = tmp_path_factory.mktemp("traces")
    with served(engine, Home(folder), Settings(project=f"{folder.name}-{uuid4().hex[:8]}")) as running:
        running.keep(support_session("order-4812"), end_state="Fail")
        yield running


@pytest.fixture(autouse=True)
def _announced(gateway: Served, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(gateway, home)
    monkeypatch.setenv("COLUMNS", "160")


def test_the_list_is_that_of_the_api_sorted_and_cut_as_it_was_asked(
    gateway: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    told = run(capsys, "traces", "--json", "--sort", "latency", "--ascending", "--limit", "1", "--page", "2").told

    assert told == gateway.get("/v1/traces", limit=1, offset=1, sort_by="latency", sort_order="asc").json()
    assert told["pagination"] == {"total": 2, "limit": 1, "offset": 1}
    page = run(capsys, "traces", "--limit", "1")
    assert "1 to 1 of 2 traces; --page 2 shows the next" in page.out
    assert "2 to 2 of 2 traces\n" in run(capsys, "traces", "--limit", "1", "--page", "2").out


def test_the_store_itself_answers_as_the_gateway_does(gateway: Served, capsys: pytest.CaptureFixture[str]) -> None:
    embedded = Embedded(gateway.engine, gateway.project)

    for listed in ("sessions", "traces", "spans", "scores"):
        asked = {"limit": "20", "filter": None}
        assert run(capsys, listed, "--json").told == embedded.page(listed, asked)
    (trace, _) = gateway.data("/v1/traces")
    assert run(capsys, "traces", "show", trace["id"], "--json").told == {"data": embedded.trace(trace["id"])}


def test_options_narrow_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    for options, number in (
        (("--filter", "status = ERROR and prompt_tokens > 10"), 1),
        (("--filter", "prompt_tokens < 10"), 0),
        (("--session", "order-4812"), 2),
        (("--session", "another"), 0),
        (("--since", "1d"), 2),
        (("--until", "2020-01-01"), 0),
        (("--search", "warehouse"), 2),
        (("--user", "ada"), 1),
    ):
        assert len(run(capsys, "traces", "--json", *options).told["data"]) == number, options
    assert run(capsys, "traces", "--session", "another").out == "No trace matches.\n"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_narrow_terminal_leaves_columns_out_and_cuts_no_number(
    gateway: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    (one, other) = gateway.data("/v1/traces")

    lines = run(capsys, "traces").lines

    assert all(len(line) <= columns for line in lines)
    assert one["id"] in lines[2] + lines[3]
    assert other["id"] in lines[2] + lines[3]
    assert (lines[2] + lines[3]).count("$0.000") == 2
    assert not any("…" in line[lines[0].index("Id") :] for line in lines[:4])


def test_one_is_shown_as_a_tree_also_by_the_id_with_dashes(gateway: Served, capsys: pytest.CaptureFixture[str]) -> None:
    trace = next(one for one in gateway.data("/v1/traces") if one["errors"])
    gateway.client.post("/v1/scores", json={"resource_id": trace["id"], "name": "helpful", "score": 0.5, "label": "so"})

    shown = run(capsys, "traces", "show", str(UUID(trace["id"])))

    assert shown.status == 0
    for told in (f"id {trace['id']}", "session order-4812", "├─ chat", "carrier_status ✗", "score helpful: 0.5 (so)"):
        assert told in shown.out
    assert "error in execute_tool carrier_status: the carrier did not answer" in shown.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "nothing"), "no trace has the id 'nothing'; `sojourn traces` lists them"),
        (("--filter", "cost ="), "character 7 of the filter: expected a value, found the end"),
        (("--filter", "colour = red"), "character 1 of the filter: "),
        (("--since", "2h"), "traces are chosen by days (UTC): give --since a date such as "),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    done = run(capsys, "traces", *arguments)

    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"sojourn: {words}")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--limit", "0"), ("--since", "soon"), ("--sort", "colour")])
def test_what_is_not_understood_is_a_matter_of_the_command_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as told:
        run(capsys, "traces", *arguments)

    assert told.value.code == 2


def test_a_gateway_that_demands_keys_opens_to_whoever_has_its_home_and_says_so_to_others(
    engine: Engine, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(engine, Home(home), Settings(project=tmp_path.name, require_keys=True)) as closed:
        announce(closed, home)
        assert run(capsys, "traces").out == "No trace was recorded yet.\n"

        monkeypatch.setenv("SOJOURN_RECORDS", f"sqlite:///{tmp_path / 'others.db'}")
        done = run(capsys, "traces")

    assert (done.status, done.out) == (1, "")
    assert "demands a key" in done.err
    assert "SOJOURN_RECORDS" in done.err
