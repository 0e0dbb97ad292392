"""Finds the instrumentors by entry point, and sets each to work when its library is imported."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sojourn import faults
from sojourn.entries import entries
from sojourn.imports import forget_imports, once_imported

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from sojourn.content import ContentPolicy
    from sojourn.entries import Entry

__all__ = ["GROUP", "Instrumentor", "install", "instrumentors", "observe", "select", "uninstall"]

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


class _Work(NamedTuple):
    """What instrumentors work with; None while nothing is to be observed."""

    tracer_provider: TracerProvider
    policy: ContentPolicy
    only: frozenset[str] | None
    """The libraries to observe, by import name; None: all."""


_work: _Work | None = None
_installed: list[Instrumentor] = []


def instrumentors() -> dict[str, Entry]:
    """The known entries by the import name of their library: our own, and those of other distributions."""
    return {entry.name: entry for entry in entries(GROUP)}


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
    global _work
    _work = _Work(tracer_provider, policy, only)
    found: dict[str, Entry] = {}
    with faults.contained("instruments.find"):
        found = instrumentors()
    for library, entry in found.items():
        with faults.contained(f"instruments.{library}"):
            once_imported(library, partial(_arm, entry))


def observe(library: str) -> None:
    """Observe one more library, whatever was chosen, for as long as anything is observed."""
    global _work
    entry = instrumentors().get(library)
    if _work is None or entry is None:
        return
    if _work.only is not None:
        _work = _work._replace(only=_work.only | {library})
    with faults.contained(f"instruments.{library}"):
        once_imported(library, partial(_arm, entry))


def uninstall() -> None:
    """Uninstall every instrumentor that was installed; libraries imported later stay as they are."""
    global _work
    _work = None
    forget_imports()
    while _installed:
        with faults.contained("instruments.uninstall"):
            _installed.pop().uninstall()


def _arm(entry: Entry) -> None:
    if _work is None or (_work.only is not None and entry.name not in _work.only):
        return
    with faults.contained(f"instruments.{entry.name}"):
        instrumentor: Instrumentor = entry.load()
        if instrumentor not in _installed:
            _installed.append(instrumentor)
        instrumentor.install(tracer_provider=_work.tracer_provider, policy=_work.policy)
