"""As `tests/gateway/test_logs.py`, over a server."""

import pytest

from tests.gateway.test_logs import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
