"""After: what a function of a library returned is looked at, or replaced, before the library goes on with it."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sojourn.faults import contained
from sojourn_instrumentors._kit.patch import MissingTarget, find

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn_instrumentors._kit.observation import Tracing

__all__ = ["After"]


@dataclass
class After:
    """Hand what a plain function returned to `see`, with its arguments, and return what `see` makes of it.

    For libraries whose own callbacks leave something out. No span is made here; a fault of `see` leaves the library
    with what the function returned. `target` is written as for a `Patch`, `older` where earlier releases have it.
    """

    target: str
    see: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
    older: str | None = None

    _installed: tuple[Any, str, Any, Any] | None = field(default=None, init=False, repr=False)

    def attach(self, tracing: Tracing) -> None:  # noqa: ARG002  # part of what a hook is
        if self._installed is not None:
            return
        owner, name = self._found()
        original = inspect.getattr_static(owner, name)
        see = self.see

        @functools.wraps(original)
        def after(*args: Any, **kwargs: Any) -> Any:
            value = original(*args, **kwargs)
            if self._installed is not None:
                with contained(f"after.{name}"):
                    return see(value, args, kwargs)
            return value

        setattr(owner, name, after)
        self._installed = (owner, name, original, after)

    def _found(self) -> tuple[Any, str]:
        try:
            return find(self.target)
        except MissingTarget:
            if self.older is None:
                raise
            return find(self.older)

    def detach(self) -> None:
        if self._installed is None:
            return
        owner, name, original, after = self._installed
        self._installed = None
        if inspect.getattr_static(owner, name) is after:
            setattr(owner, name, original)
