"""Tasks: whose cancellation ends a run when the library that runs it says nothing of that.

LangChain gathers the calls of a model and reports what they raise, but a cancellation passes it by: without this the
run would stay open for good.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["Tasks"]


class Tasks:
    """The open runs of each task of an event loop; `cancelled` is called with those that a cancelled task left."""

    def __init__(self, cancelled: Callable[[Hashable], None]) -> None:
        self._cancelled = cancelled
        self._runs: dict[asyncio.Task[Any], dict[Hashable, None]] = {}
        self.of: dict[Hashable, asyncio.Task[Any]] = {}
        """The task that a run began in."""

    def begin(self, run: Hashable) -> None:
        try:
            task = asyncio.current_task()
        except RuntimeError:  # no event loop runs on this thread
            return
        if task is None:
            return
        runs = self._runs.get(task)
        if runs is None:
            runs = self._runs[task] = {}
            task.add_done_callback(self._done)
        runs[run] = None
        self.of[run] = task

    def forget(self, run: Hashable) -> None:
        task = self.of.pop(run, None)
        runs = None if task is None else self._runs.get(task)
        if runs is not None:
            runs.pop(run, None)

    def _done(self, task: asyncio.Task[Any]) -> None:
        # What a task that went on left open may be a stream that another task reads.
        for run in self._runs.pop(task, ()):
            self.of.pop(run, None)
            if task.cancelled():
                self._cancelled(run)
