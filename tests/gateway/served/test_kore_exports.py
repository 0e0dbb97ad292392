"""As Kore's tests of exports over the embedded engine, over a server."""

import pytest

from tests.gateway.kore.test_exports import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
