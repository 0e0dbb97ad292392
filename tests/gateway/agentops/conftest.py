"""Fixtures of this folder: those of the gateway, and a client by hand of the session era."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gateway.agentops.by_hand import Program

if TYPE_CHECKING:
    from tests.gateway.serving import Served


@pytest.fixture
def program(gateway: Served) -> Program:
    """A program whose session has begun."""
    return Program.begin(gateway)
