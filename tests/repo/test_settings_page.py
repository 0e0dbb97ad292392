"""The page of settings says what the code says."""

from __future__ import annotations

from tools import settings_table


def test_the_page_is_as_the_code_has_it() -> None:
    """`python -m tools.settings_table` writes it."""
    assert settings_table.PAGE.read_text("utf-8") == settings_table.page()


def test_the_readme_has_the_same_table() -> None:
    assert settings_table.table().count("\n") > 5
    assert settings_table.README.read_text("utf-8") == settings_table.readme()
