"""Rivals: instrumentors of others that record the same calls, found where they say so themselves."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

__all__ = ["Rival", "logfire", "opentelemetry"]


@dataclass(frozen=True, slots=True)
class Rival:
    """One instrumentor of somebody else.

    It is looked at only when the program has imported it; `mark` is the attribute of `owner` (a dotted path in
    `module`) that is true while it is at work, and `made` says that the owner is a class to be called first.
    """

    name: str
    module: str
    owner: str
    mark: str
    made: bool = False

    def active(self) -> bool:
        """Whether it is at work now."""
        found: Any = sys.modules.get(self.module)
        if found is None:
            return False
        for part in self.owner.split("."):
            found = getattr(found, part, None)
        if found is not None and self.made:
            # OpenTelemetry's instrumentors are singletons: this gives the one that there is.
            found = found()
        return bool(getattr(found, self.mark, False))


def opentelemetry(name: str, target: str) -> Rival:
    """An instrumentor made as OpenTelemetry's are; `target` is written `module:Class`."""
    module, _, owner = target.partition(":")
    return Rival(name, module, owner, "is_instrumented_by_opentelemetry", made=True)


def logfire(module: str, client: str) -> Rival:
    """Logfire, which marks the class of the client that it patched."""
    return Rival("Logfire", module, client, "_is_instrumented_by_logfire")
