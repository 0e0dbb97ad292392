"""What is remembered for a program that runs for ever must be forgotten some day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["forget_oldest"]


def forget_oldest(known: MutableMapping[Any, Any], most: int) -> None:
    """Drop the older half of what a dict holds once there is more than `most`; other threads may drop as well."""
    if len(known) > most:
        # Half at once: to look for the first of a dict of which the first ones were removed takes ever longer.
        for key in list(known)[: most // 2]:
            known.pop(key, None)
