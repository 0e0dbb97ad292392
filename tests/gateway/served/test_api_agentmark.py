"""As `tests/gateway/test_api_agentmark.py`, over a server."""

import pytest

from tests.gateway.test_api_agentmark import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
