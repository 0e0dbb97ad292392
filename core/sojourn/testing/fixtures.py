"""The helpers of `sojourn.testing` as fixtures of pytest.

    from sojourn.testing.fixtures import sojourn_capture  # noqa: F401

in a `conftest.py`, and every test below that takes `sojourn_capture` has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sojourn.testing import captured, fixed_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn.testing import Capture

__all__ = ["sojourn_capture", "sojourn_fixed_ids"]


@pytest.fixture
def sojourn_capture() -> Iterator[Capture]:
    """What the test records, in memory."""
    with captured() as capture:
        yield capture


@pytest.fixture
def sojourn_fixed_ids() -> Iterator[None]:
    """The same ids in every run."""
    with fixed_ids():
        yield
