"""Signing in with a key, in a real Chromium: what browsers say of themselves no other client does."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from sojourn.home import Home
from sojourn_gateway.records import Keys, Records
from sojourn_gateway.settings import Settings
from tests.gateway.serving import served

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn_gateway.engine import Engine

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def test_a_person_signs_in_and_comes_to_the_page_that_was_asked_for(engine: Engine, home: Path, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    records = Records.of(Home(home))
    secret = Keys(records).make(f"mine-{tmp_path.name}", "a person").secret
    records.close()
    with served(engine, Home(home), Settings(require_keys=True)) as running, sync_playwright() as playwright:
        # A loaded machine is slow.
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=120_000
        )
        page = browser.new_page(base_url=running.url)
        page.set_default_timeout(120_000)
        expect.set_options(timeout=120_000)
        page.goto("/sessions?sort=cost")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

        page.get_by_label("Key").fill("nobody's")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("no such key")
        page.get_by_label("Key").fill(secret)
        page.get_by_role("button", name="Sign in").click()

        expect(page).to_have_url(f"{running.url}/sessions?sort=cost")
        browser.close()
