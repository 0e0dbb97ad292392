"""The journal folder is kept within a limit: the oldest goes first, and is counted."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sojourn import faults, journal
from sojourn.journal import NotAJournal, Orphan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sojourn.journal import Frame

__all__ = ["folder_bytes", "make_room"]


def folder_bytes(folder: Path) -> int:
    """What all files of the folder take together; 0 when there is none."""
    total = 0
    with suppress(OSError):
        for path in folder.iterdir():
            # Others deliver and remove meanwhile.
            with suppress(OSError):
                total += path.stat().st_size
    return total


def make_room(
    folder: Path, limit_bytes: int, own: Mapping[Path, Callable[[], None]], lost: Callable[[Frame], None]
) -> None:
    """Remove files until what is left of the folder fits into the limit, or only what living processes hold remains.

    First what was acknowledged whole, then what was set aside as damaged, then journals of dead processes and the
    `own` full ones by age, each of which its function removes. `lost` is told of every frame of a dead process that
    nobody took over.
    """
    excess = folder_bytes(folder) - limit_bytes
    if excess <= 0:
        return
    paths = journal.paths(folder)
    for path in paths:
        if excess > 0 and path not in own:
            excess -= _remove_orphan(path, None)
    for path in sorted(folder.glob("*.damaged")):
        if excess > 0:
            freed = path.stat().st_size
            path.unlink(missing_ok=True)
            _say(path)
            excess -= freed
    for path in paths:
        if excess <= 0:
            return
        if path in own:
            freed = _size(path)
            own[path]()
        else:
            freed = _remove_orphan(path, lost)
        if freed:
            _say(path)
        excess -= freed


def _say(path: Path) -> None:
    faults.trouble(
        "journal.limit",
        f"{path.parent} has reached its limit (SOJOURN_JOURNAL_LIMIT): the oldest recordings there are dropped",
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _remove_orphan(path: Path, lost: Callable[[Frame], None] | None) -> int:
    """Remove a dead process's journal and return its size; 0 while its owner lives.

    Without `lost`, only when nothing of it is lost.
    """
    size = _size(path)
    if lost is None and journal.acknowledged(path) < size:
        return 0
    try:
        orphan = Orphan.adopt(path)
    except (NotAJournal, OSError):
        # What is no journal is for a gateway to set aside.
        return 0
    if orphan is None:
        return 0
    known = journal.acknowledged(path)
    waits = known < orphan.size
    if waits and lost is not None:
        for frame in orphan.frames(known):
            lost(frame)
    gone = not waits or lost is not None
    orphan.close(remove=gone)
    return size if gone else 0
