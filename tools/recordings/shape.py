"""Shapes: one way each in which a program calls a model, recorded once and replayed by tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Refusal", "Shape"]

Refusal = Literal["unauthorized", "rate limited"]
"""An answer that the local model never gives; a server of the recorder's gives it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A program's call (or a few that belong together), and the cassette that holds its exchanges."""

    name: str
    """`<library>/<shape>`, also the cassette's path."""
    call: Callable[[str], None]
    """Makes the calls against a base URL."""
    fails: str | None = None
    """The class name of the error that the call must raise; None when it must not."""
    below: str = ""
    """Put behind the base URL, to reach a route that is not there."""
    refusal: Refusal | None = None
    """Recorded from the recorder's own server instead of the model's."""

    def run(self, base_url: str) -> None:
        """Make the calls; raises AssertionError when they do not fail as they must."""
        try:
            self.call(base_url + self.below)
        except Exception as fault:
            if type(fault).__name__ != self.fails:
                raise
        else:
            assert self.fails is None, f"{self.name} did not raise {self.fails}"
