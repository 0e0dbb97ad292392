"""The line in front of the writer: bounded, and fair between projects."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Line", "Place"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place(Generic[T]):
    """What stands in the line, whose it is, and how many bytes it holds."""

    project: str
    value: T
    size: int


class Line(Generic[T]):
    """Batches by project, each project's in order. Not safe between threads: its owner has a lock.

    What was taken holds its bytes until it leaves, since it lies in memory as long.
    """

    def __init__(self, most_bytes: int) -> None:
        """At most `most_bytes` are held; a single batch that is larger gets in when the line is empty."""
        self._most = most_bytes
        self._queues: dict[str, deque[Place[T]]] = {}
        self._held: Counter[str] = Counter()
        self._all = 0
        self.waiting_bytes = 0
        """Bytes of what was not taken yet."""

    def __bool__(self) -> bool:
        """Whether anything waits to be taken."""
        return bool(self._queues)

    def join(self, project: str, value: T, size: int) -> bool:
        """Stand in line. False when there is no room: for anybody, or for this project beside the others.

        However many projects flood, each holds at most twice what is left free: a project that has nothing here finds
        room.
        """
        own, free = self._held[project], self._most - self._all
        if self._all and (size > free or (own and own + size > 2 * free)):
            return False
        self._queues.setdefault(project, deque()).append(Place(project, value, size))
        self._held[project] += size
        self._all += size
        self.waiting_bytes += size
        return True

    def take(self, most_bytes: int) -> Sequence[Place[T]]:
        """The next of each project in turn, as many as fit; at least one. The turn goes on where it stopped."""
        group: list[Place[T]] = []
        size = 0
        while self._queues:
            project, queue = next(iter(self._queues.items()))
            if group and size + queue[0].size > most_bytes:
                break
            one = queue.popleft()
            # To the end of the turn, or out of it.
            del self._queues[project]
            if queue:
                self._queues[project] = queue
            group.append(one)
            size += one.size
        self.waiting_bytes -= size
        return group

    def leave(self, group: Sequence[Place[T]]) -> None:
        """What was taken is written: its room is free."""
        for one in group:
            self._all -= one.size
            self._held[one.project] -= one.size
            if not self._held[one.project]:
                del self._held[one.project]
