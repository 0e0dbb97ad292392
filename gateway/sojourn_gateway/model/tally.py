"""Sessions counted: what of a session can be told without holding its steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Tally"]


@dataclass(frozen=True, slots=True)
class Tally:
    """What a session's steps come to."""

    counts: Mapping[str, int] = field(default_factory=dict[str, Any])
    """How many events of each type; a type that is not here has none."""
    asked: int = 0
    """Turns in which somebody asked something."""
    last_ns: int = 0
    """When its last turn ended; 0 without turns."""
    busy_ns: int = 0
    """How long its turns took together."""
    runs: bool = False
    """Whether a step has not ended."""
    agent: str = ""
    """The first that a step names as its own; empty when none does."""
    metadata: Mapping[str, str] = field(default_factory=dict[str, Any])
    """What was told of the session as a whole, else what its first step that bears metadata says."""
    environment: str = ""
    """Where it ran, as the resource of its first step that knows says."""

    @property
    def events(self) -> int:
        """How many in all."""
        return sum(self.counts.values())
