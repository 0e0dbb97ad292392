"""The files of a project: `agentmark.json`, prompts and datasets. Nobody reads or writes outside of its folder."""

from __future__ import annotations

import json
import math
import os
import re
import threading
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from sojourn.home import Home

__all__ = ["BadPath", "Dataset", "Folder", "Folders", "Outside"]

_PROMPT: Final = ".prompt.mdx"
_ROWS: Final = ".jsonl"
_HASH: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAME: Final = re.compile(r"^name:[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_LONGEST: Final = 1024
_FRONTMATTER: Final = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)


class BadPath(Exception):
    """A path that no file of a project can have."""


class Outside(Exception):
    """A path that leads out of the project, by way of a link."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file of rows."""

    name: str
    """Its path below the folder of prompts and datasets."""
    row_count: int
    created_ns: int


class Folder:
    """One project's files. Methods read what is there now; any thread may call them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._appending = threading.Lock()

    def config(self) -> Mapping[str, Any] | None:
        """`agentmark.json`; None when there is none that can be read."""
        try:
            told: Any = json.loads((self.root / "agentmark.json").read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return told if isinstance(told, dict) else None  # pyright: ignore[reportUnknownVariableType]  # JSON

    def commit(self) -> str | None:
        """What git has checked out here; None when it is no checkout."""
        for place in (self.root, *self.root.parents):
            git = place / ".git"
            if git.is_dir():
                return _head(git)
        return None

    @property
    def templates(self) -> Path:
        """The folder of prompts and datasets."""
        said = (self.config() or {}).get("agentmarkPath", ".")
        place = (self.root / said).resolve() if isinstance(said, str) else self.root
        inside = place if place.is_relative_to(self.root.resolve()) else self.root
        return inside / "agentmark"

    def prompts(self, name: str | None = None) -> list[str]:
        """Paths of prompts, in order; with a name, of those whose head says it."""
        found = list(self._files(_PROMPT))
        if name is not None:
            found = [path for path in found if _prompt_name(path) == name]
        return [self._told(path) for path in found]

    def datasets(self) -> list[Dataset]:
        """The datasets, by name."""
        return [self._dataset(path) for path in self._files(_ROWS)]

    def read(self, path: str) -> str | None:
        """The text of a file; None when there is none. Raises `BadPath` and `Outside`."""
        found = self._find(path)
        try:
            return found.read_text("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except (OSError, ValueError):
            raise BadPath("no file can have this path") from None

    def append(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Add rows to a dataset, which is made when it is not there; the line of each, from 0.

        Raises `BadPath` and `Outside`.
        """
        path = self._find(name if name.endswith(_ROWS) else f"{name}{_ROWS}")
        text = "".join(f"{json.dumps(row, ensure_ascii=False, default=_number)}\n" for row in rows)
        with self._appending:
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                held = path.read_bytes() if path.exists() else b""
                first = _count(held)
                if held and not held.endswith(b"\n"):
                    text = f"\n{text}"
                with path.open("ab") as file:
                    file.write(text.encode("utf-8", "replace"))
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                raise BadPath("no dataset can have this name") from None
        return list(range(first, first + len(rows)))

    def _files(self, suffix: str) -> Iterator[Path]:
        root = self.templates
        inside = root.resolve()
        for path in sorted(root.rglob(f"*{suffix}")):
            if path.is_file() and path.resolve().is_relative_to(inside):
                yield path

    def _told(self, path: Path) -> str:
        return path.relative_to(self.templates).as_posix()

    def _dataset(self, path: Path) -> Dataset:
        stands = path.stat()
        created_ns = min(stands.st_mtime_ns, stands.st_ctime_ns)
        return Dataset(self._told(path), _count(path.read_bytes()), created_ns)

    def _find(self, path: str) -> Path:
        parts = path.split("/")
        if (
            not path
            or len(path) > _LONGEST
            or path.startswith("/")
            or any(part in ("", ".", "..") for part in parts)
            or not path.isprintable()
            or any(sign in path for sign in '\\:*?"<>|')
        ):
            raise BadPath("must be a path below the project's folder, without .. and without a slash at its begin")
        found = self.templates / path
        if not found.resolve().is_relative_to(self.templates.resolve()):
            raise Outside("this path leads out of the project's folder")
        return found


class Folders:
    """The folders of all projects."""

    def __init__(self, home: Home, project: str, chosen: str = "") -> None:
        """Below the home, but for `project`, whose folder may be `chosen`."""
        self._home = home
        self._project = project
        self._chosen = chosen
        self._held: dict[str, Folder] = {}
        self._holding = threading.Lock()

    def of(self, project: str) -> Folder:
        """One project's."""
        with self._holding:
            if project not in self._held:
                self._held[project] = Folder(self._place(project))
            return self._held[project]

    def _place(self, project: str) -> Path:
        if self._chosen and project == self._project:
            return Path(self._chosen).expanduser().absolute()
        # Names may hold what no file's name may, or differ in case only.
        readable = re.sub(r"[^a-z0-9-]", "-", project.lower())[:40]
        return self._home.root / "files" / f"{readable}-{sha256(project.encode('utf-8', 'replace')).hexdigest()[:12]}"


def _number(exact: Decimal) -> float | str:
    """A fraction as files hold it: bodies are read with every digit. What no file can hold is kept as text."""
    number = float(exact)
    return number if math.isfinite(number) else str(exact)


def _count(rows: bytes) -> int:
    return sum(1 for line in rows.splitlines() if line.strip())


def _prompt_name(path: Path) -> str:
    try:
        head = _FRONTMATTER.match(path.read_text("utf-8", "replace"))
    except OSError:
        return ""
    said = _NAME.search(head[1]) if head else None
    return said[1].strip("'\"") if said else ""


def _head(git: Path) -> str | None:
    try:
        said = (git / "HEAD").read_text("utf-8").strip()
        if not said.startswith("ref: "):
            return said if _HASH.fullmatch(said) else None
        name = said.removeprefix("ref: ")
        if (git / name).is_file():
            return (git / name).read_text("utf-8").strip() or None
        for line in (git / "packed-refs").read_text("utf-8").splitlines():
            if line.endswith(f" {name}"):
                return line.split(" ")[0]
    except (OSError, UnicodeDecodeError):
        return None
    return None
