"""As `tests/gateway/test_dialects.py`, over a server."""

import pytest

from tests.gateway.test_dialects import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
