"""As Kore's tests of sessions over the embedded engine, over a server."""

import pytest

from tests.gateway.kore.test_sessions import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
