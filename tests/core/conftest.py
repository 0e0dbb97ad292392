"""Every test of the SDK begins and ends without a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import sojourn

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _no_client(home: object) -> Iterator[None]:  # the home must outlive the client
    yield
    sojourn.shutdown()
