"""As `tests/gateway/test_api_agentmark_lists.py`, over a server."""

import pytest

from tests.gateway.test_api_agentmark_lists import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
