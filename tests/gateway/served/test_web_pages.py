"""As `tests/gateway/test_web_pages.py`, over a server."""

import pytest

from tests.gateway.test_web_pages import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
