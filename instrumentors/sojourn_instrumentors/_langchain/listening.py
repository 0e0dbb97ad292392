"""Listening: LangChain is given our listener once, whichever of its two instrumentors asks first."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sojourn_instrumentors._kit import Bridge, as_dict
from sojourn_instrumentors._langchain.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn_instrumentors._kit import Runs

__all__ = ["at_work", "bridge"]


@dataclass
class _Listening:
    """The listener that LangChain reports to, for as long as somebody wants it."""

    listener: Listener
    unlisten: Callable[[], None]
    wanted: int = 0


_listening: _Listening | None = None


def at_work() -> Listener | None:
    """The listener that LangChain reports to at present."""
    return None if _listening is None else _listening.listener


def bridge() -> Bridge:
    """The hook on langchain-core; LangGraph has it as well, since it may be the only one that is observed."""
    return Bridge("langchain_core.tracers.context:register_configure_hook", _listen, _current_run)


def _listen(runs: Runs) -> Callable[[], None]:
    global _listening
    if _listening is None:
        _listening = _register(runs)
    _listening.wanted += 1
    return _leave


def _leave() -> None:
    global _listening
    if _listening is not None:
        _listening.wanted -= 1
        if _listening.wanted == 0:
            _listening.unlisten()
            _listening = None


def _register(runs: Runs) -> _Listening:
    from langchain_core.callbacks.base import BaseCallbackHandler
    from langchain_core.tracers import context

    def reduce(_: Any) -> Any:
        return _stand_in, ()

    # It stands in configurations, and those are the program's to copy and to send to other processes.
    handler = type("SojournCallbacks", (Listener, BaseCallbackHandler), {"__reduce__": reduce})(runs)
    # LangChain asks this variable for a handler whenever it configures callbacks, on any thread: hence the default.
    variable: ContextVar[Any] = ContextVar("sojourn_langchain", default=handler)
    context.register_configure_hook(variable, inheritable=True)

    def unlisten() -> None:
        hooks = context._configure_hooks  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # no public way back
        hooks[:] = [hook for hook in hooks if hook[0] is not variable]

    return _Listening(handler, unlisten)


def _stand_in() -> Any:
    """What a copy of the listener is: itself, or where nobody listens a handler that does nothing."""
    from langchain_core.callbacks.base import BaseCallbackHandler

    return at_work() or BaseCallbackHandler()


def _current_run() -> Any:
    """The id of the run that this code runs in, as a number; LangChain carries it through threads and tasks."""
    module = sys.modules.get("langchain_core.runnables.config")
    config = module.var_child_runnable_config.get() if module else None
    run_id = getattr(as_dict(config).get("callbacks"), "parent_run_id", None)
    return getattr(run_id, "int", None)
