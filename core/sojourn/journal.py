"""The journal: files of one recording process, where spans and session events are safe from the death of the process.

Layout of a file (all integers little-endian)::

    magic      8 bytes   b"SOJOURN" and the version, 1
    length     u32       of the header
    crc32      u32       of the header
    header     JSON      `Header`
    then frames, each:
    kind       u8        `Kind`
    length     u32       of the payload
    crc32      u32       of kind and payload
    payload              an OTLP export request, protobuf

Beside it lies `<name>.ack`: the offset (u64) up to which an endpoint has acknowledged the frames, and its crc32. The
owner holds an exclusive lock on the file for as long as it lives: a free lock means a dead owner, and only the holder
of the lock deletes. A torn tail (the process died while writing) ends the reading; what stands before it is whole.

A process that records much writes one such file after the other, a chain (`sojourn.chain`): their headers bear one
`chain` and count up, and each names the sessions that were open when it was begun, since earlier files go as soon as
they are delivered.
See docs/adr/0003-journal-first.md.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
import zlib
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = [
    "MAX_FRAME",
    "Frame",
    "Header",
    "Journal",
    "Kind",
    "NotAJournal",
    "Orphan",
    "acknowledged",
    "adopt",
    "damaged",
    "discard",
    "identify",
    "owned",
    "paths",
    "read",
    "remember",
    "set_aside",
    "succeed",
]

SUFFIX: Final = ".journal"
MAGIC: Final = b"SOJOURN\x01"
MAX_FRAME: Final = 256 * 1024 * 1024
"""A length above this is no frame of ours but a torn or foreign one."""

_PREFIX: Final = struct.Struct("<8sII")
_FRAME: Final = struct.Struct("<BII")
_ACK: Final = struct.Struct("<QI")


class Kind(IntEnum):
    """What a frame's payload is."""

    TRACES = 1
    """`ExportTraceServiceRequest` of finished spans."""
    LOGS = 2
    """`ExportLogsServiceRequest` of session events and logs."""
    PENDING = 3
    """`ExportTraceServiceRequest` of spans that were still open: for our own gateway only."""


class NotAJournal(ValueError):
    """The file does not begin as a journal of a version that we know."""


class Header(NamedTuple):
    """Who wrote a journal, and where it is to go."""

    journal_id: str
    pid: int
    host: str
    boot_id: str
    endpoint: str | None
    """Base URL that the owner delivers to; None when any gateway of this home may adopt it."""
    key_fingerprint: str | None
    """First 16 hex digits of the key's SHA-256; a journal with one is only sent with that key."""
    created_ns: int
    """When the process began to write its journal, its first file."""
    # What follows came later: files without it are still read.
    chain_id: str = ""
    number: int = 0
    """Counts the files of a chain."""
    sessions: tuple[str, ...] = ()
    """What the process had started before this file and not ended yet."""

    @property
    def chain(self) -> str:
        """What the files of one process have in common."""
        return self.chain_id or self.journal_id


class Frame(NamedTuple):
    """One OTLP request, and where in the file the next one begins."""

    kind: Kind
    payload: bytes
    end: int


