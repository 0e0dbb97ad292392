"""What the handlers of AgentOps' contract keep between requests: what each writer said, and uploaded objects."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Depends, Request

from sojourn_gateway.apis.agentops.objects import Objects

if TYPE_CHECKING:
    from sojourn.home import Home

__all__ = ["Door", "Through", "Writers"]

_MOST_WRITERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Door:
    """One gateway's."""

    writers: Writers
    objects: Objects

    @classmethod
    def open(cls, home: Home) -> Door:
        """The door of a home."""
        return cls(Writers(), Objects(home))


class Writers:
    """The tags that each writing process said last: they tell `add_tags` from `set_tags`, which look the same.

    Every update of a session carries all tags of the process that sends it. Taken at its word, the update of a process
    that joined would remove the tags of the first.
    """

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[str, str, str], tuple[str, ...]] = OrderedDict()
        self._lock = Lock()

    def said(self, project: str, session_id: str, writer: str) -> tuple[str, ...] | None:
        """What this writer said last; None for one that is not remembered."""
        with self._lock:
            return self._said.get((project, session_id, writer))

    def say(self, project: str, session_id: str, writer: str, tags: tuple[str, ...]) -> None:
        """Remember what this writer says."""
        key = (project, session_id, writer)
        with self._lock:
            self._said[key] = tags
            self._said.move_to_end(key)
            if len(self._said) > _MOST_WRITERS:
                self._said.popitem(last=False)


# Async, although it awaits nothing: FastAPI would send a plain function through a thread.
async def _door(request: Request) -> Door:
    found = request.app.state.agentops
    assert isinstance(found, Door)
    return found


Through = Annotated[Door, Depends(_door)]
