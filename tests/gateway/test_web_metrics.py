"""The page of metrics: figures over time, what is behind them, and how it stands with the store."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import TYPE_CHECKING

from sojourn_gateway.model.metrics import MetricsAsk
from tests.gateway.story import PRICED, SECOND, UNPRICED, Story, support_session

if TYPE_CHECKING:
    from tests.gateway.serving import Served


def test_an_empty_store_has_a_page_of_metrics_whatever_an_old_bookmark_says(gateway: Served) -> None:
    page = gateway.get("/metrics", range="ages", by="colour")

    assert page.status_code == 200
    assert "Nothing was called in this time" in page.text
    assert "nothing yet" in page.text


def test_calls_tokens_cost_and_latency_are_told_with_what_they_consist_of(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))
    gateway.keep(support_session("s-2", model=UNPRICED))

    page = gateway.get("/metrics").text

    for told in ("Model calls", "+ 3 unpriced", PRICED, UNPRICED, "8,228 in", "2 sessions", "14 steps", "median"):
        assert told in page
    assert f"No price is known for</dt><dd>{UNPRICED}" in page


def test_a_bar_leads_to_the_sessions_that_began_then(gateway: Served) -> None:
    day = 86_400 * SECOND
    midnight = time.time_ns() // day * day
    for session_id, days in (("old", 3), ("late", 1)):
        # At noon, so that all its calls are of one day.
        story = support_session(session_id, started_ns=midnight - days * day + day // 2)
        story.session_id = None  # its spans bear the id; without events it begins with its first span
        gateway.keep(story)

    page = unescape(gateway.get("/metrics", range="7d").text)

    bars = list(dict.fromkeys(re.findall(r'<a href="(/sessions\?since=[^"]+)"', page)))
    shown = [re.findall(r'href="/sessions/([a-z]+)" title', gateway.get(bar).text) for bar in bars]
    assert shown == [["old"], ["late"]]


def test_calls_are_grouped_and_lead_to_their_sessions(gateway: Served) -> None:
    gateway.keep(support_session("s-1"), end_state="Success")
    links = {
        "model": (PRICED, "/sessions?filter=model+%3D+%22gpt-4o-mini%22"),
        "user": ("ada", "/sessions?user=ada"),
        "state": ("Success", "/sessions?state=Success"),
    }

    for by, (name, link) in links.items():
        assert f'<a href="{link}">{name}</a>' in unescape(gateway.get("/metrics", by=by).text)
        assert 'href="/sessions/s-1"' in gateway.get(link).text
    assert ">carrier_status<" in gateway.get("/metrics", by="tool").text


def test_metrics_are_filtered_by_the_language_of_the_api(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))
    gateway.keep(support_session("s-2", model=UNPRICED))

    page = gateway.get("/metrics", filter=f'model = "{UNPRICED}"').text
    refused = gateway.get("/metrics", filter="model >")

    assert f">{UNPRICED}<" in page
    assert f">{PRICED}<" not in page
    assert refused.status_code == 400
    assert "This filter is not understood" in refused.text


def test_of_many_users_the_largest_are_shown_and_the_page_says_so(gateway: Served) -> None:
    story = Story("s-1")
    for number in range(60):
        for _ in range(1 + (number == 59)):
            call = story.begin("chat", number / 10, gen_ai__operation__name="chat", user__id=f"user-{number}")
            story.end(call, number / 10 + 1)
    gateway.keep(story)

    page = gateway.get("/metrics", by="user").text
    assert len(set(re.findall(r">(user-\d+)<", page))) == 50
    assert page.index(">user-59<") < page.index(">user-0<")
    assert "These are the largest 50; smaller ones are left out." in page
    every = gateway.services.queries.metrics(gateway.project, MetricsAsk(0, time.time_ns(), "day", "user")).groups
    assert every is not None
    assert len(every) == 60
