"""Failures are told apart in a time that grows with their text, whatever somebody wrote into it."""

from __future__ import annotations

import pytest

from sojourn_gateway.apis.kore.analysis.failures import blanked


# Half a million characters, of which a step for each pair is more than any machine makes while a test may run.
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("“" * 500_000, "“" * 500_000),
        ("“" * 250_000 + "”", "“" * 249_999 + "<text>"),
        ("1" * 250_000 + "a" * 250_000 + "é", "<n>" + "a" * 250_000 + "é"),
        ("a1" * 250_000 + "é", "a<n>" * 250_000 + "é"),
        ("'a'b" * 100_000, "'a'b" * 100_000),
        ("a" * 500_000, "a" * 500_000),
        ("1" * 250_000 + "a" * 250_000, "<id>"),
    ],
    ids=["opened", "closed once", "digits and letters", "both in turn", "quotes in words", "a word", "an id"],
)
def test_no_text_costs_more_than_its_length(text: str, told: str) -> None:
    assert blanked(text) == told
