"""Fixtures over a cluster, as far as one server shows it: its tables are spread, and all shards are the one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sojourn.home import Home
from sojourn_gateway.engine import Engine
from sojourn_gateway.ingest import Ingest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gateway.fronts import Front

__all__ = ["engine", "ingest"]


@pytest.fixture(scope="module")
def engine(front: Front, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine whose tables are spread."""
    home = Home(tmp_path_factory.mktemp("spread") / "home")
    opened = Engine.open(home, front.address(database="spread", cluster="main"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def ingest(engine: Engine) -> Iterator[Ingest]:
    """A way into it."""
    opened = Ingest(engine)
    yield opened
    opened.close()
