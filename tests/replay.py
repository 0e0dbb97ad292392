"""Recorded traffic for tests: `with replaying("openai/chat_plain"): ...`, and what the recording holds.

The calls that a cassette answers stand in `tools/recordings/*_shapes.py`; a test may make them with `shape(name).run`.
Assert on what `recorded(name)` says, not on literals: `make record` gives other ids, times and words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tools.recordings.cassette import replaying
from tools.recordings.exchange import Exchange, load, sums
from tools.recordings.record import PROGRAMS, SHAPES

if TYPE_CHECKING:
    from tools.recordings.shape import Shape

__all__ = ["BASE_URL", "Exchange", "recorded", "replaying", "shape", "sums"]

BASE_URL: Final = "http://127.0.0.1:8090/v1"
"""Any base URL with this path will do: a replayed request matches by method, path and body."""


def recorded(name: str) -> tuple[Exchange, ...]:
    """The exchanges that a cassette holds."""
    return load(name)


def shape(name: str) -> Shape:
    """The calls that a cassette was recorded from."""
    [found] = [shape for shape in (*SHAPES, *PROGRAMS) if shape.name == name]
    return found
