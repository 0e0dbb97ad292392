"""The command as a person runs it: a process of its own, over a home of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sojourn import journal
from sojourn.home import Home
from tests.gateway.story import UNPRICED, session_events, support_session
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOJOURN = (sys.executable, "-c", "import sys; from sojourn.command import main; sys.exit(main())")
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+$", re.MULTILINE)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with two sessions in the journal of a program that has ended."""
    home = Home(tmp_path_factory.mktemp("recorded") / "home")
    told = journal.identify(pid=1, host="elsewhere", endpoint=None, key_fingerprint=None)
    written = journal.Journal(home.make(home.journals), told)
    for session_id, name, end_state, model in (
        ("order-4812", "Order \x1b[31m4812", "Fail", "gpt-4o-mini"),
        ("order-9999", "Digest", "Success", UNPRICED),
    ):
        logs = session_events(session_id, name=name, end_state=end_state)
        written.append(journal.Kind.TRACES, support_session(session_id, model=model).encoded())
        written.append(journal.Kind.LOGS, logs_as_protobuf(logs))
    written.close(remove=False)
    return home


def logs_as_protobuf(body: bytes) -> bytes:
    """What the SDK's journal holds is protobuf."""
    from sojourn_gateway.ingest import otlp_json

    return otlp_json.to_protobuf("logs", body)


