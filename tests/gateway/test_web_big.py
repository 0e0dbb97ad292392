"""A session of a thousand steps in a real Chromium: what is sent at first, what is fetched, and where keys lead."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import expect

from tests.gateway.sender import span, trace_id, traces, usage
from tests.gateway.test_web_browser import browser, page

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

    from tests.gateway.serving import Served

__all__ = ["browser", "page"]

pytestmark = pytest.mark.browser

STEPS: Final = 1000
OF_A_TURN: Final = 100
SHOWN: Final = 200
FAILED: Final = 821
SAID: Final = "lorem ipsum " * 60


def _turn(session: str, number: int) -> bytes:
    """A root and what happened under it; every third step is a call of a model."""
    trace = trace_id()
    root = span(trace, f"turn {number}", at_s=number * 20, lasts_s=15, attributes={"session.id": session})
    steps = [root]
    for at in range(1, OF_A_TURN):
        place = number * OF_A_TURN + at
        said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": f"question {place} {SAID}"}]}])
        calls = usage() | {"gen_ai.input.messages": said, "gen_ai.output.messages": said.replace("user", "assistant")}
        more = calls if at % 3 == 0 else {"step.note": f"note {place}"}
        steps.append(
            span(
                trace,
                f"step {place}",
                parent=root,
                at_s=number * 20 + at * 0.1,
                lasts_s=0.1,
                attributes={"session.id": session, **more},
                error="it broke" if place == FAILED else None,
            )
        )
    return traces(steps)


@pytest.fixture
def big(gateway: Served) -> Served:
    """One session of a thousand steps, of which one failed."""
    # Requests of protobuf that stand behind each other are one request.
    assert gateway.send(b"".join(_turn("big", number) for number in range(STEPS // OF_A_TURN))).status_code == 200
    assert gateway.engine.settle(60)
    return gateway


def test_a_big_session_is_sent_in_pieces_and_keys_go_on_where_a_piece_ends(big: Served, page: Page) -> None:
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/sessions/" in request.url else None)

    page.goto("/sessions/big")
    expect(page.locator("tr.bar-row").first).to_be_visible()
    sent = big.get("/sessions/big")
    assert sent.text.count('<tr class="bar-row') == SHOWN
    # What was said in steps that nobody looks at is not sent, nor are the rows that nobody sees.
    assert "lorem ipsum" not in sent.text.partition("</h1>")[2]
    assert len(sent.content) < 250_000
    assert [request.url.rpartition("?")[2] for request in asked] == [f"{big.url}/sessions/big"]

    page.locator("tr.bar-row").nth(SHOWN - 1).get_by_role("link").click()
    expect(page.locator("#inspector h2")).to_have_text(f"step {SHOWN - 1}")
    page.keyboard.press("j")
    expect(page.locator("#inspector h2")).to_have_text(f"turn {SHOWN // OF_A_TURN}")
    expect(page.locator("tr.bar-row")).to_have_count(2 * SHOWN)
    assert [request.url.rpartition("?")[2] for request in asked[1:]] == [f"from={SHOWN}"]

    page.keyboard.press("e")
    expect(page.locator("#inspector h2")).to_have_text(f"step {FAILED}")
    expect(page.locator("tr.chosen .flag")).to_have_text("failed")
    # It is another page, whose rows are there before the script that hears the keys.
    page.wait_for_load_state()
    page.locator("tr.bar-row").first.get_by_role("link").click()
    expect(page.locator("#inspector h2")).to_have_text("turn 8")
    page.keyboard.press("k")
    expect(page.locator("#inspector h2")).to_have_text("step 799")
    expect(page.locator("tr.bar-row")).to_have_count(2 * SHOWN)


def test_steps_are_found_by_name_and_by_what_was_said_in_them(big: Served, page: Page) -> None:
    page.goto("/sessions/big")
    page.wait_for_load_state()
    page.keyboard.press("/")
    page.keyboard.type("QUESTION 824 ")
    page.keyboard.press("Enter")
    expect(page.locator("tr.bar-row")).to_have_count(1)
    expect(page.locator("tr.bar-row")).to_contain_text("step 824")
    page.get_by_role("link", name="step 824").click()
    expect(page.locator("#inspector")).to_contain_text("question 824 lorem")
    # Opening a step loses neither what was looked for nor the list of what was found.
    page.reload()
    expect(page.locator("tr.bar-row.chosen")).to_contain_text("step 824")
    expect(page.locator("tr.bar-row")).to_have_count(1)

    page.get_by_label("Find in the steps").fill("broke")
    page.keyboard.press("Enter")
    expect(page.locator("tr.bar-row")).to_have_count(1)
    expect(page.locator("tr.bar-row")).to_contain_text(f"step {FAILED}")
    page.get_by_label("Find in the steps").fill("nobody said this")
    page.keyboard.press("Enter")
    expect(page.locator("#body")).to_contain_text("Nothing of what was recorded says")
    assert big.get("/sessions/big", find="note 77").text.count('<tr class="bar-row') > 1


def test_without_scripts_links_lead_through_a_big_session(big: Served) -> None:
    seen: list[str] = []
    address, pages = "/sessions/big?from=600", 0
    while address and pages < 10:
        told = big.client.get(address).text
        seen += [line.partition('data-span="')[2][:16] for line in told.splitlines() if "bar-row" in line]
        behind = told.partition('data-more="after"')[0] if 'data-more="after"' in told else ""
        address = behind.rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
        pages += 1
    assert (pages, len(seen), len(set(seen))) == (2, 400, 400)

    first = big.get("/sessions/big", view="conversation").text
    later = big.get("/sessions/big", view="conversation", **{"from": "100"}).text
    assert ("question 3 " in first, "question 3 " in later) == (True, False)
    assert (first.count("by-assistant"), later.count("by-assistant")) == (100, 100)
    # Turns are counted from the begin of the session, wherever a page begins.
    assert ">3</span>turn 2" in first
    assert ">4</span>turn 3" in later
    assert "Earlier in the conversation" in later


def test_an_address_of_nonsense_shows_the_session_all_the_same(big: Served) -> None:
    for query in ({"from": "x"}, {"from": "999999999"}, {"rows": "-1"}, {"rows": "9" * 40}, {"find": "\x00"}):
        answer = big.get("/sessions/big", **query)
        assert answer.status_code == 200
    assert big.get("/sessions/big", rows="100000").text.count('<tr class="bar-row') == STEPS
