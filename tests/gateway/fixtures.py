"""Fixtures that start the gateway; `conftest.py` of this folder takes them in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from sojourn.home import Home
from sojourn_gateway.settings import Settings
from tests.gateway.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sojourn_gateway.engine import Engine
    from tests.gateway.serving import Served

__all__ = ["crowded_gateway", "gateway", "small_gateway"]


@pytest.fixture
def gateway(engine: Engine, home: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """A gateway on loopback whose project only this test sees."""
    with served(engine, Home(home), Settings(project=_project(request))) as running:
        yield running


@pytest.fixture
def small_gateway(engine: Engine, home: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """One that takes bodies of at most 64 KiB."""
    with served(engine, Home(home), Settings(project=_project(request), max_body_bytes=65_536)) as running:
        yield running


@pytest.fixture
def crowded_gateway(engine: Engine, home: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """One that holds at most 1,000 bytes of bodies at a time."""
    with served(engine, Home(home), Settings(project=_project(request), max_held_bytes=1_000)) as running:
        yield running


def _project(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}-{uuid4().hex[:8]}"
