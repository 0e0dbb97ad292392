"""Agents: who did it. Attribution is by the running context, so that it holds across tasks, tools and frameworks."""

from __future__ import annotations

import functools
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sojourn import current, semconv
from sojourn.clock import new_uuid
from sojourn.driving import driven, own_functions
from sojourn.scope import Scope

if TYPE_CHECKING:
    from sojourn.driving import Begin

__all__ = ["tracked"]


def tracked(given: Any, name: str | None) -> Any:
    """A class each object of which is an agent, or a function that is one. A class is changed in place."""
    if isinstance(given, type):
        return _tracked_class(given, name)
    called = name or str(getattr(given, "__name__", type(given).__name__))
    made = str(new_uuid())
    wrapped = driven(given, _as_agent(made, called))
    wrapped.agentops_agent_id, wrapped.agentops_agent_name = made, called
    return wrapped


def _tracked_class(kind: type, name: str | None) -> type:
    # By name: the checkers take an assignment to `__init__` for a slip, and here it is the point.
    make: Any = getattr(kind, "__init__")  # noqa: B009

    @functools.wraps(make)
    def __init__(self: Any, *args: Any, agentops_name: str | None = None, **kwargs: Any) -> None:  # noqa: N807
        made = str(new_uuid())
        called = agentops_name or name or kind.__name__
        # Frozen, or slots: its methods are attributed to the class instead.
        with suppress(AttributeError, TypeError):
            self.agentops_agent_id, self.agentops_agent_name = made, called
        scope = _scope(made, called)
        before = scope.activate()
        try:
            make(self, *args, **kwargs)
        finally:
            scope.restore(before)

    setattr(kind, "__init__", __init__)  # noqa: B010
    lone = str(new_uuid())

    def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Scope, dict[str, Any]]:
        made = getattr(args[0], "agentops_agent_id", lone) if args else lone
        called = getattr(args[0], "agentops_agent_name", None) if args else None
        return _scope(str(made), str(called or name or kind.__name__)), kwargs

    for method, function in own_functions(kind).items():
        setattr(kind, method, driven(function, begin))
    return kind


def _as_agent(made: str, called: str) -> Begin:
    def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Scope, dict[str, Any]]:  # noqa: ARG001
        return _scope(made, called), kwargs

    return begin


def _scope(made: str, called: str) -> Scope:
    return Scope(stamps={**current.stamps(), semconv.AGENT_ID: made, semconv.AGENT_NAME: called})
