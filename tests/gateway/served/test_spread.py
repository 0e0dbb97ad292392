"""As `tests/gateway/test_sums.py`, over a cluster, as far as one server shows it."""

import pytest

from tests.gateway.served.spreading import *  # noqa: F403  # its fixtures
from tests.gateway.test_sums import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
