"""As `tests/gateway/test_api_agentmark_scores.py`, over a server."""

import pytest

from tests.gateway.test_api_agentmark_scores import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
