"""The README's table of libraries says what the instrumentors declare, and what they declare was tried."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from tools import libraries_table

if TYPE_CHECKING:
    from sojourn_instrumentors._kit import Instrumentor


def test_the_readme_has_the_table_of_the_code() -> None:
    """`python -m tools.libraries_table` writes it."""
    assert libraries_table.table() in libraries_table.README.read_text("utf-8")
    assert libraries_table.README.read_text("utf-8") == libraries_table.readme()


@pytest.mark.parametrize("instrumentor", libraries_table.catalogue(), ids=lambda one: one.library)
def test_the_newest_release_that_is_claimed_is_not_newer_than_what_the_tests_run_with(
    instrumentor: Instrumentor,
) -> None:
    assert instrumentor.surfaces
    distribution = instrumentor.requires.partition(">=")[0].strip()
    installed, claimed = (
        [int(part) for part in text.split(".")[:3] if part.isdigit()]
        for text in (version(distribution), instrumentor.newest)
    )

    assert claimed
    assert claimed <= installed
