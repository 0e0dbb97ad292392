"""As `tests/gateway/test_otlp_json.py`, over a server."""

import pytest

from tests.gateway.test_otlp_json import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
