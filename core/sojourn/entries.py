"""Entry points of a group, read from the files in which installed distributions announce them.

`importlib.metadata` finds the same, and its import costs a program more than all that `init` does. So it is asked only
when something on the path is of a kind that it alone knows.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "entries"]

_INFO = (".dist-info", ".egg-info")
# The class, and its copy in the back-port, which look at the same files in the same way.
_KNOWN_FINDERS = ("_frozen_importlib_external", "importlib_metadata")


class Entry(NamedTuple):
    """One entry point: a name, and where the object is that it stands for."""

    name: str
    value: str
    """As it is written: `module:object`, perhaps followed by extras in brackets."""

    @property
    def module(self) -> str:
        """The module that holds the object."""
        return self.value.partition("[")[0].partition(":")[0].strip()

    def load(self) -> Any:
        """Import the module and return the object. Raises whatever that import raises, and AttributeError."""
        found: Any = import_module(self.module)
        for attribute in self.value.partition("[")[0].partition(":")[2].strip().split("."):
            found = getattr(found, attribute) if attribute else found
        return found


def entries(group: str) -> list[Entry]:
    """The entry points of a group, in the order of the path. Of a distribution that is there twice the first counts."""
    if all(map(_is_known, sys.meta_path)):
        try:
            return [entry for text in _announced(f"[{group}]".encode()) for entry in _parse(text, group)]
        except NotADirectoryError:
            pass  # an archive
    from importlib.metadata import entry_points

    return [Entry(entry.name, entry.value) for entry in entry_points(group=group)]


def _is_known(finder: object) -> bool:
    if not hasattr(finder, "find_distributions"):
        return True
    kind = finder if isinstance(finder, type) else type(finder)
    return kind.__module__.startswith(_KNOWN_FINDERS)


def _announced(section: bytes) -> Iterator[str]:
    """What distributions on the path announce in files with this section. NotADirectoryError for an archive there."""
    met: set[str] = set()
    places: list[object] = [*sys.path]
    for folder in places:
        # A `Path`, which programs put there by mistake, is nothing that Python itself would look into.
        if not isinstance(folder, str):
            continue
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208  # a folder of packages has a thousand names
        except NotADirectoryError:
            raise
        except OSError:
            continue
        in_egg = folder.lower().rstrip(os.sep).endswith(".egg")
        for name in names:
            if not (name.endswith(_INFO) or (in_egg and name.lower() == "egg-info")):
                continue
            distribution = (folder if in_egg else name).rpartition(os.sep)[2].partition("-")[0]
            distribution = distribution.removesuffix(_INFO[0]).removesuffix(_INFO[1]).lower().replace(".", "_")
            if distribution in met:
                continue
            met.add(distribution)
            try:
                with open(f"{folder or '.'}/{name}/entry_points.txt", "rb", buffering=0) as file:  # noqa: PTH123  # cheap
                    told = file.readall()
            except OSError:
                continue
            if section in told:
                yield told.decode("utf-8", "replace")


def _parse(text: str, group: str) -> Iterator[Entry]:
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == f"[{group}]"
        elif inside and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield Entry(name.strip(), value.strip())
