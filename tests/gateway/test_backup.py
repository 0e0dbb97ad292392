"""The commands over a real gateway: backup under steady ingest and restore elsewhere, export and import, doctor."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sojourn.home import Home
from sojourn_gateway.command import main
from tests.gateway.story import session_events, support_session
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

SOJOURN = (sys.executable, "-c", "import sys; from sojourn.command import main; sys.exit(main())")
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+$", re.MULTILINE)
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def environment(home: Home) -> dict[str, str]:
    """That of a command of this home."""
    return {**os.environ, "SOJOURN_HOME": str(home.root), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "COLUMNS": "200"}


def apart(home: Home, *arguments: str) -> str:
    """What `sojourn` says, in a process of its own: an engine opens one folder per process."""
    ran = subprocess.run(
        [*SOJOURN, *arguments], capture_output=True, text=True, check=False, timeout=300, env=environment(home)
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def run(home: Home, *arguments: str, good: bool = True) -> str:
    """What `sojourn` says, here: by a running gateway, or before anything is opened."""
    out, fault = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(fault):
        patched.setenv("SOJOURN_HOME", str(home.root))
        status = main(arguments)
    assert (status == 0) is good, out.getvalue() + fault.getvalue()
    return out.getvalue() if good else fault.getvalue()


@contextmanager
def serving(home: Home) -> Generator[str]:
    """`sojourn serve` over a home; its address."""
    with subprocess.Popen(
        [*SOJOURN, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(home),
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl+C" in line:
                break
        found = ADDRESS.search("".join(said))
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        try:
            assert found is not None, "".join(said)
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(300) == 0
            drain.join()


def keep(url: str, session: str) -> None:
    """Store a session."""
    story = support_session(session).encoded()
    assert httpx.post(f"{url}/v1/traces", content=story, headers=PROTOBUF, timeout=300).status_code == 200
    events = session_events(session, name=session, end_state="Success")
    told = {"Content-Type": "application/json"}
    assert httpx.post(f"{url}/v1/logs", content=events, headers=told, timeout=300).status_code == 200


def shown(listed: str) -> dict[str, Any]:
    """What a list in JSON says of each session."""
    return {one["id"]: one for one in json.loads(listed)["data"]}


LIST = ("sessions", "--json", "--limit", "1000")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with an attached file."""
    home = Home(tmp_path_factory.mktemp("busy") / "home")
    home.make(home.attachments)
    (home.attachments / "a").write_text("attached")
    return home


@pytest.fixture(scope="module")
def gateway(home: Home) -> Iterator[str]:
    """A gateway that serves it."""
    with serving(home) as url:
        keep(url, "first")
        yield url


def test_what_was_backed_up_under_steady_ingest_is_restored_elsewhere_with_equal_sums(
    home: Home, gateway: str, tmp_path: Path
) -> None:
    stopping = threading.Event()
    kept: list[str] = []

    def ingest() -> None:
        while not stopping.is_set():
            name = f"s{len(kept):03}"
            keep(gateway, name)
            kept.append(name)

    sender = threading.Thread(target=ingest)
    sender.start()
    try:
        until(lambda: len(kept) >= 2, within_s=120)
        certain = list(kept)
        run(home, "backup", str(tmp_path / "backup"))
        before = len(kept)
        until(lambda: len(kept) > before, within_s=120)
    finally:
        stopping.set()
        sender.join()
    other = Home(tmp_path / "other")
    # Whoever made a backup must not say where programs of this machine deliver from now on.
    (tmp_path / "backup" / "gateway.json").write_text('{"url": "http://127.0.0.1:1", "pid": 1}')
    apart(other, "restore", str(tmp_path / "backup"))
    assert other.gateway() is None
    restored, now = shown(apart(other, *LIST)), shown(run(home, *LIST))
    # Of the one session that was coming in, the backup may hold a part.
    whole = {name: one for name, one in restored.items() if now[name] == one}
    assert set(whole) >= {"first", *certain}
    assert len(restored) - len(whole) <= 1
    assert (other.attachments / "a").read_text() == "attached"
    assert "holds data already" in run(other, "restore", str(tmp_path / "backup"), good=False)
    apart(other, "restore", str(tmp_path / "backup"), "--force")
    assert len(list(other.root.glob("before-restore-*"))) == 1
    assert other.engine.exists()


