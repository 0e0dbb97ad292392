"""As `tests/gateway/test_sessions.py`, over a server."""

import pytest

from tests.gateway.test_sessions import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
