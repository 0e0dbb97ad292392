"""Frameworks: the step of theirs in which code runs, where OpenTelemetry's own context does not say it.

Frameworks that are heard by callbacks never attach their spans to that context, but they know which of their runs the
calling code belongs to. The kit of the instrumentors says here how to find it, and steps by hand hang below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn.faults import contained

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["context", "set_find"]

_find: Callable[[], Any] | None = None


def set_find(find: Callable[[], Any] | None) -> None:
    """How the context of the framework's step is found from now on; None: no framework is observed."""
    global _find
    _find = find


def context() -> Any:
    """OpenTelemetry's context as it were if the framework had put its step there; None where it says all there is."""
    if _find is not None:
        with contained("frameworks"):
            return _find()
    return None
