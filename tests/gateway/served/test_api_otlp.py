"""As `tests/gateway/test_api_otlp.py`, over a server."""

import pytest

from tests.gateway.test_api_otlp import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
