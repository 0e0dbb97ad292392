"""Retention, which erases, over a cluster: of `test_spread_retention.py`, one test for every run."""

from tests.gateway.served.spreading import engine, ingest
from tests.gateway.test_retention import keeper, test_a_session_goes_whole_when_it_was_silent_too_long_and_not_before

__all__ = ["engine", "ingest", "keeper", "test_a_session_goes_whole_when_it_was_silent_too_long_and_not_before"]