class Journal:
    """A file that this process owns: opened once, appended to by one thread, closed at exit.

    Appending is one `write` to the operating system: what was appended survives the death of the process (not a
    power cut: nothing is synced, since the caller must not wait for a disk).
    """

    def __init__(self, folder: Path, header: Header) -> None:
        """Create a new journal in `folder`, locked by this process. Raises OSError."""
        self.header = header
        # By these names the files of a folder sort by age, and those of a chain by their number.
        name = f"{header.created_ns // 1_000_000:013}-{header.pid}-{header.chain[:12]}-{header.number:06}"
        self.path = folder / f"{name}{SUFFIX}"
        fresh = self.path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        self._file: IO[bytes] = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            _lock(self._file)
            told = json.dumps(header._asdict(), separators=(",", ":")).encode()
            _write_all(self._file, _PREFIX.pack(MAGIC, len(told), zlib.crc32(told)) + told)
            # Renamed only when locked and whole: a reader never meets a journal that looks orphaned at birth.
            fresh.rename(self.path)
        except BaseException:
            self._file.close()
            fresh.unlink(missing_ok=True)
            raise
        self.begin = self.size = _PREFIX.size + len(told)

    def append(self, kind: Kind, payload: bytes) -> int:
        """Append a frame and return the offset of its end.

        Raises OSError when the disk refuses; then the file is cut back to its last whole frame.
        """
        head = bytes([kind])
        frame = _FRAME.pack(kind, len(payload), zlib.crc32(payload, zlib.crc32(head))) + payload
        try:
            _write_all(self._file, frame)
        except OSError:
            with suppress(OSError):
                self._file.truncate(self.size)
                self._file.seek(self.size)
            raise
        # Asked, not added up: a signal handler may have appended in between.
        self.size = self._file.tell()
        return self.size

    def frames(self, start: int) -> Iterator[Frame]:
        """The whole frames from offset `start`, as far as they are written now. Raises OSError at once."""
        return _frames_of(self.path.open("rb"), max(start, self.begin))

    @property
    def present(self) -> bool:
        """Whether others find the file: it may have been deleted or moved away under us."""
        try:
            return os.fstat(self._file.fileno()).st_ino == self.path.stat().st_ino
        except OSError:
            return False

    def salvage(self, start: int) -> Iterator[Frame]:
        """The frames from `start` of a file that is not `present` any more: read through what we hold of it."""
        try:
            yield from _read_frames(self._file, max(start, self.begin))
        finally:
            self._file.seek(self.size)

    def acknowledge(self, offset: int) -> None:
        """Remember that everything before `offset` was taken over by an endpoint. Raises OSError."""
        remember(self.path, offset)

    def close(self, *, remove: bool) -> None:
        """Give the journal up: removed when everything in it was acknowledged, else left for others to deliver."""
        _close(self._file, self.path, remove=remove)

    def leave_in_child(self) -> None:
        """After `fork`, in the child: drop the descriptor. The lock stays with the parent, who still holds it."""
        self._file.close()


class Orphan:
    """A dead process's journal, adopted: locked until it is closed."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self._file = file
        # Only what is whole: a torn tail is never going to be delivered.
        self.size = 0
        self.header, frames = read(path)
        for frame in frames:
            self.size = frame.end

    @classmethod
    def adopt(cls, path: Path) -> Orphan | None:
        """Take an orphan over, or None while its owner lives. Raises OSError and `NotAJournal`."""
        file = adopt(path)
        if file is None:
            return None
        try:
            return cls(path, file)
        except BaseException:
            file.close()
            raise

    def frames(self, start: int) -> Iterator[Frame]:
        """The whole frames from offset `start`."""
        return read(self.path, start)[1]

    def acknowledge(self, offset: int) -> None:
        """Remember that everything before `offset` was taken over by an endpoint. Raises OSError."""
        remember(self.path, offset)

    def close(self, *, remove: bool) -> None:
        """Let go of the journal, or remove it when it was delivered whole."""
        _close(self._file, self.path, remove=remove)


def _close(file: IO[bytes], path: Path, *, remove: bool) -> None:
    # While the lock is still held, so that nobody adopts what is about to vanish; Windows removes closed files only.
    try:
        if remove and sys.platform != "win32":
            discard(path)
    finally:
        file.close()
    if remove and sys.platform == "win32":
        with suppress(OSError):
            discard(path)


def paths(folder: Path) -> list[Path]:
    """The journals of a folder, oldest first; empty when there is no such folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    except OSError:
        return []


def owned(path: Path) -> bool:
    """Whether a living process holds this journal."""
    taken = adopt(path)
    if taken is None:
        return path.exists()
    taken.close()
    return False


def adopt(path: Path) -> IO[bytes] | None:
    """Take over an orphan: its file, locked for as long as it stays open. None while its owner lives, or when gone."""
    try:
        file = path.open("r+b", buffering=0)
    except OSError:
        return None
    try:
        _lock(file)
        # Between opening and locking, another adopter may have delivered and removed it.
        if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            return file
    except OSError:
        pass
    file.close()
    return None


def read(path: Path, start: int = 0) -> tuple[Header, Iterator[Frame]]:
    """The header, and the whole frames from offset `start` (an end of a frame; 0: from the first).

    Reads without a lock, so also what a living process has written so far. Raises OSError and `NotAJournal`.
    """
    with path.open("rb") as file:
        header, begin = _read_header(file)
    return header, _frames(path, max(start, begin))


