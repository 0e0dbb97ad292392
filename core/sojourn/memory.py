"""A journal without a disk: for a home that is read-only, missing or full. What it holds dies with the process."""

from __future__ import annotations

from collections import deque
from threading import RLock
from typing import TYPE_CHECKING, Final

from sojourn.journal import Frame, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["MemoryJournal"]

MAX_BYTES: Final = 64 * 1024 * 1024


class MemoryJournal:
    """Offers what a `Journal` offers; above 64 MB the oldest frames go, and `lost` is told of each."""

    present = False
    """Others never find it."""
    begin = 0

    def __init__(self, lost: Callable[[Frame], None]) -> None:
        self.size = 0
        self._lost = lost
        self._held = 0
        self._frames: deque[Frame] = deque()
        # A signal handler may write while this very thread holds it.
        self._lock = RLock()

    def append(self, kind: Kind, payload: bytes) -> int:
        """Keep a frame and return the offset of its end."""
        with self._lock:
            self.size += len(payload) + 1
            self._held += len(payload)
            self._frames.append(Frame(kind, payload, self.size))
            while self._held > MAX_BYTES and len(self._frames) > 1:
                oldest = self._frames.popleft()
                self._held -= len(oldest.payload)
                self._lost(oldest)
            return self.size

    def frames(self, start: int) -> Iterator[Frame]:
        """The frames that end after `start`, as they are now."""
        with self._lock:
            return iter([frame for frame in self._frames if frame.end > start])

    salvage = frames

    def acknowledge(self, offset: int) -> None:
        """Let go of the frames up to `offset`."""
        with self._lock:
            while self._frames and self._frames[0].end <= offset:
                self._held -= len(self._frames.popleft().payload)

    def close(self, *, remove: bool) -> None:
        """Nothing to close: `remove` or not, it is gone."""

    def leave_in_child(self) -> None:
        """Nothing is shared with a child."""
