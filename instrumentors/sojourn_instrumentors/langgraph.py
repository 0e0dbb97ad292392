"""LangGraph: what its graphs do not tell LangChain's callbacks; their runs themselves are told there.

A graph that is given a `CallbackManager` takes it as it is and never asks LangChain for our listener; which graph it
is that runs, whether it is an agent, and where it pauses and goes on, only LangGraph knows.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sojourn_instrumentors._kit import After, Instrumentor
from sojourn_instrumentors._langchain.graphs import COMING, read_graph
from sojourn_instrumentors._langchain.listening import at_work, bridge

if TYPE_CHECKING:
    from types import FrameType

    from sojourn_instrumentors._langchain.listener import Listener

__all__ = ["INSTRUMENTOR"]

# From what `After` calls, over `After` itself, to the function of LangGraph that asked for a manager.
_FRAMES_TO_LANGGRAPH = 2


def _configured(manager: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A graph is about to tell this manager that it runs."""
    listener = at_work()
    if listener is None:
        return manager
    graph = _locals(sys._getframe(_FRAMES_TO_LANGGRAPH)).get("self")  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # no argument says which graph
    COMING.set(read_graph(graph, args[0] if args else kwargs.get("config")))
    if listener in manager.handlers:
        return manager
    # Not into the program's own manager, which may be used elsewhere.
    ours = manager.copy()
    ours.add_handler(listener, inherit=True)
    return ours


def _watched(manager: Any, _: tuple[Any, ...], __: dict[str, Any]) -> Any:
    """A graph made this manager to tell where it pauses and goes on; it belongs to this one run."""
    listener = at_work()
    if listener is not None:
        manager.add_handler(_lifecycle()(listener), inherit=False)
    return manager


class _Lifecycle:
    """Becomes a graph callback handler of LangGraph when that is there to inherit from."""

    run_inline = True
    raise_error = True

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def on_interrupt(self, event: Any) -> None:
        self._listener.pause(event.run_id, checkpoint=event.checkpoint_id)

    def on_resume(self, event: Any) -> None:
        self._listener.resume(event.run_id, event.checkpoint_id)


@cache
def _lifecycle() -> Any:
    from langgraph.callbacks import GraphCallbackHandler

    return type("SojournGraphCallbacks", (_Lifecycle, GraphCallbackHandler), {})


def _has_lifecycle() -> bool:
    # A namespace of which nothing is installed has no such module either.
    try:
        return find_spec("langgraph.callbacks") is not None
    except ModuleNotFoundError:
        return False


def _locals(frame: FrameType) -> dict[str, Any]:
    return frame.f_locals


def _after(name: str, see: Any) -> After:
    return After(f"langgraph.pregel.main:{name}", see, older=f"langgraph.pregel:{name}")


_CONFIGURED = tuple(
    _after(name, _configured) for name in ("get_callback_manager_for_config", "get_async_callback_manager_for_config")
)
# Releases before 1.1.10 may not have them; there a pause is known by what is raised.
_LIFECYCLE = tuple(
    _after(name, _watched)
    for name in ("get_sync_graph_callback_manager_for_config", "get_async_graph_callback_manager_for_config")
)

INSTRUMENTOR = Instrumentor(
    library="langgraph.pregel",
    requires="langgraph >= 0.2.50",
    newest="1.2.22",
    surfaces="which graph it is, where it pauses and goes on; with LangChain's",
    hooks=(bridge(), *_CONFIGURED, *(_LIFECYCLE if _has_lifecycle() else ())),
)
