"""The page of the APIs says what their documents say."""

from __future__ import annotations

from tools.api_document import PAGE, render


def test_the_page_of_the_apis_is_that_of_their_documents() -> None:
    assert PAGE.read_text() == render(), "run: python -m tools.api_document"
