"""As `tests/gateway/test_spans.py`, over a server."""

import pytest

from tests.gateway.test_spans import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
