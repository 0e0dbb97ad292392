"""As Kore's tests of events and analytics over the embedded engine, over a server."""

import pytest

from tests.gateway.kore.test_analytics import *  # noqa: F403  # the tests themselves
from tests.gateway.kore.test_traces import *  # noqa: F403

pytestmark = pytest.mark.soak
