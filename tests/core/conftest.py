"""Every test of the SDK begins and ends without a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import sojourn
from sojourn import client

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _no_client(home: object) -> Iterator[None]:  # the home must outlive the client
    yield
    sojourn.shutdown()


@pytest.fixture
def patient_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is delivered at the end: a machine that is busy may take longer than an exit is worth."""
    monkeypatch.setattr(client, "EXIT_PATIENCE_S", 120)
