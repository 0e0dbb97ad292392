"""A backup: a folder with the store, the records, and what else lies in the home; and a home made out of one."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from sojourn_gateway import wording
from sojourn_gateway.engine.backend import Unwritten
from sojourn_gateway.engine.backup import NEWEST_FORMAT, Moves, back_up, restore
from sojourn_gateway.model.faults import GatewayFault

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn.home import Home
    from sojourn_gateway.engine import Engine

__all__ = ["make_backup", "restore_backup"]

_MANIFEST: Final = "backup.json"
# What belongs to running processes, or is made anew by them.
_LEFT_OUT: Final = frozenset(
    {"engine", "staging", "journal", "engine.lock", "engine.xml", "otlp.proto", "gateway.json", "refused"}
)
_OURS: Final = ("before-restore-", "restoring-")
"""What restoring makes within a home begins so."""


def make_backup(engine: Engine, home: Home, folder: Path) -> dict[str, Any]:
    """Back a home up into a folder, which must be empty or not exist; what the backup says of itself.

    A folder without `backup.json` is a backup that did not come to its end.
    """
    if folder.resolve().is_relative_to(home.engine.resolve()):
        raise GatewayFault(f"{folder} lies within the store itself; choose a folder elsewhere")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise GatewayFault(f"{folder} is not empty; each backup has a folder of its own")
    except OSError as fault:
        raise GatewayFault(f"{folder} cannot be written: {fault.strerror}") from fault
    try:
        tables = back_up(engine, folder / "engine", lambda: _copy_beside(home, folder))
        told = {
            "sojourn": version("sojourn"),
            "format": NEWEST_FORMAT,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "rows": tables,
        }
        (folder / _MANIFEST).write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    except (OSError, sqlite3.Error, Unwritten) as fault:
        raise GatewayFault(
            f"the backup in {folder} could not be written, and is none; what there is of it may be deleted: {fault}"
        ) from fault
    return told


def restore_backup(folder: Path, home: Home, *, force: bool) -> dict[str, Any]:
    """Make a home out of a backup; what the backup says of itself. Raises `GatewayFault`, and has changed nothing then.

    A home that has something already is refused; with `force` that is moved aside, into a folder within the home.
    """
    told = _read_manifest(folder)
    _refuse_links(folder)
    held = [path for path in _entries(home) if path.name not in ("journal", "engine.lock")]
    if held and not force:
        raise GatewayFault(
            f"{home.root} holds data already ({', '.join(sorted(path.name for path in held)[:5])}); "
            "restore into an empty SOJOURN_HOME, or move what is there aside with --force"
        )

    aside = home.root / f"before-restore-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"

    def make_room(moves: Moves) -> None:
        if held:
            aside.mkdir(mode=0o700)
            for path in held:
                moves.move(path, aside / path.name)

    def copy_beside(target: Path) -> None:
        for path in folder.iterdir():
            # A backup that somebody else made must not say where programs of this home deliver.
            if path.name not in (*_LEFT_OUT, _MANIFEST):
                _copy(path, target / path.name)

    try:
        home.make(home.root)
        _demand_room(folder, home)
        restore(folder / "engine", home, copy_beside, make_room)
    except (OSError, Unwritten) as fault:
        with suppress(OSError):
            aside.rmdir()
        left = f"; what the home held lies in {aside}: move it back" if aside.exists() else ""
        raise GatewayFault(f"the backup in {folder} could not be restored: {fault}{left}") from fault
    return told


def _entries(home: Home) -> list[Path]:
    try:
        return [path for path in home.root.iterdir() if not path.name.startswith(_OURS)]
    except FileNotFoundError:
        return []


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((folder / _MANIFEST).read_text("utf-8"))
        form = int(told["format"])
    except FileNotFoundError:
        raise GatewayFault(
            f"{folder} is no backup, or one that did not come to its end: it has no {_MANIFEST}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise GatewayFault(f"{folder / _MANIFEST} cannot be read: {fault}") from fault
    if form > NEWEST_FORMAT:
        raise GatewayFault(
            f"the backup was made by sojourn {told.get('sojourn')}, whose format {form} this version does not know"
        )
    return told


def _demand_room(folder: Path, home: Home) -> None:
    # The engine has many words for a disk that is full, and few that say so.
    needed = sum(path.stat().st_size for path in folder.rglob("*"))
    free = shutil.disk_usage(home.root).free
    if free < needed:
        raise GatewayFault(
            f"the backup takes {wording.size(needed)}, and the disk of {home.root} has room for {wording.size(free)}"
        )


def _refuse_links(folder: Path) -> None:
    """No backup of ours has any; what such a link leads to would be kept as if it belonged to the home."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = folder / place / name
            if path.is_symlink():
                raise GatewayFault(f"{path} is a link; no backup holds any")


def _copy_beside(home: Home, folder: Path) -> None:
    for path in home.root.iterdir():
        if path.name in _LEFT_OUT or path.name.startswith((*_OURS, ".")):
            continue
        if path.resolve() == folder.resolve() or folder.resolve().is_relative_to(path.resolve()):
            continue
        if path.suffix == ".db":
            _copy_database(path, folder / path.name)
        elif not path.name.endswith(("-wal", "-shm", "-journal")):
            _copy(path, folder / path.name)


def _copy_database(path: Path, target: Path) -> None:
    """A file of SQLite as it stands, though others write to it."""
    # Keys' hashes and the secret of tokens are the owner's alone, whatever the folder lets others read.
    os.close(os.open(target, os.O_CREAT | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def _copy(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    elif path.is_file():
        shutil.copy2(path, target)
