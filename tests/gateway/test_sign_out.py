"""A person who signed in finds the way out; links from elsewhere open pages, forms from elsewhere change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from sojourn.home import Home
from sojourn_gateway.records import Keys, Records
from sojourn_gateway.settings import Settings
from tests.gateway.serving import served

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn_gateway.engine import Engine

BUTTON = 'action="/sign-out"'
LINKED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
"""What a browser says of a link on a page of another site."""


def test_links_from_another_site_open_pages_and_forms_of_one_change_nothing(
    engine: Engine, home: Path, tmp_path: Path
) -> None:
    records = Records.of(Home(home))
    secret = Keys(records).make(f"mine-{tmp_path.name}", "a").secret
    records.close()
    settings = Settings(project=tmp_path.name, require_keys=True)
    with served(engine, Home(home), settings) as running, httpx.Client(base_url=running.url, timeout=60) as browser:
        came = browser.post("/sign-in", data={"key": secret})
        assert "SameSite=lax" in came.headers["Set-Cookie"]

        page = browser.get("/sessions", headers=LINKED)
        assert page.status_code == 200
        assert BUTTON in page.text

        score = {"resource_id": "x", "name": "n", "score": 1}
        for foreign in (LINKED, {"Origin": "https://evil.example"}):
            assert browser.post("/v1/scores", json=score, headers=foreign).status_code == 403
            assert browser.request("DELETE", "/v1/sessions/x", headers=foreign).status_code == 403
            assert browser.post("/sign-out", headers=foreign).status_code == 403
        assert browser.get("/v1/scores").json()["pagination"]["total"] == 0
        assert browser.get("/sessions").status_code == 200

        out = browser.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"})
        assert (out.status_code, out.headers["Location"]) == (303, "/sign-in")
        assert BUTTON not in browser.get("/sign-in").text
        assert browser.get("/sessions").status_code == 303


def test_where_no_keys_are_demanded_there_is_nothing_to_sign_out_of(engine: Engine, home: Path, tmp_path: Path) -> None:
    with served(engine, Home(home), Settings(project=tmp_path.name)) as running:
        assert BUTTON not in running.get("/sessions").text
