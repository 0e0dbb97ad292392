"""The journal's format: what was appended is read back, what is torn is not, and locks tell who lives."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sojourn import journal
from sojourn.journal import Frame, Journal, Kind, Orphan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "journal"
    made.mkdir()
    return made


def new_journal(folder: Path) -> Journal:
    return Journal(folder, journal.identify(os.getpid(), "host-1", "http://127.0.0.1:9", "00ff"))


def payloads(path: Path, start: int = 0) -> list[tuple[Kind, bytes]]:
    return [(frame.kind, frame.payload) for frame in journal.read(path, start)[1]]


def test_frames_come_back_in_order_with_their_kinds(folder: Path) -> None:
    own = new_journal(folder)
    own.append(Kind.TRACES, b"one")
    own.append(Kind.LOGS, b"")
    own.append(Kind.PENDING, b"\x00" * 100_000)

    header, frames = journal.read(own.path)

    assert header == own.header
    assert [(f.kind, f.payload) for f in frames] == [
        (Kind.TRACES, b"one"),
        (Kind.LOGS, b""),
        (Kind.PENDING, b"\x00" * 100_000),
    ]
    own.close(remove=True)


def test_reading_goes_on_from_the_end_of_a_frame(folder: Path) -> None:
    own = new_journal(folder)
    first = own.append(Kind.TRACES, b"one")
    second = own.append(Kind.TRACES, b"two")

    assert list(journal.read(own.path, first)[1]) == [Frame(Kind.TRACES, b"two", second)]
    own.close(remove=True)


@pytest.mark.parametrize("lost", [1, 4, 8, 9, 10])
def test_a_torn_tail_ends_the_reading_and_spoils_nothing_before_it(folder: Path, lost: int) -> None:
    own = new_journal(folder)
    whole = own.append(Kind.TRACES, b"whole")
    own.append(Kind.TRACES, b"torn")
    own.close(remove=False)
    os.truncate(own.path, own.size - lost)

    assert payloads(own.path) == [(Kind.TRACES, b"whole")]
    orphan = Orphan.adopt(own.path)
    assert orphan is not None
    assert orphan.size == whole
    orphan.close(remove=True)


def test_a_flipped_bit_ends_the_reading(folder: Path) -> None:
    own = new_journal(folder)
    own.append(Kind.TRACES, b"whole")
    end = own.append(Kind.TRACES, b"damaged")
    own.close(remove=False)
    with own.path.open("r+b") as file:
        file.seek(end - 1)
        file.write(b"D")

    assert payloads(own.path) == [(Kind.TRACES, b"whole")]


@pytest.mark.parametrize("content", [b"", b"SOJOURN", b"SOJOURN\x02" + b"\0" * 8, b"x" * 200])
def test_a_file_that_is_no_journal_is_refused_in_words(folder: Path, content: bytes) -> None:
    path = folder / "1-1-abc.journal"
    path.write_bytes(content)

    with pytest.raises(journal.NotAJournal):
        journal.read(path)


def test_a_damaged_header_is_refused(folder: Path) -> None:
    own = new_journal(folder)
    own.close(remove=False)
    with own.path.open("r+b") as file:
        file.seek(20)
        file.write(b"?")

    with pytest.raises(journal.NotAJournal):
        journal.read(own.path)


def test_a_journal_is_private_to_its_user(folder: Path) -> None:
    own = new_journal(folder)

    assert stat.S_IMODE(own.path.stat().st_mode) == 0o600
    own.close(remove=True)


def test_a_living_owners_journal_cannot_be_adopted(folder: Path) -> None:
    own = new_journal(folder)

    assert journal.owned(own.path)
    assert journal.adopt(own.path) is None

    own.close(remove=False)
    assert not journal.owned(own.path)


def test_an_adopted_journal_is_the_adopters_alone(folder: Path) -> None:
    own = new_journal(folder)
    own.append(Kind.TRACES, b"one")
    own.close(remove=False)

    orphan = Orphan.adopt(own.path)
    assert orphan is not None
    assert Orphan.adopt(own.path) is None
    orphan.close(remove=True)
    assert list(folder.iterdir()) == []


def test_the_acknowledged_offset_survives_and_damage_to_it_means_nothing_was_acknowledged(folder: Path) -> None:
    own = new_journal(folder)
    assert journal.acknowledged(own.path) == 0
    end = own.append(Kind.TRACES, b"one")
    own.acknowledge(end)
    assert journal.acknowledged(own.path) == end

    own.path.with_suffix(".ack").write_bytes(b"\x01" * 12)
    assert journal.acknowledged(own.path) == 0
    own.close(remove=True)
    assert list(folder.iterdir()) == []


def test_a_full_disk_leaves_whole_frames_and_the_journal_goes_on_afterwards(tmp_path: Path) -> None:
    """The limit on the size of files stands in for the full disk: both refuse in the middle of a write."""
    program = """
import os, resource, signal, sys
from pathlib import Path
from sojourn import journal
from sojourn.journal import Journal, Kind
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
own = Journal(Path(sys.argv[1]), journal.identify(os.getpid(), "h", None, None))
own.append(Kind.TRACES, b"before")
resource.setrlimit(resource.RLIMIT_FSIZE, (own.size + 50, resource.RLIM_INFINITY))
try:
    own.append(Kind.TRACES, b"x" * 500)
except OSError as fault:
    print(fault.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
own.append(Kind.TRACES, b"after")
own.close(remove=False)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)

    assert done.stdout == "File too large\n"
    [path] = journal.paths(tmp_path)
    assert payloads(path) == [(Kind.TRACES, b"before"), (Kind.TRACES, b"after")]


def test_what_was_appended_survives_kill_9(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from sojourn import journal
from sojourn.journal import Journal, Kind
own = Journal(Path(sys.argv[1]), journal.identify(os.getpid(), "h", None, None))
for number in range(1000):
    own.append(Kind.TRACES, b"%d" % number * 100)
print("written", flush=True)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)

    [path] = journal.paths(tmp_path)
    assert not journal.owned(path)
    assert payloads(path) == [(Kind.TRACES, b"%d" % number * 100) for number in range(1000)]
