"""Parents: which framework's step a call belongs to, when OpenTelemetry's own context does not say it.

Frameworks with callbacks never attach their spans to the context (it could not be detached safely), but they carry
their current run along by means of their own. Each bridge registers a function that finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn import frameworks

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from sojourn_instrumentors._kit.observation import Observation

    Finder = Callable[[], Observation | None]

__all__ = ["forget", "nearest", "register"]

_finders: tuple[Finder, ...] = ()


def register(finder: Finder) -> None:
    global _finders
    _finders = (*_finders, finder)
    frameworks.set_find(_context)


def forget(finder: Finder) -> None:
    global _finders
    _finders = tuple(one for one in _finders if one is not finder)
    if not _finders:
        frameworks.set_find(None)


def nearest() -> Observation | None:
    """The framework's step around this call; None when the program opened a span of its own inside that step."""
    for find in _finders:
        found = find()
        if found is not None and found.is_deepest():
            return found
    return None


def _context() -> Context | None:
    """For steps that the program records by hand."""
    found = nearest()
    return None if found is None else found.child_context()
