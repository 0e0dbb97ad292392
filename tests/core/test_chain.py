"""A process's journal as a whole: file after file, within a limit, and in memory while the disk refuses."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING

import pytest

from sojourn import journal
from sojourn.chain import Chain
from sojourn.journal import Frame, Journal, Kind, identify
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIMIT = 1_000_000
"""A file of the chain then holds a quarter of it."""
BODY = b"x" * 100_000


class Kept(Chain):
    """A chain in a folder, that notes what it gave up."""

    def __init__(self, folder: Path, *, limit: int = LIMIT, sessions: Callable[[], tuple[str, ...]] = tuple) -> None:
        self.gone: list[bytes] = []

        def made() -> Path:
            folder.mkdir(parents=True, exist_ok=True)
            return folder

        def lost(frame: Frame) -> None:
            self.gone.append(frame.payload)

        header = identify(os.getpid(), "host-1", None, None)
        super().__init__(made, header, limit_bytes=limit, sessions=sessions, lost=lost)

    def record(self, *payloads: bytes) -> None:
        for payload in payloads:
            self.append(Kind.TRACES, payload)

    def at_home(self) -> bool:
        self.tend()
        return not self.in_memory

    def waiting(self, start: int = 0) -> list[bytes]:
        return [frame.payload for frame in self.frames(start)]


def numbered(count: int) -> list[bytes]:
    return [b"%04d" % number + BODY for number in range(count)]


def on_disk(folder: Path) -> list[bytes]:
    return [frame.payload for path in journal.paths(folder) for frame in journal.read(path)[1]]


def test_a_full_file_is_followed_by_another_and_reading_goes_on_across_them(tmp_path: Path) -> None:
    chain = Kept(tmp_path)
    sent = numbered(6)
    chain.record(*sent)

    assert len(journal.paths(tmp_path)) == 3
    assert chain.waiting() == sent
    assert on_disk(tmp_path) == sent
    third = list(chain.frames(0))[2]
    assert chain.waiting(third.end) == sent[3:]
    assert list(chain.frames(0))[-1].end == chain.size
    chain.close(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_the_files_name_their_chain_their_number_and_the_sessions_that_were_open(tmp_path: Path) -> None:
    running: list[str] = []
    chain = Kept(tmp_path, sessions=lambda: tuple(running))
    running.append("s")
    chain.record(*numbered(6))

    headers = [journal.read(path)[0] for path in journal.paths(tmp_path)]
    assert {header.chain for header in headers} == {headers[0].journal_id}
    assert len({header.journal_id for header in headers}) == 3
    assert [(header.number, header.sessions) for header in headers] == [(0, ()), (1, ("s",)), (2, ("s",))]
    chain.close(remove=True)


def test_files_that_were_taken_over_go_while_the_process_runs(tmp_path: Path) -> None:
    chain = Kept(tmp_path)
    sent = numbered(6)
    chain.record(*sent)
    ends = [frame.end for frame in chain.frames(0)]

    chain.acknowledge(ends[2])
    assert on_disk(tmp_path) == sent[2:]
    assert chain.waiting(ends[2]) == sent[3:]
    assert journal.acknowledged(journal.paths(tmp_path)[0]) > 0
    chain.acknowledge(ends[5])
    assert on_disk(tmp_path) == sent[4:]
    assert chain.waiting_bytes == 0
    chain.close(remove=False)
    assert list(tmp_path.iterdir()) == []


def test_over_the_limit_the_oldest_of_its_own_go_and_are_counted(tmp_path: Path) -> None:
    chain = Kept(tmp_path)
    sent = numbered(20)
    for payload in sent:
        chain.record(payload)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= LIMIT

    kept = on_disk(tmp_path)
    assert kept == sent[-len(kept) :]
    assert chain.gone + kept == sent
    assert chain.waiting() == kept
    chain.close(remove=True)


def orphan(folder: Path, created_ns: int, *payloads: bytes, acknowledge: bool = False) -> Path:
    dead = Journal(folder, identify(1, "h", "http://127.0.0.1:9", "00ff")._replace(created_ns=created_ns))
    for payload in payloads:
        dead.append(Kind.TRACES, payload)
    if acknowledge:
        dead.acknowledge(dead.size)
    dead.close(remove=False)
    return dead.path


def test_over_the_limit_what_was_delivered_goes_first_then_the_oldest_of_the_dead_and_never_what_lives(
    tmp_path: Path,
) -> None:
    living = Journal(tmp_path, identify(1, "h", None, None)._replace(created_ns=1))
    living.append(Kind.TRACES, b"living" + BODY)
    oldest = orphan(tmp_path, 10**15, b"oldest" + BODY * 2)
    younger = orphan(tmp_path, 2 * 10**15, b"younger" + BODY * 2)
    delivered = orphan(tmp_path, 3 * 10**15, b"delivered" + BODY, acknowledge=True)

    first = Kept(tmp_path, limit=800_000)
    assert (oldest.exists(), younger.exists(), delivered.exists()) == (True, True, False)
    second = Kept(tmp_path, limit=600_000)

    assert (oldest.exists(), younger.exists()) == (False, True)
    assert living.path.exists()
    assert (first.gone, second.gone) == ([], [b"oldest" + BODY * 2])
    for chain in (first, second):
        chain.close(remove=True)
    living.close(remove=True)


def test_a_deleted_folder_is_made_again_with_what_nobody_has_taken(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    chain = Kept(folder)
    chain.record(b"taken", b"waits")
    chain.acknowledge(next(chain.frames(0)).end)
    sent = chain.size
    shutil.rmtree(folder)
    chain.record(b"later")

    chain.tend()
    assert on_disk(folder) == [b"waits", b"later"]
    assert chain.waiting(sent - 1) == [b"waits", b"later"]
    assert chain.gone == []
    chain.close(remove=False)
    assert len(journal.paths(folder)) == 1


def test_what_cannot_be_written_is_kept_in_memory_and_comes_home_when_it_can(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    chain = Kept(folder)
    chain.record(b"one")
    shutil.rmtree(folder)
    folder.write_text("somebody put a file here")
    chain.tend()

    assert chain.in_memory
    chain.record(b"two")
    assert chain.waiting() == [b"one", b"two"]

    folder.unlink()
    until(chain.at_home)
    assert on_disk(folder) == [b"one", b"two"]
    chain.close(remove=True)


def test_what_is_in_memory_at_the_end_is_counted_as_lost(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.write_text("a file where the folder should be")
    chain = Kept(folder)
    chain.record(b"taken", b"lost")
    chain.acknowledge(next(chain.frames(0)).end)
    chain.close(remove=False)

    assert chain.gone == [b"lost"]


def test_a_file_system_without_locks_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a lock nobody could tell whether the owner lives."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    chain = Kept(tmp_path)
    chain.record(b"one")

    assert chain.in_memory
    assert list(tmp_path.iterdir()) == []
    assert chain.waiting() == [b"one"]
    monkeypatch.undo()
    until(chain.at_home)
    chain.close(remove=True)


def test_a_process_out_of_descriptors_goes_on_in_the_file_that_it_has(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from sojourn.chain import Chain
from sojourn.journal import Kind, identify
folder = Path(sys.argv[1])
chain = Chain(lambda: folder, identify(1, "h", None, None), limit_bytes=2_000_000)
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
for number in range(6):
    chain.append(Kind.TRACES, b"%d" % number + bytes(100_000))
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(len(list(folder.iterdir())), chain.in_memory)
for number in range(6, 9):
    chain.append(Kind.TRACES, b"%d" % number + bytes(100_000))
print(len(list(folder.iterdir())) > 1)
chain.close(remove=False)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)

    assert done.stdout == "1 False\nTrue\n"
    assert [payload[:1] for payload in on_disk(tmp_path)] == [b"%d" % number for number in range(9)]


def test_two_processes_that_start_in_the_same_millisecond_have_a_file_each(tmp_path: Path) -> None:
    one = identify(os.getpid(), "h", None, None)
    other = identify(os.getpid(), "h", None, None)._replace(created_ns=one.created_ns)
    files = [Journal(tmp_path, one), Journal(tmp_path, other)]
    for number, file in enumerate(files):
        file.append(Kind.TRACES, b"%d" % number)

    assert sorted(on_disk(tmp_path)) == [b"0", b"1"]
    for file in files:
        file.close(remove=True)


def test_the_files_of_a_chain_sort_by_number_whatever_the_clock_does(tmp_path: Path) -> None:
    header = identify(os.getpid(), "h", None, None)
    files: list[Journal] = []
    for _ in range(12):
        files.append(Journal(tmp_path, header))
        header = journal.succeed(header, ())

    assert journal.paths(tmp_path) == [file.path for file in files]
    for file in files:
        file.close(remove=True)


@pytest.mark.parametrize("newer", [False, True])
def test_journals_of_older_and_newer_releases_are_read(tmp_path: Path, newer: bool) -> None:
    header = identify(1, "h", None, None)
    told = header._asdict()
    if newer:
        told["invented_later"] = {"a": 1}
    else:
        for name in ("chain_id", "number", "sessions"):
            del told[name]
    text = json.dumps(told).encode()
    path = tmp_path / "1-2-abc.journal"
    path.write_bytes(struct.pack("<8sII", b"SOJOURN\x01", len(text), zlib.crc32(text)) + text)

    assert journal.read(path)[0] == header
    assert header.chain == header.journal_id
