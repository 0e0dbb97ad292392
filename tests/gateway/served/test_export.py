"""As `tests/gateway/test_export.py`, over a server."""

import pytest

from tests.gateway.test_export import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
