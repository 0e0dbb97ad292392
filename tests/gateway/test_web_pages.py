"""The pages as HTML: what a reader without scripts gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args
from urllib.parse import quote

import pytest

from sojourn_gateway.model.session import SortSessions
from tests.gateway.story import ANSWER, QUESTION, UNPRICED, Story, support_session

if TYPE_CHECKING:
    from tests.gateway.serving import Served


def test_an_empty_gateway_tells_a_newcomer_the_two_lines(gateway: Served) -> None:
    page = gateway.get("/")

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "sojourn.init()" in page.text
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={gateway.url}" in page.text


def test_the_list_lets_one_recognise_a_session(gateway: Served) -> None:
    gateway.keep(support_session("s-1"), name="Order 4812", tags=("refund",), end_state="Fail")

    page = gateway.get("/sessions").text

    for told in ("Order 4812", QUESTION, ANSWER, "ada", "refund", "Fail", "it broke", "4,327", "$0.00"):
        assert told in page
    assert 'href="/sessions/s-1"' in page


def test_an_unpriced_session_does_not_look_free(gateway: Served) -> None:
    gateway.keep(support_session("s-1", model=UNPRICED))

    page = gateway.get("/sessions").text

    assert "unpriced" in page
    assert "$0" not in page


def test_the_address_holds_search_filters_sort_and_page(gateway: Served) -> None:
    gateway.keep(support_session("alpha"), name="Nightly digest", end_state="Success")
    gateway.keep(support_session("beta"), name="Order 4812", tags=("refund",))

    def shown(query: str) -> list[str]:
        page = gateway.get(f"/sessions?{query}").text
        return sorted((name for name in ("Nightly digest", "Order 4812") if f">{name}</a>" in page), key=page.index)

    assert shown("q=digest") == ["Nightly digest"]
    assert shown("state=open") == ["Order 4812"]
    assert shown("tag=refund") == ["Order 4812"]
    assert shown("sort=name&order=asc") == ["Nightly digest", "Order 4812"]
    assert shown("sort=name") == ["Order 4812", "Nightly digest"]
    assert shown("page=2") == []
    assert shown("sort=nonsense&page=-1&state=bad") == shown("")


def test_every_column_that_can_be_sorted_links_to_its_order(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))

    page = gateway.get("/sessions?q=s-1").text

    for sort in get_args(SortSessions):
        if sort not in ("start", "end"):
            assert f"/sessions?q=s-1&amp;sort={sort}" in page
        assert gateway.get("/sessions", sort=sort, order="asc").status_code == 200
    assert 'aria-sort="descending"' in page


def test_what_finds_nothing_leads_back_to_all(gateway: Served) -> None:
    page = gateway.get("/sessions?q=nothing-like-it").text

    assert "No session matches" in page
    assert 'href="/sessions">Show all sessions' in page


def test_the_session_page_draws_every_step_on_one_axis(gateway: Served) -> None:
    gateway.keep(support_session("s-1"), name="Order 4812")

    page = gateway.get("/sessions/s-1").text

    assert page.count('class="bar"') == 7
    assert page.count(" failed") >= 1
    assert "idle for 25.8 s" in page
    assert "1 error" in page
    assert "2,048 cached" in page


def test_a_step_opens_beside_the_timeline_without_scripts(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))
    spans = gateway.data("/v1/sessions/s-1")["spans"]
    failed = next(span for span in spans if span["status"] == "ERROR")

    page = gateway.get("/sessions/s-1", span=failed["id"]).text

    assert 'id="inspector"' in page
    assert "TimeoutError" in page
    assert "the carrier did not answer" in page
    assert "gen_ai.tool.name" in page
    assert 'aria-selected="true"' in page


def test_the_panel_of_a_step_can_be_had_alone(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))
    model = next(span for span in gateway.data("/v1/sessions/s-1")["spans"] if span["step"] == "model")

    panel = gateway.get(f"/spans/{model['trace_id']}/{model['id']}", session="s-1", view="conversation").text

    assert "<html" not in panel
    assert QUESTION in panel
    assert "1,024 cached" in panel
    assert 'href="/sessions/s-1?view=conversation"' in panel
    assert gateway.get(f"/spans/{model['trace_id']}/ffffffffffffffff").status_code == 404


def test_the_conversation_shows_each_message_once_with_tools_inline(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))

    page = gateway.get("/sessions/s-1", view="conversation").text

    assert page.count(f'<div class="text">{QUESTION}</div>') == 1
    assert page.count(ANSWER) == 1
    assert page.count('<details class="call') == 2
    assert "the carrier did not answer" in page


def test_recorded_markup_is_shown_and_never_obeyed(gateway: Served) -> None:
    story = Story('"><script>alert(1)</script>')
    span = story.begin("<img src=x onerror=alert(1)>", 0, gen_ai__tool__name="<svg onload=alert(1)>")
    story.end(span, 1)
    gateway.keep(story, name="<script>alert(2)</script>", tags=("<i>",))
    assert story.session_id is not None
    (told,) = gateway.data(f"/v1/sessions/{quote(story.session_id, safe='')}")["spans"]

    for path in ("/sessions", f"/sessions/{quote(story.session_id, safe='')}?span={told['id']}"):
        page = gateway.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<svg onload" not in page
        assert "<i>" not in page


def test_recorded_markup_in_a_conversation_is_text(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))

    assert "&lt;b&gt;Thanks&lt;/b&gt; &amp; bye" in gateway.get("/sessions/s-1", view="conversation").text


@pytest.mark.parametrize("path", ["/sessions/nobody", "/spans/x/y"])
def test_a_page_that_is_not_there_says_so_as_a_page(gateway: Served, path: str) -> None:
    page = gateway.get(path)

    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "All sessions" in page.text


def test_a_session_without_spans_has_a_page(gateway: Served) -> None:
    gateway.keep(Story("s-empty"), name="Only begun")

    page = gateway.get("/sessions/s-empty").text

    assert "Only begun" in page
    assert "No steps were recorded" in page


def test_pages_load_nothing_from_elsewhere(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))

    for path in ("/sessions", "/sessions/s-1"):
        page = gateway.get(path).text
        assert "https://" not in page
        assert "//cdn" not in page
        for line in page.splitlines():
            if "<script" in line or "stylesheet" in line:
                assert '"/assets/' in line
        assert " style=" not in page
    assert gateway.get("/assets/app.css").headers["content-type"].startswith("text/css")
