"""This process's journal as a whole: file after file, with a place in memory for when the disk does not take any."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Final

from sojourn import faults, journal
from sojourn.journal import Frame, Journal
from sojourn.memory import MemoryJournal
from sojourn.room import make_room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sojourn.journal import Header, Kind

__all__ = ["Chain"]

FILE_BYTES: Final = 16 * 1024 * 1024
MAX_FILES: Final = 64
"""Each file is a descriptor of the program, so a larger limit makes larger files, not more."""
LOOK_S: Final = 0.5
"""How often it is looked whether the files are still there."""
FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 30.0


class _Link:
    """One file of the chain, or what is in memory. Offsets of the chain are `base` and the offset in the file."""

    __slots__ = ("acked", "base", "held", "last")

    def __init__(self, held: Journal | MemoryJournal, base: int) -> None:
        self.held = held
        self.base = base
        self.last = 0
        """End of the last frame, in the file."""
        self.acked = 0

    @property
    def done(self) -> bool:
        return self.acked >= self.last

    @property
    def waiting(self) -> int:
        return 0 if self.done else self.last - max(self.acked, self.held.begin)


class Chain:
    """Takes frames and never fails: to the newest file, else, while the disk refuses, to memory.

    A new file is begun when the newest is full; those that were acknowledged whole go at once. What is in memory goes
    to a file as soon as the disk takes one again, and so does what was written to a file that somebody deleted.
    `append`, `tend` and `close` are called by one thread at a time, everything else by any. `lost` is told of each
    frame that is given up.
    """

    def __init__(
        self,
        folder: Callable[[], Path],
        header: Header,
        *,
        limit_bytes: int,
        sessions: Callable[[], Sequence[str]] = tuple,
        lost: Callable[[Frame], None] = lambda _: None,
    ) -> None:
        """Begin in `folder()`, which makes the folder if need be; when it raises OSError, in memory."""
        self._folder = folder
        self._header = header
        self._limit_bytes = limit_bytes
        self._file_bytes = max(min(FILE_BYTES, limit_bytes // 4), limit_bytes // MAX_FILES)
        self._sessions = sessions
        self._lost = lost
        self._lock = RLock()
        self._retry_s = FIRST_RETRY_S
        self._retry_at = 0.0
        self._look_at = 0.0
        self._rotate_at = self._file_bytes
        self._links: list[_Link] = []
        self.size = 0
        """End of the last frame."""
        try:
            first: Journal | MemoryJournal = self._new_file(header)
        except OSError as fault:
            self._say_memory(fault)
            first = MemoryJournal(lost)
        self._links = [_Link(first, 0)]

    # --- what the recorder does -----------------------------------------------------------------------------------

    def append(self, kind: Kind, payload: bytes) -> None:
        """Append a frame. It survives the death of the process unless the chain is in memory."""
        with self._lock:
            newest = self._links[-1]
            if newest.last and newest.held.size + len(payload) > self._rotate_at and newest.held.present:
                newest = self._rotate(newest)
            try:
                newest.last = newest.held.append(kind, payload)
            except OSError as fault:
                # Full, or beyond what a file may be. What stands in the file stays there.
                self._say_memory(fault)
                self._retry_at = time.monotonic() + self._retry_s
                newest = self._hold(MemoryJournal(self._lost))
                newest.last = newest.held.append(kind, payload)
            self.size = newest.base + newest.last

    def tend(self) -> None:
        """Look after what others cannot find: called again and again, also while nothing is recorded."""
        with self._lock:
            now = time.monotonic()
            if now < max(self._look_at, self._retry_at):
                return
            self._look_at = now + LOOK_S
            stray = [link for link in self._links if not link.held.present]
            if stray:
                self._bring_home(stray)

    def close(self, *, remove: bool) -> None:
        """Give the files up: removed when everything was taken over, else left for others to deliver."""
        with self._lock:
            self._retry_at = self._look_at = 0.0
            if not remove:
                self.tend()
            for link in self._links:
                if not remove and isinstance(link.held, MemoryJournal):
                    self._count_lost(link)
                link.held.close(remove=remove or link.done)
            self._links = []

    def leave_in_child(self) -> None:
        """After `fork`, in the child: drop the descriptors. The locks stay with the parent."""
        # Without the lock, which a thread of the parent may have held at the fork.
        for link in self._links:
            link.held.leave_in_child()

    # --- what the sender does -------------------------------------------------------------------------------------

    def frames(self, start: int) -> Iterator[Frame]:
        """The whole frames behind offset `start`, as far as they are there now."""
        with self._lock:
            links = [link for link in self._links if link.base + link.last > start]
        for link in links:
            try:
                frames = link.held.frames(max(start - link.base, 0))
            except OSError:
                if link in self._links:
                    # Deleted under us, and what follows must not overtake it: `tend` writes it anew.
                    return
                continue
            for frame in frames:
                yield Frame(frame.kind, frame.payload, link.base + frame.end)

    def acknowledge(self, offset: int) -> None:
        """Remember that everything before `offset` was taken over; full files of it go. Raises OSError."""
        with self._lock:
            for link in [link for link in self._links if link.base < offset]:
                link.acked = min(offset - link.base, link.last)
                if link is not self._links[-1] and link.done:
                    self._links.remove(link)
                    link.held.close(remove=True)
            newest = next((link for link in reversed(self._links) if link.base < offset), None)
            if newest is not None and newest.acked:
                newest.held.acknowledge(newest.acked)

    # --- what others want to know ---------------------------------------------------------------------------------

    @property
    def waiting_bytes(self) -> int:
        """What was not taken over yet."""
        with self._lock:
            return sum(link.waiting for link in self._links)

    @property
    def path(self) -> Path | None:
        """The newest file; None while in memory."""
        links = self._links
        held = links[-1].held if links else None
        return held.path if isinstance(held, Journal) else None

    @property
    def in_memory(self) -> bool:
        """Whether what is recorded now would die with the process."""
        return self.path is None and bool(self._links)

    # --- within ---------------------------------------------------------------------------------------------------

    def _new_file(self, header: Header) -> Journal:
        folder = self._folder()
        full = [(link.held.path, link) for link in self._links[:-1] if isinstance(link.held, Journal)]
        with suppress(OSError):
            # What cannot be removed must not keep anything from being recorded.
            own = {path: partial(self._drop, link) for path, link in full}
            make_room(folder, self._limit_bytes - self._file_bytes, own, self._lost)
        made = Journal(folder, header)
        self._rotate_at = self._file_bytes
        return made

    def _drop(self, link: _Link) -> None:
        with suppress(OSError):
            self._count_lost(link)
        self._links.remove(link)
        link.held.close(remove=True)

    def _next_file(self) -> Journal:
        self._header = journal.succeed(self._header, self._sessions())
        return self._new_file(self._header)

    def _rotate(self, newest: _Link) -> _Link:
        try:
            fresh = self._next_file()
        except OSError as fault:
            faults.trouble("recorder.rotate", f"a new journal cannot be begun, the old one grows ({fault})")
            self._rotate_at = newest.held.size + self._file_bytes // 8
            return newest
        if newest.done:
            self._links.remove(newest)
            newest.held.close(remove=True)
        return self._hold(fresh)

    def _hold(self, held: Journal | MemoryJournal) -> _Link:
        link = _Link(held, self.size)
        self._links.append(link)
        return link

    def _bring_home(self, stray: list[_Link]) -> None:
        """Write what waits in `stray` to a new file, or, when there is none to be had, at least to memory."""
        deleted = [link.held.path for link in stray if isinstance(link.held, Journal)]
        if deleted:
            words = f"{deleted[-1]} was deleted or moved; what it held is written anew"
            faults.trouble("recorder.deleted", words)
        try:
            fresh = self._next_file()
            try:
                self._move(stray, fresh)
                self._retry_s = FIRST_RETRY_S
            except OSError:
                fresh.close(remove=True)
                raise
        except OSError as fault:
            self._say_memory(fault)
            self._retry_at = time.monotonic() + self._retry_s
            self._retry_s = min(self._retry_s * 2, LONGEST_RETRY_S)
            if deleted:
                self._move(stray, MemoryJournal(self._lost))

    def _move(self, stray: list[_Link], held: Journal | MemoryJournal) -> None:
        moved = _Link(held, self.size)
        for link in stray:
            if not link.done:
                for frame in link.held.salvage(link.acked):
                    moved.last = held.append(frame.kind, frame.payload)
        self._links = [link for link in self._links if link not in stray] + [moved]
        self.size = moved.base + moved.last
        for link in stray:
            link.held.close(remove=False)

    def _count_lost(self, link: _Link) -> None:
        for frame in link.held.frames(link.acked):
            self._lost(frame)

    def _say_memory(self, fault: OSError) -> None:
        words = f"the journal cannot be written ({fault}); recording goes on in memory only until it can"
        faults.trouble("recorder.journal", words)