def run(home: Home, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `sojourn`, and wait for its end."""
    return subprocess.run(
        [*SOJOURN, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "SOJOURN_HOME": str(home.root), "COLUMNS": "160", "PYTHONUTF8": "1", **environ},
    )


@pytest.fixture
def running(recorded: Home) -> Iterator[str]:
    """`sojourn serve` over the recorded home; its address."""
    with subprocess.Popen(
        [*SOJOURN, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "SOJOURN_HOME": str(recorded.root), "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        url = None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if found := ADDRESS.search(line.rstrip()):
                url = found[0]
            if "Ctrl+C" in line:
                break
        assert url is not None, "".join(said)
        # Whoever does not read lets the pipe fill.
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        yield url
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0
        drain.join()
    assert recorded.gateway() is None


def test_the_list_comes_straight_from_the_journal_when_no_gateway_runs(recorded: Home) -> None:
    done = run(recorded, "sessions", "--sort", "name", "--ascending")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.index("Digest") < done.stdout.index("4812")
    assert "unpriced" in done.stdout
    assert "\x1b" not in done.stdout


def test_json_of_command_and_gateway_are_the_same(recorded: Home, running: str) -> None:
    def same() -> dict[str, Any] | None:
        before = httpx.get(f"{running}/v1/sessions?limit=20", timeout=300).json()
        told: dict[str, Any] = json.loads(run(recorded, "sessions", "--json").stdout)
        return told if told == before and [one["state"] for one in told["data"]] == ["Success", "Fail"] else None

    # The gateway has just begun to take in what lies in the journal, and may go on between the two questions.
    assert {session["id"] for session in until(same)["data"]} == {"order-4812", "order-9999"}


def test_a_session_is_shown_as_a_tree_with_its_numbers(recorded: Home) -> None:
    done = run(recorded, "sessions", "show", "order-48")

    assert (done.returncode, done.stderr) == (0, "")
    for told in ("Fail", "it broke", "4,327 tokens", "├─ chat", "1,204 → 88", "carrier_status ✗", "$0.000157"):
        assert told in done.stdout
    assert "error in execute_tool carrier_status: the carrier did not answer" in done.stdout


def test_in_a_narrow_terminal_names_are_cut_and_numbers_never(recorded: Home) -> None:
    done = run(recorded, "sessions", "show", "order-48", COLUMNS="80")

    lines = done.stdout.splitlines()
    header = next(number for number, line in enumerate(lines) if line.startswith("Step"))
    table = [line for line in lines[header:] if not line.startswith("error in")]
    assert all(len(line) <= 80 for line in lines)
    assert not any("…" in line[lines[header].index("Start") :] for line in table)
    assert any("1,204 → 88" in line and "$0.000157" in line for line in table)


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_a_narrow_list_leaves_columns_out_and_cuts_no_number(recorded: Home, columns: int) -> None:
    done = run(recorded, "sessions", COLUMNS=str(columns))

    table = done.stdout.splitlines()[:4]
    assert all(len(line) <= columns for line in table)
    heads = table[0].split()
    assert ("State" in heads, "Cost" in heads, "Turns" in heads) == (True, True, False)
    assert any("$0.000" in line for line in table)
    assert not any("…" in line[table[0].index("Id") :] for line in table)


def test_a_list_tells_ids_apart_that_begin_alike(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    told = journal.identify(pid=1, host="elsewhere", endpoint=None, key_fingerprint=None)
    written = journal.Journal(home.make(home.journals), told)
    for session_id in ("conversation-of-ada", "conversation-of-bob"):
        written.append(journal.Kind.TRACES, support_session(session_id).encoded())
    written.close(remove=False)

    done = run(home, "sessions", COLUMNS="80")

    assert "conversation-of-ada" in done.stdout
    assert "conversation-of-bob" in done.stdout


def test_a_prefix_that_fits_several_names_them(recorded: Home) -> None:
    done = run(recorded, "sessions", "show", "order")

    assert done.returncode == 1
    assert done.stderr.startswith("sojourn: 2 sessions begin with 'order': ")


def test_an_unknown_id_is_said_in_one_line(recorded: Home) -> None:
    done = run(recorded, "sessions", "show", "nobody")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "sojourn: no session has the id 'nobody'; `sojourn sessions` lists them\n"


def test_looking_into_an_empty_home_leaves_it_empty(tmp_path: Path) -> None:
    home = Home(tmp_path / "nothing")

    assert "sojourn.init()" in run(home, "sessions").stdout
    assert json.loads(run(home, "sessions", "--json").stdout)["data"] == []
    assert run(home, "sessions", "show", "x").returncode == 1
    assert not home.root.exists()


def test_a_reader_that_has_read_enough_is_no_error_to_talk_about(recorded: Home) -> None:
    with subprocess.Popen(
        [*SOJOURN, "sessions", "show", "order-4812", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "SOJOURN_HOME": str(recorded.root)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_second_gateway_is_told_where_the_first_one_is(recorded: Home, running: str) -> None:
    done = run(recorded, "serve", "--port", "0")

    assert done.returncode == 1
    assert done.stderr.startswith(f"sojourn: a gateway already serves this home, at {running} (process ")


def test_the_doctor_finds_a_running_gateway_well_and_leaves_no_session_behind(recorded: Home, running: str) -> None:
    def listed() -> set[str]:
        told = httpx.get(f"{running}/v1/sessions?include_implicit=true", timeout=300).json()["data"]
        return {session["id"] for session in told}

    # The gateway has just begun to take in what lies in the journal.
    until(lambda: listed() >= {"order-4812", "order-9999"})

    done = run(recorded, "doctor", "--json")

    report = json.loads(done.stdout)
    assert (done.returncode, report["healthy"], report["gateway"]) == (0, True, running)
    verdicts = {finding["what"]: finding["verdict"] for finding in report["findings"]}
    assert verdicts | {"openai": "ok", "export": "ok", "store": "ok", "gateway": "ok"} == verdicts
    assert listed() == {"order-4812", "order-9999"}


def test_the_doctor_says_that_a_home_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    done = run(Home(tmp_path / "file" / "home"), "doctor")

    assert done.returncode == 1
    assert "cannot be made: recordings stay in memory only" in done.stdout


def test_the_doctor_counts_what_waits_without_taking_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    told = journal.identify(pid=1, host="elsewhere", endpoint=None, key_fingerprint=None)
    written = journal.Journal(home.make(home.journals), told)
    end = written.append(journal.Kind.TRACES, support_session("s").encoded())
    written.close(remove=False)

    report = json.loads(run(home, "doctor", "--json").stdout)

    facts = {"living": 0, "orphaned": 1, "waiting_bytes": end, "damaged": 0, "refused": 0, "folder_bytes": end}
    assert report["journals"] == facts
    assert len(journal.paths(home.journals)) == 1


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    done = run(Home(tmp_path / "home"), "serve", "--host", "gateway.example")

    assert done.returncode == 1
    assert done.stderr.startswith("sojourn: refusing to listen on 'gateway.example': without keys")


def test_a_wrong_setting_is_said_in_one_line(tmp_path: Path) -> None:
    done = run(Home(tmp_path / "home"), "serve", SOJOURN_PORT="many")

    assert done.returncode == 1
    assert done.stderr == "sojourn: SOJOURN_PORT must be a whole number from 1 to 65535, not 'many'\n"


def test_the_version_is_known_without_the_gateway(tmp_path: Path) -> None:
    done = run(Home(tmp_path / "home"), "--version")

    assert re.fullmatch(r"sojourn \d+\.\d+\.\d+\S*\n", done.stdout)


def test_without_the_gateways_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    """The gateway's code is in every installation; here its dependencies are hidden from the interpreter."""
    hiding = (
        "import sys\n"
        "for name in ('rich', 'fastapi', 'uvicorn', 'chdb', 'jinja2', 'clickhouse_connect'):\n"
        "    sys.modules[name] = None\n"
        "from sojourn.command import main\n"
        "sys.exit(main(['sessions']))\n"
    )
    done = subprocess.run([sys.executable, "-c", hiding], capture_output=True, text=True, check=False, timeout=300)

    assert done.returncode == 1
    assert "pip install 'sojourn[gateway]'" in done.stderr
