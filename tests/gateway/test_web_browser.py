"""The pages in a real Chromium."""

from __future__ import annotations

import re
import shutil
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.gateway.sender import T0, span, trace_id, traces
from tests.gateway.story import ANSWER, SECOND, support_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.gateway.serving import Served

pytestmark = pytest.mark.browser

WAIT_MS = 120_000
"""A loaded machine is slow; whatever is waited for comes long before."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for this file."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, gateway: Served) -> Iterator[Page]:
    """A fresh tab; whatever it logs, or asks of any other host, fails the test."""
    complaints: list[str] = []
    context = browser.new_context(base_url=gateway.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT_MS)
    tab = context.new_page()
    tab.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    tab.on("pageerror", lambda fault: complaints.append(str(fault)))
    tab.on(
        "request",
        lambda request: (
            None if urlsplit(request.url).hostname == "127.0.0.1" else complaints.append(f"asked {request.url}")
        ),
    )
    yield tab
    context.close()
    assert complaints == []


@pytest.fixture
def recorded(gateway: Served) -> Served:
    """Two sessions: one that failed, one that still runs."""
    gateway.keep(support_session("order-4812"), name="Order 4812", tags=("refund",), end_state="Fail")
    gateway.keep(support_session("digest"), name="Nightly digest")
    return gateway


def test_from_the_list_to_a_session_to_a_step(recorded: Served, page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Order 4812").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Order 4812")
    expect(page.locator("tr.bar-row")).to_have_count(7)

    page.get_by_role("link", name="carrier_status").click()

    panel = page.get_by_role("complementary", name="Step")
    expect(panel).to_contain_text("the carrier did not answer")
    assert "span=" in page.url
    expect(page.locator("tr.bar-row.chosen")).to_have_count(1)
    assert recorded.url in page.url


def test_sorting_searching_and_filtering_live_in_the_address(recorded: Served, page: Page) -> None:
    page.goto("/sessions")
    page.get_by_role("link", name="Session", exact=True).click()
    expect(page).to_have_url(re.compile(r"sort=name&order=asc"))
    expect(page.locator(".row-link")).to_have_text(["Nightly digest", "Order 4812"])

    # Rows are there before the script that hears the keys.
    page.wait_for_load_state()
    page.keyboard.press("/")
    page.keyboard.type("nightly")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"q=nightly.*sort=name"))
    expect(page.locator(".row-link")).to_have_text(["Nightly digest"])

    page.get_by_role("link", name="Fail", exact=True).click()
    expect(page.get_by_role("heading", name="No session matches")).to_be_visible()
    page.go_back()
    expect(page.locator(".row-link")).to_have_text(["Nightly digest"])
    assert recorded.data("/v1/sessions", search="order")


def test_keys_move_among_steps_find_the_error_and_close_the_panel(recorded: Served, page: Page) -> None:
    page.goto("/sessions/order-4812")
    panel = page.locator("#inspector")
    expect(panel).to_be_hidden()

    page.keyboard.press("j")
    expect(panel.locator("h2")).to_have_text("support agent")
    page.keyboard.press("j")
    expect(panel.locator("h2")).to_have_text("chat gpt-4o-mini")
    page.keyboard.press("k")
    expect(panel.locator("h2")).to_have_text("support agent")
    page.keyboard.press("e")
    expect(panel.locator("h2")).to_have_text("carrier_status")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert "span=" not in page.url
    assert recorded.data("/v1/sessions/order-4812")["errors"] == 1


def test_a_link_to_a_step_shows_it_at_once(recorded: Served, page: Page) -> None:
    spans = recorded.data("/v1/sessions/order-4812")["spans"]
    model = [span for span in spans if span["step"] == "model"][1]

    page.goto(f"/sessions/order-4812?span={model['id']}")

    expect(page.locator("#inspector")).to_contain_text(ANSWER)


def test_the_conversation_opens_a_tool_call_beside_it(recorded: Served, page: Page) -> None:
    page.goto("/sessions/order-4812")
    page.get_by_role("link", name="Conversation").click()
    expect(page.locator(".entry.by-user")).to_have_count(2)

    page.locator(".call", has_text="find_order").get_by_role("link").click()

    expect(page.locator("#inspector h2")).to_have_text("find_order")
    expect(page.locator(".conversation")).to_be_visible()
    assert recorded.data("/v1/sessions/order-4812")["tool_calls"] == 2


def test_keys_lead_from_page_to_page_and_are_told(recorded: Served, page: Page) -> None:
    page.goto("/sessions/order-4812")
    keys = page.get_by_role("dialog", name="Shortcuts")

    page.keyboard.press("?")
    expect(keys).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("#inspector")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()

    page.keyboard.press("g")
    page.keyboard.press("m")
    expect(page.get_by_role("heading", level=1)).to_have_text("Metrics")
    # The heading is there before the script that hears the keys.
    page.wait_for_load_state()
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page.get_by_role("link", name="Order 4812")).to_be_visible()
    page.get_by_label("Filter, such as").fill("name contains digest")
    page.keyboard.press("Enter")
    expect(page.locator(".row-link")).to_have_text(["Nightly digest"])
    assert recorded.url in page.url


def test_a_reader_scores_the_step_that_failed(recorded: Served, page: Page) -> None:
    page.goto("/sessions/order-4812")
    page.keyboard.press("e")
    panel = page.locator("#inspector")
    panel.get_by_text("Give a score").click()
    panel.get_by_label("Name").fill("useful")
    panel.get_by_label("Score").fill("0.5")
    panel.get_by_role("button", name="Keep").click()

    expect(page.get_by_role("region", name="Scores")).to_contain_text("useful 0.5")
    expect(panel.locator("h2")).to_have_text("carrier_status")
    (kept,) = recorded.data("/v1/scores")
    assert kept["resource_type"] == "span"


def test_escape_closes_the_keys_alone_where_a_step_is_open_too(recorded: Served, page: Page) -> None:
    page.goto("/sessions/order-4812")
    page.keyboard.press("e")
    expect(page.locator("#inspector")).to_be_visible()
    keys = page.get_by_role("dialog", name="Shortcuts")
    page.keyboard.press("?")
    expect(keys).to_be_visible()

    page.keyboard.press("Escape")

    expect(keys).to_be_hidden()
    assert page.locator("#inspector").is_visible()
    assert recorded.url in page.url


def test_what_arrives_leaves_a_score_that_is_being_written(recorded: Served, page: Page) -> None:
    since_s = (time.time_ns() - T0) / SECOND
    running = span(trace_id(), "running", at_s=since_s, lasts_s=None, attributes={"session.id": "digest"})
    assert recorded.send(traces([running])).status_code == 200
    assert recorded.engine.settle(60)
    page.goto(f"/sessions/digest?span={running.span_id.hex()}")
    panel = page.locator("#inspector")
    expect(panel.locator("[data-pending]")).to_be_visible()
    panel.get_by_text("Give a score").click()
    panel.get_by_label("Name").fill("useful")

    recorded.keep(support_session("digest"), name="Nightly digest")

    expect(page.locator("tr.bar-row")).to_have_count(15)
    assert panel.get_by_label("Name").input_value() == "useful"


def test_an_open_session_shows_what_arrives_and_its_end(recorded: Served, page: Page) -> None:
    page.goto("/sessions/digest")
    expect(page.locator("#live")).to_be_visible()
    expect(page.locator("tr.bar-row")).to_have_count(7)

    recorded.keep(support_session("digest"), name="Nightly digest", end_state="Success")

    expect(page.locator("tr.bar-row")).to_have_count(14)
    expect(page.locator(".title-line .state")).to_have_text("Success")
    expect(page.locator("#live")).to_be_hidden()


def test_an_open_session_of_few_steps_is_asked_for_as_many_as_a_page_shows(recorded: Served, page: Page) -> None:
    page.goto("/sessions/digest")
    expect(page.locator("tr.bar-row")).to_have_count(7)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/sessions/digest?" in request.url else None)

    trace = trace_id()
    more = [span(trace, f"step {at}", attributes={"session.id": "digest"}) for at in range(30)]
    assert recorded.send(traces(more)).status_code == 200
    assert recorded.engine.settle(60)

    expect(page.locator("tr.bar-row")).to_have_count(37)
    assert asked
    assert all("rows=200" in url for url in asked)


def test_a_new_session_announces_itself_without_moving_the_list(recorded: Served, page: Page) -> None:
    with page.expect_response(re.compile(r"/v1/sessions\?limit=1")):
        page.goto("/sessions")

    recorded.keep(support_session("third"), name="A third")

    fresh = page.get_by_role("link", name="New activity, show it")
    expect(fresh).to_be_visible()
    expect(page.locator(".row-link")).to_have_count(2)
    fresh.click()
    expect(page.locator(".row-link")).to_have_count(3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_all_pages_fit_their_window_in_both_schemes(recorded: Served, page: Page, scheme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    shades: list[int] = []
    step = recorded.data("/v1/sessions/order-4812")["spans"][1]["id"]
    whole = "/sessions/order-4812"
    for path in ("/sessions", "/metrics?range=7d", f"{whole}?span={step}", f"{whole}?view=conversation"):
        page.goto(path)
        wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{path} scrolls sideways by {wider} pixels"
        ground: str = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        shades.append(int(re.findall(r"\d+", ground)[0]))
    assert all((shade < 60) == (scheme == "dark") for shade in shades)
