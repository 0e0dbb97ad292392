"""The same tests once more, over a ClickHouse server by URL: these fixtures take the places of those one folder up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sojourn.home import Home
from sojourn_gateway.engine import Engine
from sojourn_gateway.ingest import Ingest
from tests.gateway.fronts import started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gateway.fronts import Front


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A server that all tests of this folder share."""
    with started(tmp_path_factory.mktemp("front")) as running:
        yield running


# One per file of tests, since it talks to its server now and then also when nobody asks it anything: tests elsewhere
# that put recorded traffic in the place of all HTTP would be asked for that.
@pytest.fixture(scope="module")
def engine(front: Front, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine on it, in a database whose name is not the usual one."""
    opened = Engine.open(Home(tmp_path_factory.mktemp("served") / "home"), front.address(database="elsewhere"))
    yield opened
    opened.close()


# Of its own, since one for the session would be bound to whichever engine came first.
@pytest.fixture(scope="module")
def ingest(engine: Engine) -> Iterator[Ingest]:
    """A way in that these tests share."""
    opened = Ingest(engine)
    yield opened
    opened.close()
