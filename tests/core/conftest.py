"""Every test of the SDK begins and ends without a client."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import sojourn
from sojourn import client, recorder
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_THE_CLIENT = {"sojourn-recorder", "sojourn-sender", "sojourn-host", "sojourn-prices"}


@pytest.fixture(autouse=True)
def _no_client(home: object) -> Iterator[None]:  # the home must outlive the client
    yield
    sojourn.shutdown()
    # No program waits for these threads at its end; here what they say late would be taken for the next test's.
    until(lambda: not any(thread.name in OF_THE_CLIENT for thread in threading.enumerate()))


@pytest.fixture(autouse=True)
def _patient_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was flushed is read at once: on a busy machine the recorder's thread may hold the journal for long."""
    monkeypatch.setattr(recorder, "PATIENCE_S", 120)


@pytest.fixture
def patient_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is delivered at the end: a machine that is busy may take longer than an exit is worth."""
    monkeypatch.setattr(client, "EXIT_PATIENCE_S", 120)
