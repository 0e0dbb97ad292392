"""The interpreters that the watchers run in."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Final

from benchmarks.environments import ROOT, environment
from benchmarks.overhead.watchers import PEERS

__all__ = ["ROOT", "python_of"]

_SAME: Final = ("openai", "langchain-core", "langchain-openai", "opentelemetry-sdk", "pydantic")


def python_of(watcher: str) -> str:
    """The interpreter that a watcher runs in. Raises CalledProcessError when it cannot be installed here."""
    if watcher not in PEERS:
        return sys.executable
    # The libraries that are watched are the same everywhere, to the release.
    return environment(watcher, [*PEERS[watcher], *(f"{name}=={version(name)}" for name in _SAME)])
