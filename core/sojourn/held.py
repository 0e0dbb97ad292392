"""Steps that stay open until the program, its session or its process ends them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sojourn.endstate import EndState

__all__ = ["Held", "HeldSteps"]


class Held(Protocol):
    """A trace by hand, or the step of a living object."""

    @property
    def session_id(self) -> str | None: ...
    @property
    def pid(self) -> int: ...
    def end(self, error: BaseException | None = None, *, state: EndState | None = None) -> None: ...


class HeldSteps:
    """All of them in one client."""

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}

    def hold(self, step: Held) -> None:
        """Have a step ended with its session or with the process, if nobody ends it before."""
        self._held[id(step)] = step

    def release(self, step: Held) -> None:
        """The step has ended."""
        self._held.pop(id(step), None)

    def open(self) -> list[Held]:
        """Those of this process, innermost first; what a fork carried over is the parent's to end."""
        return [step for step in reversed(list(self._held.values())) if step.pid == os.getpid()]

    def end(self, state: EndState, session_id: str | None = None) -> None:
        """End those of a session, or all."""
        for step in self.open():
            if session_id is None or step.session_id == session_id:
                step.end(state=state)