def _read_header(file: IO[bytes]) -> tuple[Header, int]:
    prefix = file.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        raise NotAJournal("too short")
    magic, length, crc = _PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise NotAJournal(f"begins with {magic!r}")
    told = file.read(length) if length <= MAX_FRAME else b""
    if len(told) != length or zlib.crc32(told) != crc:
        raise NotAJournal("its header is damaged")
    try:
        return _parse_header(json.loads(told)), file.tell()
    except (AttributeError, TypeError, ValueError) as fault:
        raise NotAJournal(f"its header is not understood: {fault}") from fault


def _parse_header(told: dict[str, Any]) -> Header:
    # A field of a later release changes nothing of what we know.
    known: dict[str, Any] = {name: told[name] for name in Header._fields if name in told}
    known["sessions"] = tuple(map(str, known.get("sessions", ())))
    return Header(**known)


def _frames(path: Path, start: int) -> Iterator[Frame]:
    # Opened only when the first frame is asked for, so that a reader of the header alone leaves nothing open.
    yield from _frames_of(path.open("rb"), start)


def _frames_of(file: IO[bytes], start: int) -> Iterator[Frame]:
    with file:
        yield from _read_frames(file, start)


def _read_frames(file: IO[bytes], start: int) -> Iterator[Frame]:
    file.seek(start)
    while len(head := file.read(_FRAME.size)) == _FRAME.size:
        kind, length, crc = _FRAME.unpack(head)
        if length > MAX_FRAME or kind not in Kind.__members__.values():
            return
        payload = file.read(length)
        if len(payload) < length or zlib.crc32(payload, zlib.crc32(head[:1])) != crc:
            return
        yield Frame(Kind(kind), payload, file.tell())


def damaged(path: Path) -> bool:
    """Whether something that is no torn tail stands behind the whole frames: bytes that changed on the disk.

    A torn tail is a frame shorter than it says, cut by the death of its writer. Raises OSError and `NotAJournal`.
    """
    with path.open("rb") as file:
        _, end = _read_header(file)
        for frame in _frames(path, end):
            end = frame.end
        file.seek(end)
        head = file.read(_FRAME.size)
        if len(head) < _FRAME.size:
            return False
        kind, length, _ = _FRAME.unpack(head)
        if length > MAX_FRAME or kind not in Kind.__members__.values():
            return True
        return len(file.read(length)) == int(length)


def set_aside(path: Path) -> Path:
    """Rename a damaged journal, so that nobody takes it for one and nothing of it is lost. Raises OSError."""
    aside = path.with_suffix(".damaged")
    path.rename(aside)
    return aside


def acknowledged(path: Path) -> int:
    """The offset up to which the frames were taken over by an endpoint; 0 when nothing was, or nobody knows."""
    try:
        told = path.with_suffix(".ack").read_bytes()
        offset, crc = _ACK.unpack(told)
    except (OSError, struct.error):
        return 0
    return int(offset) if zlib.crc32(told[:8]) == crc else 0


def remember(path: Path, offset: int) -> None:
    """Write the acknowledged offset of a journal, for its owner or its adopter. Raises OSError."""
    told = struct.pack("<Q", offset)
    fresh = path.with_suffix(".ack-new")
    fresh.write_bytes(told + struct.pack("<I", zlib.crc32(told)))
    fresh.replace(path.with_suffix(".ack"))


def discard(path: Path) -> None:
    """Remove a journal and its sidecar; only the holder of its lock may."""
    path.unlink(missing_ok=True)
    path.with_suffix(".ack").unlink(missing_ok=True)


def identify(pid: int, host: str, endpoint: str | None, key_fingerprint: str | None) -> Header:
    """The header of a new journal of this process."""
    return Header(
        journal_id=uuid4().hex,
        pid=pid,
        host=host,
        boot_id=_boot_id(),
        endpoint=endpoint,
        key_fingerprint=key_fingerprint,
        created_ns=time.time_ns(),
    )


def succeed(header: Header, sessions: Iterable[str]) -> Header:
    """The header of the file that follows in a chain; `sessions` are those that the process has open now."""
    return header._replace(
        journal_id=uuid4().hex, chain_id=header.chain, number=header.number + 1, sessions=tuple(sessions)
    )


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    except OSError:
        return ""


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


if sys.platform == "win32":

    def _lock(file: IO[bytes]) -> None:
        # Mandatory on Windows, so it covers a byte far behind the content, which others may still read.
        position = file.tell()
        file.seek(1 << 40)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        finally:
            file.seek(position)

else:

    def _lock(file: IO[bytes]) -> None:
        """Lock exclusively or raise OSError at once."""
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
