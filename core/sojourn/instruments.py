"""Finds the instrumentors by entry point, and sets each to work when its library is imported."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from sojourn import faults

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from types import ModuleType

    from opentelemetry.trace import TracerProvider

    from sojourn.content import ContentPolicy

__all__ = ["GROUP", "Instrumentor", "install", "instrumentors", "select", "uninstall"]

GROUP = "sojourn.instrumentors"
"""The name of an entry is the import name of the library that it observes."""


class Instrumentor(Protocol):
    """What an entry point of the group gives."""

    def install(self, *, tracer_provider: TracerProvider, policy: ContentPolicy) -> None:
        """Patch the library. Never raises; a second time changes nothing."""
        ...

    def uninstall(self) -> None:
        """Put everything back as it was."""
        ...


@dataclass(frozen=True, slots=True)
class _Work:
    """What instrumentors work with; None while nothing is to be observed."""

    tracer_provider: TracerProvider
    policy: ContentPolicy
    only: frozenset[str] | None
    """The libraries to observe, by import name; None: all."""


_work: _Work | None = None
_hooked: set[str] = set()
_installed: list[Instrumentor] = []


def instrumentors() -> dict[str, EntryPoint]:
    """The known entries by the import name of their library: our own, and those of other distributions."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def select(names: frozenset[str] | None) -> frozenset[str] | None:
    """The entries that a program means by `names`: by the library's import name, or that of its instrumentor.

    Raises ValueError, which lists what there is, for a name that nothing observes.
    """
    if not names:
        return names
    known: dict[str, str] = {}
    for entry in instrumentors().values():
        # `langchain` is observed through `langchain_core`, and its module is called as people call the library.
        known.setdefault(entry.module.rpartition(".")[2].lower(), entry.name)
    known |= {name.lower(): name for name in instrumentors()}
    found = {name: known.get(name.lower().replace("-", "_")) for name in names}
    if unknown := sorted(name for name, entry in found.items() if entry is None):
        raise ValueError(
            f"instrument names {', '.join(map(repr, unknown))}; what can be observed is {', '.join(sorted(known))}"
        )
    return frozenset(entry for entry in found.values() if entry is not None)


def install(tracer_provider: TracerProvider, policy: ContentPolicy, only: frozenset[str] | None = None) -> None:
    """Install each instrumentor, or `only` some, now if its library is already imported, else when that happens."""
    # Not above: the package is imported by programs that never call `init`.
    import wrapt

    global _work
    _work = _Work(tracer_provider, policy, only)
    for library, entry in instrumentors().items():
        if library in _hooked:
            if library in sys.modules:
                _arm(entry)
            continue
        _hooked.add(library)

        def arm(module: ModuleType, entry: EntryPoint = entry) -> None:  # noqa: ARG001  # wrapt hands the module over
            _arm(entry)

        with faults.contained(f"instruments.{library}"):
            wrapt.register_post_import_hook(arm, library)


def uninstall() -> None:
    """Uninstall every instrumentor that was installed; libraries imported later stay as they are."""
    global _work
    _work = None
    while _installed:
        with faults.contained("instruments.uninstall"):
            _installed.pop().uninstall()


def _arm(entry: EntryPoint) -> None:
    if _work is None or (_work.only is not None and entry.name not in _work.only):
        return
    with faults.contained(f"instruments.{entry.name}"):
        instrumentor: Instrumentor = entry.load()
        if instrumentor not in _installed:
            _installed.append(instrumentor)
        instrumentor.install(tracer_provider=_work.tracer_provider, policy=_work.policy)
