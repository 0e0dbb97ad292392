"""As Kore's tests of a project's analytics over the embedded engine, over a server."""

import pytest

from tests.gateway.kore.test_project_analytics import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.soak
