"""One engine for all tests of the gateway: chdb opens one folder per process. Projects keep tests apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sojourn.home import Home
from sojourn_gateway.engine import Engine
from sojourn_gateway.ingest import Ingest
from sojourn_gateway.query import Queries
from tests.gateway.fixtures import crowded_gateway, gateway, small_gateway
from tests.gateway.sender import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["crowded_gateway", "engine", "gateway", "ingest", "small_gateway", "store"]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine that all tests of this process share."""
    opened = Engine.open(Home(tmp_path_factory.mktemp("engine") / "home"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def ingest(engine: Engine) -> Iterator[Ingest]:
    """A way in that all tests share."""
    opened = Ingest(engine)
    yield opened
    opened.close()


@pytest.fixture
def store(engine: Engine, ingest: Ingest) -> Store:
    """A project that only this test sees."""
    return Store(engine, ingest, Queries(engine))
