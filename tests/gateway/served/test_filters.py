"""As `tests/gateway/test_filters.py`, over a server."""

from tests.gateway.test_filters import *  # noqa: F403  # the tests themselves
