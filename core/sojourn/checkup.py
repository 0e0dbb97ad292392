"""What `sojourn doctor` finds out about the recording side: the journals, and the libraries that can be observed."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal, Protocol, cast

from opentelemetry.trace import NoOpTracerProvider

from sojourn import journal
from sojourn.content import ContentPolicy
from sojourn.instruments import instrumentors
from sojourn.room import folder_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import TracerProvider

    from sojourn.entries import Entry
    from sojourn.home import Home

__all__ = ["Journals", "Library", "check_journals", "check_libraries"]


@dataclass(frozen=True, slots=True)
class Journals:
    """What lies in the journals of a home and no gateway has taken over yet."""

    living: int
    """Journals of processes that still run; they deliver by themselves."""
    orphaned: int
    waiting_bytes: int
    damaged: int
    refused: int = 0
    """Batches that an endpoint called malformed."""
    folder_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Library:
    """A library that can be observed, and whether it would be, here."""

    library: str
    requires: str
    installed: str | None
    state: Literal["observed", "absent", "unsupported", "incomplete", "broken"]
    """`incomplete`: this release lacks places that we hold on to; `broken`: it cannot be imported."""
    detail: str = ""


class _Target(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def detail(self) -> str: ...


class _Instrumentor(Protocol):
    library: str
    requires: str

    def install(self, *, tracer_provider: TracerProvider, policy: ContentPolicy) -> None: ...
    def uninstall(self) -> None: ...
    def targets(self) -> Sequence[_Target]: ...


def check_journals(home: Home) -> Journals:
    """Count what waits. Reads nothing but sizes and locks."""
    living: set[str] = set()
    orphaned: set[str] = set()
    waiting = 0
    for path in journal.paths(home.journals):
        try:
            size = path.stat().st_size
        except OSError:
            # Delivered and removed in this moment.
            continue
        waiting += max(0, size - journal.acknowledged(path))
        # The files of one process differ in the last part of their names.
        (living if journal.owned(path) else orphaned).add(path.stem.rpartition("-")[0])
    try:
        damaged = sum(path.suffix == ".damaged" for path in home.journals.iterdir())
    except OSError:
        damaged = 0
    refused = len(list(home.refused.glob("*.otlp")))
    held = folder_bytes(home.journals)
    return Journals(len(living), len(orphaned - living), waiting, damaged, refused, held)


def check_libraries() -> tuple[Library, ...]:
    """Import each library that is installed, and see whether every place that its instrumentor holds is there.

    Everything is put back afterwards. A library that fails or warns on import does so in words of the result.
    """
    return tuple(_check(name, entry) for name, entry in sorted(instrumentors().items()))


def _check(name: str, entry: Entry) -> Library:
    try:
        instrumentor = cast("_Instrumentor", entry.load())
    except Exception as fault:  # noqa: BLE001  # an entry of another distribution may fail in any way
        return Library(name, "", None, "broken", f"its instrumentor cannot be loaded: {fault!r}")
    installed = _installed(instrumentor.requires)
    if installed is None:
        return Library(name, instrumentor.requires, None, "absent")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(instrumentor.library)
    except Exception as fault:  # noqa: BLE001  # a foreign library's import may fail in any way
        return Library(name, instrumentor.requires, installed, "broken", f"it cannot be imported: {fault!r}")
    instrumentor.install(tracer_provider=NoOpTracerProvider(), policy=ContentPolicy())
    try:
        targets = tuple(instrumentor.targets())
    finally:
        instrumentor.uninstall()
    refused = [target.detail for target in targets if target.state == "unsupported"]
    missing = [f"{target.name} ({target.detail})" for target in targets if target.state == "missing"]
    if refused:
        return Library(name, instrumentor.requires, installed, "unsupported", refused[0])
    if missing:
        return Library(name, instrumentor.requires, installed, "incomplete", f"missing: {', '.join(missing)}")
    return Library(name, instrumentor.requires, installed, "observed")


def _installed(requires: str) -> str | None:
    distribution = requires.partition(">")[0].partition("=")[0].strip()
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
