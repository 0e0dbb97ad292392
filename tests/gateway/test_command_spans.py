"""`sojourn spans`: the steps of all traces, and one with what went in and came out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from sojourn.home import Home
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
    folder = tmp_path_factory.mktemp("spans")
    with served(engine, Home(folder), Settings(project=f"{folder.name}-{uuid4().hex[:8]}")) as running:
        running.keep(support_session("order-4812"), end_state="Fail")
        yield running


@pytest.fixture(autouse=True)
def _announced(gateway: Served, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(gateway, home)
    monkeypatch.setenv("COLUMNS", "160")


def test_the_list_is_that_of_the_api(gateway: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "spans", "--json").told == gateway.get("/v1/spans", limit=20).json()


def test_options_narrow_the_list(gateway: Served, capsys: pytest.CaptureFixture[str]) -> None:
    spans = gateway.data("/v1/spans")
    trace = spans[0]["trace_id"]
    for options, chosen in (
        (("--kind", "call"), [one for one in spans if one["type"] == "GENERATION"]),
        (("--status", "ERROR"), [one for one in spans if one["status"] == "ERROR"]),
        (("--trace", trace), [one for one in spans if one["trace_id"] == trace]),
        (("--filter", "latency_ms > 100000000"), []),
        (("--since", "2h", "--name", "carrier"), [one for one in spans if "carrier" in one["name"]]),
        (("--session", "another"), []),
    ):
        found = run(capsys, "spans", "--json", *options).told["data"]
        assert [one["id"] for one in found] == [one["id"] for one in chosen], options
    assert run(capsys, "spans", "--session", "another").out == "No step matches.\n"


@pytest.mark.parametrize("columns", [60, 80])
def test_a_narrow_terminal_leaves_columns_out_and_cuts_no_number(
    gateway: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    lines = run(capsys, "spans").lines

    assert all(len(line) <= columns for line in lines)
    assert all(any(one["id"] in line for line in lines) for one in gateway.data("/v1/spans"))
    assert not any("…" in line[lines[0].index("Id") :] for line in lines[:-1])


def test_one_is_shown_with_what_went_in_and_came_out(gateway: Served, capsys: pytest.CaptureFixture[str]) -> None:
    wholes = [gateway.data(f"/v1/spans/{one['id']}") for one in gateway.data("/v1/spans", type="GENERATION")]
    call = whole = next(one for one in wholes if one["input"] and one["output"])

    shown = run(capsys, "spans", "show", call["id"])

    assert shown.status == 0
    for told in (
        f"id {call['id']}",
        f"trace {call['trace_id']}",
        "session order-4812",
        "Input",
        "Output",
        "Attributes",
    ):
        assert told in shown.out
    assert run(capsys, "spans", "show", call["id"], "--json").told == {"data": whole}


def test_an_unknown_id_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "spans", "show", "nothing")

    assert (done.status, done.out) == (1, "")
    assert done.err == "sojourn: no step has the id 'nothing'; `sojourn spans` lists them\n"
