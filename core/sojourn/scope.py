"""Scopes: what is current while some of the program's code runs, entered and left as often as that code is resumed."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from sojourn import current
from sojourn.current import Before
from sojourn.driving import driven

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

    from sojourn.current import Stamp, Stay

__all__ = ["Scope", "within_session"]


class Scope:
    """An OpenTelemetry context, a session and facts for spans; what is None stays as it is around."""

    __slots__ = ("context", "session", "stamps")

    def __init__(
        self,
        *,
        context: Context | None = None,
        session: Stay | None = None,
        stamps: Mapping[str, Stamp] | None = None,
    ) -> None:
        self.context = context
        self.session = session
        self.stamps = stamps

    def activate(self) -> Before:
        """Make it current in the calling context."""
        before = Before(None, current.innermost(), current.stamps_of_scope())
        if self.session is not None:
            current.enter(self.session)
        if self.stamps is not None:
            current.stamp(self.stamps)
        if self.context is not None:
            from opentelemetry import context as otel_context

            before = before._replace(context=otel_context.get_current())
            otel_context.attach(self.context)
        return before

    def restore(self, before: Before) -> None:
        """Leave it, but not what the code inside has made current and left so.

        Values are put back rather than tokens: a coroutine or generator that is thrown away is closed from another
        context, in which a token does not count.
        """
        if self.session is not None and current.innermost() is self.session:
            current.enter(before.session)
        if self.stamps is not None and current.stamps() is self.stamps:
            current.stamp(before.stamps)
        # What the interpreter throws away at its very end may import nothing.
        if self.context is not None and before.context is not None and not sys.is_finalizing():
            from opentelemetry import context as otel_context

            if otel_context.get_current() is self.context:
                otel_context.attach(before.context)

    # What `driving.Run` asks besides: a mere scope takes no notice of what the code inside gives.

    def yielded(self, item: object) -> None:
        """Nothing."""

    def returned(self, value: object) -> None:
        """Nothing."""

    def raised(self, error: BaseException) -> None:
        """Nothing."""


def within_session(function: Any, session: Stay) -> Any:
    """The same function, inside a session whenever it runs; one that has a parameter `session` is given it too."""
    try:
        takes_it = "session" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        takes_it = False
    scope = Scope(session=session)

    def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Scope, dict[str, Any]]:  # noqa: ARG001
        return scope, {**kwargs, "session": session} if takes_it else kwargs

    return driven(function, begin)
