"""As the tests of experiments in `tests/gateway/test_api_agentmark_rest.py`, over a server."""

import pytest

from tests.gateway.test_api_agentmark_rest import (
    test_a_baseline_is_the_run_of_the_same_sources_else_the_newest as test_a_baseline_is_found,
)
from tests.gateway.test_api_agentmark_rest import (
    test_experiments_are_traces_of_one_run as test_experiments_are_read,
)
from tests.gateway.test_api_agentmark_rest import (
    test_runs_are_found_as_they_come as test_runs_are_found,
)

__all__ = ["test_a_baseline_is_found", "test_experiments_are_read", "test_runs_are_found"]

pytestmark = pytest.mark.soak
