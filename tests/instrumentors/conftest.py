"""Fixtures of the instrumentors: installed for one test, and away again after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.instrumentors.observed import Observed
from tests.instrumentors.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def observed() -> Iterator[Observed]:
    """Both instrumentors, content on, every span kept in memory."""
    watching = Observed()
    watching.install()
    yield watching
    watching.uninstall()


@pytest.fixture
def provider() -> Provider:
    return Provider()
