"""The pages as HTML: what a reader without scripts gets."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, get_args
from urllib.parse import quote

import pytest

from sojourn_gateway.model.session import SortSessions
from sojourn_gateway.web.sessions_page import EXAMPLES
from tests.gateway.sender import event, logs
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


def test_the_list_says_what_went_wrong_and_hides_what_says_nothing(gateway: Served) -> None:
    gateway.keep(support_session("s-1"), name="With a failed step", end_state="Success")
    empty = Story("s-2")
    empty.end(empty.begin("act", 0, sojourn__kind="action", input__value="{}"), 1)
    gateway.keep(empty, name="Failed as a whole", end_state="Fail")

    first, second = (gateway.get("/sessions", filter=f"name contains {word}").text for word in ("step", "whole"))

    assert "<bdi>TimeoutError: the carrier did not answer</bdi>" in first
    assert "<bdi>it broke</bdi>" in second
    assert "<bdi>{}</bdi>" not in second


def test_steps_are_found_however_their_json_is_written(gateway: Served) -> None:
    story = Story("s-1")
    for place, said in enumerate(("שלום עולם", 'she said "well"', "nothing")):
        asked = json.dumps([{"role": "user", "content": said}], ensure_ascii=True)
        story.end(story.begin(f"step-{place}", place, sojourn__kind="action", input__value=asked), place + 0.5)
    gateway.keep(story)

    def found(told: str) -> list[str]:
        return re.findall(r">(step-\d)</a>", gateway.get("/sessions/s-1", find=told).text)

    assert found("שלום") == ["step-0"]
    assert found('SAID "WELL"') == ["step-1"]
    assert found("%") == found("_") == []


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
    assert shown("filter=errors+%3E+0+and+tags+%3D+refund") == ["Order 4812"]
    assert shown("filter=cost+%3E+100") == []
    assert shown("since=2100-01-01T00:00:00Z") == []
    assert shown("until=2100-01-01T00:00:00Z&filter=name+contains+digest") == ["Nightly digest"]
    assert shown("since=never") == shown("")
    assert shown("sort=nonsense&page=-1&state=bad") == shown("")


def test_every_column_that_can_be_sorted_links_to_its_order(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))

    page = gateway.get("/sessions?q=s-1").text

    heads = set(re.findall(r"/sessions\?q=s-1&amp;sort=([a-z_]+)", page))
    assert {"name", "total_cost", "latency_ms"} <= heads <= set(get_args(SortSessions))
    for sort in get_args(SortSessions):
        assert gateway.get("/sessions", sort=sort, order="asc").status_code == 200
    assert 'aria-sort="descending"' in page


def test_a_filter_that_is_not_understood_is_said_and_shows_no_session(gateway: Served) -> None:
    gateway.keep(support_session("s-1"), name="Order 4812")

    answer = gateway.get("/sessions", filter='cost > "<b>')

    assert answer.status_code == 400
    assert "This filter is not understood" in answer.text
    assert "Character 8 of the filter: a quote is never closed." in answer.text
    assert "Order 4812" not in answer.text
    assert "<b>" not in answer.text
    assert 'value="cost &gt; &#34;&lt;b&gt;"' in answer.text


def test_a_new_search_or_filter_keeps_what_else_was_chosen(gateway: Served) -> None:
    gateway.keep(support_session("s-1"), tags=("refund",))

    page = gateway.get("/sessions?tag=refund&sort=name&order=asc&filter=errors+%3E+0&page=3").text

    for name, value in (("tag", "refund"), ("sort", "name"), ("order", "asc")):
        assert page.count(f'<input type="hidden" name="{name}" value="{value}">') == 2
    assert '<input type="hidden" name="filter" value="errors &gt; 0">' in page
    assert 'name="page"' not in page


def test_every_filter_that_the_page_shows_is_understood(gateway: Served) -> None:
    for example in EXAMPLES:
        assert gateway.get("/sessions", filter=example).status_code == 200


def test_the_same_question_in_a_new_turn_is_shown_again(gateway: Served) -> None:
    story = Story("s-1")
    asked = [{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}]
    for at_s in (0, 10):
        call = story.begin("chat", at_s, gen_ai__operation__name="chat", gen_ai__input__messages=json.dumps(asked))
        story.end(call, at_s + 1)
    gateway.keep(story)

    page = gateway.get("/sessions/s-1", view="conversation").text

    assert page.count(f'<div class="text" dir="auto">{QUESTION}</div>') == 2


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

    assert page.count(f'<div class="text" dir="auto">{QUESTION}</div>') == 1
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


def test_errors_that_no_step_tells_lead_to_the_log(gateway: Served) -> None:
    fault = event("exception", "s-1", exception__type="ValueError", exception__message="odd", sojourn__error__own=True)
    assert gateway.send(logs([event("session.start", "s-1"), fault]), signal="logs").status_code == 200
    assert gateway.engine.settle(60)

    page = gateway.get("/sessions/s-1").text

    assert '<div class="is-bad">' in page
    assert '<a href="/sessions/s-1?view=logs">1</a>' in page


def test_the_models_that_were_called_most_are_named(gateway: Served) -> None:
    story = Story("s-1")
    for at_s, model in enumerate(("a-rare-one", "common", "often", "common", "often", "common")):
        story.end(story.begin("chat", at_s, gen_ai__operation__name="chat", gen_ai__request__model=model), at_s + 1)
    gateway.keep(story)

    assert ">common, often, 1 more</small>" in gateway.get("/sessions/s-1").text


def test_pages_load_nothing_from_elsewhere(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))

    for path in ("/sessions", "/sessions/s-1", "/metrics"):
        page = gateway.get(path).text
        assert "https://" not in page
        assert "//cdn" not in page
        for line in page.splitlines():
            if "<script" in line or "stylesheet" in line:
                assert '"/assets/' in line
        assert " style=" not in page
    assert gateway.get("/assets/app.css").headers["content-type"].startswith("text/css")


def test_a_page_number_of_thousands_of_digits_is_the_first_page(gateway: Served) -> None:
    assert gateway.get("/", page="9" * 5000).status_code == 200
