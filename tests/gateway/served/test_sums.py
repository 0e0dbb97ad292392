"""As `tests/gateway/test_sums.py`, over a server."""

import pytest

from tests.gateway.test_sums import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