def test_what_was_exported_is_imported_into_an_empty_home_without_a_gateway(
    home: Home, gateway: str, tmp_path: Path
) -> None:
    keep(gateway, "exported")
    run(home, "export", "-o", f"{tmp_path}/export/")
    files = sorted(str(path) for path in (tmp_path / "export").iterdir())
    assert [path.rpartition("/")[2] for path in files] == ["logs.otlp", "traces.otlp"]
    other = Home(tmp_path / "other")
    apart(other, "import", *files, *files)
    assert shown(apart(other, *LIST)) == shown(run(home, *LIST))


def test_commands_change_the_store_of_a_running_gateway(home: Home, gateway: str) -> None:
    keep(gateway, "to erase")
    assert "say --yes" in run(home, "erase", "session", "to erase", good=False)
    assert "erased: 1 sessions" in run(home, "erase", "session", "to erase", "--yes")
    assert "nothing is kept" in run(home, "erase", "session", "to erase", "--yes", good=False)
    assert run(home, "keep") == "keeps sessions for ever\n"
    assert run(home, "keep", "--days", "30000", "--size", "20GB") == "keeps sessions for 30,000 days, at most 20 GB\n"
    assert run(home, "clean") == "nothing to remove\n"
    assert run(home, "prices") == "every model call has a price\n"
    assert run(home, "prices", "recompute").endswith("priced anew\n")


def test_the_doctor_says_how_large_the_store_is_and_how_much_room_is_left(home: Home, gateway: str) -> None:
    del gateway
    report = json.loads(run(home, "doctor", "--json"))
    said = {finding["what"]: finding["said"] for finding in report["findings"]}
    assert re.search(r"open in the gateway, process \d+; .+ in \d+ parts? \(.+\); lists show", said["store"])
    assert said["disk"].endswith(" free")


def test_a_folder_that_is_no_backup_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    (tmp_path / "nothing").mkdir()
    assert "is no backup" in run(home, "restore", str(tmp_path / "nothing"), good=False)
    (tmp_path / "nothing" / "backup.json").write_text('{"format": 1000, "sojourn": "9"}')
    assert "does not know" in run(home, "restore", str(tmp_path / "nothing"), good=False)
    (tmp_path / "nothing" / "backup.json").write_text('{"format": 1, "sojourn": "1"}')
    (tmp_path / "nothing" / "files").mkdir()
    (tmp_path / "nothing" / "files" / "all.jsonl").symlink_to("/etc/hosts")
    assert "all.jsonl is a link" in run(home, "restore", str(tmp_path / "nothing"), good=False)
    assert not home.engine.exists()


def test_a_restore_that_fails_on_its_last_step_leaves_the_home_as_it_was(tmp_path: Path) -> None:
    home, folder = Home(tmp_path / "home"), tmp_path / "backup"
    apart(home, "backup", str(folder))
    for root, words in ((home.root, "mine"), (folder, "of the backup")):
        # A folder of this name is never moved aside: there is no place for the other one.
        for name in ("attachments", "before-restore-1"):
            (root / name).mkdir(parents=True)
            (root / name / "a").write_text(words)
    before = sorted(str(path.relative_to(home.root)) for path in home.root.glob("*"))

    ran = subprocess.run(
        [*SOJOURN, "restore", "--force", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=environment(home),
    )

    assert ran.returncode == 1
    assert "could not be restored" in ran.stderr
    assert "move it back" not in ran.stderr
    assert sorted(str(path.relative_to(home.root)) for path in home.root.glob("*")) == before
    assert (home.attachments / "a").read_text() == "mine"
    assert apart(home, "sessions", "--json").strip().startswith(("{", "["))


def test_a_backup_goes_into_an_empty_folder_outside_of_the_store_only(home: Home, gateway: str, tmp_path: Path) -> None:
    del gateway
    (tmp_path / "something").write_text("")
    assert "is not empty" in run(home, "backup", str(tmp_path), good=False)
    assert "lies within the store" in run(home, "backup", str(home.engine / "x"), good=False)
