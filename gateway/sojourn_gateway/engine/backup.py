"""The store as a folder, and back: the engine's own backup, made in one rest of the writer."""

from __future__ import annotations

import re
import shutil
import time
from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine.backend import Unwritten
from sojourn_gateway.engine.embedded import Embedded
from sojourn_gateway.engine.holding import Hold
from sojourn_gateway.engine.mapping import quoted
from sojourn_gateway.engine.tables import DATABASE, STEPS
from sojourn_gateway.engine.values import text
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sojourn.home import Home
    from sojourn_gateway.engine.engine import Engine

__all__ = ["NEWEST_FORMAT", "Moves", "back_up", "restore"]

NEWEST_FORMAT = STEPS[-1].number
"""Backups of stores up to this format can be restored."""
_FILE: Final = re.compile(r"<file>(.*?)</file>", re.DOTALL)
_NAME: Final = re.compile(r"<(?:name|data_file)>(.*?)<")
_SIZE: Final = re.compile(r"<size>(\d+)<")


def back_up(engine: Engine, folder: Path, beside: Callable[[], None]) -> dict[str, int]:
    """Write the store into `folder`, which must not exist; what it holds, by table.

    Consistent: nothing is written meanwhile, and `beside`, for what lies beside the store, is called in the same rest.
    Senders wait, or are told to come again.
    """
    if not engine.embedded:
        raise GatewayFault("a ClickHouse server keeps the store: back it up with the server's own BACKUP DATABASE")
    with engine.exclusively() as rollup, engine.beside() as handle:
        rollup.remember()
        memory = handle.rows(
            "select name from system.tables where database = {database:String} and engine = 'Memory' order by name",
            {"database": DATABASE},
        )
        left_out = ", ".join(f"{DATABASE}.{text(name)}" for (name,) in memory)
        handle.run(f"backup database {DATABASE} except tables {left_out} to File({quoted(str(folder))})")
        _demand_whole(folder)
        counts = handle.rows(
            "select name, total_rows from system.tables where database = {database:String} and total_rows is not null "
            "and engine != 'Memory' order by name",
            {"database": DATABASE},
        )
        beside()
    return {text(name): rows for name, rows in counts}


def _demand_whole(folder: Path) -> None:
    """The engine says nothing when the disk is full, and leaves files that are empty or cut short."""
    told = (folder / ".backup").read_text("utf-8")
    if not told.endswith("</config>"):
        raise Unwritten("its list of files is not whole: no space left on the disk?")
    for file in _FILE.findall(told):
        # Files that are alike are there once.
        name, size = _NAME.findall(file)[-1], int(_SIZE.findall(file)[0])
        if size and (folder / name).stat().st_size != size:
            raise Unwritten(f"{name} is not whole: no space left on the disk?")


class Moves:
    """Things given other places, and their own back."""

    def __init__(self) -> None:
        """Nothing is moved yet."""
        self._done: list[tuple[Path, Path]] = []

    def move(self, path: Path, target: Path) -> None:
        """Give a file or a folder another place of the same disk."""
        path.replace(target)
        self._done.append((path, target))

    def take_back(self) -> None:
        """Give all of them their places back, the last one first."""
        while self._done:
            path, target = self._done[-1]
            target.replace(path)
            self._done.pop()


def restore(folder: Path, home: Home, beside: Callable[[Path], None], make_room: Callable[[Moves], None]) -> None:
    """Make the store of a home out of a folder.

    `beside` fills a folder with what goes into the home beside the store. `make_room` is called when all is there, just
    before it is moved to its places. Whatever fails, the home is as it was.
    """
    hold = Hold(home)
    # Of a restore that died: all that is in it was copied.
    for path in home.root.glob("restoring-*"):
        shutil.rmtree(path, ignore_errors=True)
    # Within the home, so that to move it whole takes no room: a death leaves no half of a store behind.
    fresh = type(home)(home.root / f"restoring-{time.time_ns()}")
    moves = Moves()
    try:
        handle = Embedded(fresh).handle("writer")
        try:
            handle.run(f"restore database {DATABASE} from File({quoted(str(folder))})")
        finally:
            handle.close()
        others = fresh.root / "beside"
        others.mkdir()
        beside(others)
        make_room(moves)
        moves.move(fresh.engine, home.engine)
        for path in sorted(others.iterdir()):
            moves.move(path, home.root / path.name)
    except BaseException:
        moves.take_back()
        raise
    finally:
        shutil.rmtree(fresh.root, ignore_errors=True)
        hold.release()
