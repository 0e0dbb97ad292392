"""Fixtures of this folder: those of the gateway, and a runtime by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gateway.agentuity.by_hand import Runtime

if TYPE_CHECKING:
    from tests.gateway.serving import Served


@pytest.fixture
def runtime(gateway: Served) -> Runtime:
    """A runtime of a project that only this test sees."""
    return Runtime(gateway)
