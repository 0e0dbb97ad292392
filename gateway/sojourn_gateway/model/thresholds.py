"""From where on the analysis of a session speaks up."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import isfinite
from typing import Any

from sojourn_gateway.model.faults import GatewayFault

__all__ = ["Thresholds"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The bounds of all rules. Money is told in US dollars, time in milliseconds."""

    slow_ms: float = 2000.0
    """A step that takes longer is slow."""
    slow_factor: float = 3.0
    """So is one that takes this many times the median of its type,"""
    slow_samples: int = 4
    """when there are at least so many of it."""
    slow_most: int = 10
    """Slow steps that are told, the slowest."""
    loop_transfers: int = 4
    """Within so many transfers the control must come back for it to be a loop."""
    repeated_decisions: int = 3
    """The same decision so often in a row."""
    retries: int = 3
    """So many retries are a storm."""
    repeated_inputs: int = 2
    """The same tool with the same input and the same output so often."""
    parallel_least_ms: float = 100.0
    """Tools that wait for each other are told when so much could be saved."""
    growing_turns: int = 3
    """A prompt must grow over at least so many turns,"""
    growing_factor: float = 2.0
    """to this many times what it was."""
    cache_calls: int = 3
    """So many calls of a model without a prompt cache,"""
    cache_tokens: int = 1024
    """each of at least so many tokens; with fewer no provider keeps a cache."""
    cached_price: float = 0.1
    """What a cached token costs, as a part of a fresh one: for estimates."""
    output_price: float = 4.0
    """What a token of an answer costs, as a multiple of one of a prompt: for estimates."""
    notable_share: float = 0.2
    """A saving of this part of a session's time or cost is a warning, not a hint."""

    @classmethod
    def parse(cls, text: str, named: str) -> Thresholds:
        """Out of `slow_ms=500, retries=5`; what is not named keeps its default. Raises `GatewayFault` in words."""
        known = {field.name: isinstance(getattr(_USUAL, field.name), int) for field in fields(cls)}
        told: dict[str, Any] = {}
        for pair in filter(None, (part.strip() for part in text.split(","))):
            name, _, said = (part.strip() for part in pair.partition("="))
            if name not in known:
                raise GatewayFault(f"{named} knows no {name[:80]!r}; it knows {', '.join(sorted(known))}")
            value = _number(said, whole=known[name])
            if value is None:
                kind = "a whole number from 1" if known[name] else "a number from 0"
                raise GatewayFault(f"{named}: {name} must be {kind}, not {said[:80]!r}")
            told[name] = value
        return replace(_USUAL, **told)


_USUAL = Thresholds()


def _number(text: str, *, whole: bool) -> float | int | None:
    if whole:
        return int(text) if text.isascii() and text.isdigit() and int(text[:12]) > 0 else None
    try:
        found = float(text)
    except ValueError:
        return None
    return found if isfinite(found) and found >= 0 else None
