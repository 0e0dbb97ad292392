"""Hears of imports: tells whoever asked once a module has run, and leaves no trace on it.

`wrapt` offers the same and imports asyncio, which would be a third of what `init` costs.
"""

from __future__ import annotations

import sys
from threading import local
from typing import TYPE_CHECKING, Any, Final

from sojourn import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["forget_import", "forget_imports", "once_imported"]


def once_imported(name: str, told: Callable[[], None]) -> None:
    """Call `told` when the module of this name has run, on the thread that imports it: now, if it is there already.

    Asked again for the same name, only the newer `told` counts.
    """
    _listener.awaited[name] = told
    if _listener not in sys.meta_path:
        # First, since whoever stands first may answer without asking the others.
        sys.meta_path.insert(0, _listener)
    if name in sys.modules:
        _listener.ran(name)


def forget_import(name: str, told: Callable[[], None]) -> None:
    """Tell `told` of this module no more; somebody who asked after it is still told."""
    if _listener.awaited.get(name) == told:
        del _listener.awaited[name]
    if not _listener.awaited and _listener in sys.meta_path:
        sys.meta_path.remove(_listener)


def forget_imports() -> None:
    """Tell nobody any more."""
    _listener.awaited.clear()
    if _listener in sys.meta_path:
        sys.meta_path.remove(_listener)


class _Looking(local):
    """The modules that a thread is just looking for."""

    def __init__(self) -> None:
        self.names: set[str] = set()


class _Listener:
    """A finder that finds what the others find, and hears when that has run."""

    def __init__(self) -> None:
        self.awaited: dict[str, Callable[[], None]] = {}
        self._looking = _Looking()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Ask the other finders for a module that somebody waits for."""
        looking = self._looking.names
        # A finder of the same kind asks all others too, and so us.
        if fullname not in self.awaited or fullname in looking:
            return None
        looking.add(fullname)
        try:
            spec = _found_by_others(self, fullname, path, target)
        finally:
            looking.discard(fullname)
        if spec is not None and spec.loader is not None:
            with faults.contained("imports.listen"):
                self._listen(spec.loader)
        return spec

    def ran(self, name: str) -> None:
        """The module of this name has run."""
        told = self.awaited.pop(name, None)
        if told is not None:
            told()

    def _listen(self, loader: Any) -> None:
        # On the loader itself, which stays the object, of the type, that everybody expects to find on the module. The
        # loaders of built-in modules are classes, and nobody waits for those modules.
        own: dict[str, Any] | None = getattr(loader, "__dict__", None)
        if isinstance(loader, type) or own is None or not hasattr(loader, "exec_module") or "exec_module" in own:
            return
        run: Callable[[ModuleType], None] = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            # Before the module's own code, which may look at its loader.
            own.pop("exec_module", None)
            run(module)
            self.ran(module.__name__)

        loader.exec_module = exec_module


_listener: Final = _Listener()


def _found_by_others(
    listener: _Listener, name: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    # As the import system asks them; what they raise is the program's.
    for finder in list(sys.meta_path):
        find_spec = None if finder is listener else getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = None if find_spec is None else find_spec(name, path, target)
        if spec is not None:
            return spec
    return None
