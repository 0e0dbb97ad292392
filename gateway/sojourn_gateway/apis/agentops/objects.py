"""Objects that programs upload: files of the project, named by their content."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from uuid import uuid4

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn.home import Home

__all__ = ["Objects"]

_NAME: Final = re.compile(r"[0-9a-f]{64}")


class Objects:
    """Keeps and gives back objects. No name of a client's becomes a path."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def keep(self, project: str, content: bytes) -> str:
        """Keep an object, and return its name when it would survive a crash. Raises OSError when it cannot be kept."""
        folder = self._folder(project)
        self._home.make(folder)
        name = sha256(content).hexdigest()
        path = folder / name
        if path.exists():
            return name
        fresh = folder / f".{uuid4().hex}"
        try:
            with fresh.open("wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
        return name

    def read(self, project: str, name: str) -> bytes | None:
        """An object; None when the project has none of that name."""
        if _NAME.fullmatch(name) is None:
            return None
        try:
            return (self._folder(project) / name).read_bytes()
        except FileNotFoundError:
            return None

    def _folder(self, project: str) -> Path:
        # The name of a project may hold anything; its hash is a name on every file system.
        return self._home.root / "objects" / sha256(project.encode()).hexdigest()[:32]
