"""Fixtures of the battery: one provider for all tests, and a stage for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.instrumentors.battery.stage import Stage
from tests.instrumentors.battery.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def _wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def wire(_wire: Wire) -> Wire:
    _wire.reset()
    return _wire


@pytest_asyncio.fixture
async def stage(wire: Wire) -> AsyncIterator[Stage]:
    made = Stage(wire)
    yield made
    await made.close()
