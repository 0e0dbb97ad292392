"""As `tests/gateway/test_erasure.py`, over a server."""

import pytest

from tests.gateway.test_erasure import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
