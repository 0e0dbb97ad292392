"""Scores on the pages, and a session as Markdown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sojourn_gateway.model.score import ScoresAsk
from tests.gateway.sender import CHAT, span, trace_id, traces
from tests.gateway.story import ANSWER, QUESTION, Story, support_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx
    import pytest

    from sojourn_gateway.engine.backend import Row
    from tests.gateway.serving import Served


def give(gateway: Served, session_id: str, **told: Any) -> httpx.Response:
    """Send the form of a score."""
    return gateway.client.post(f"/sessions/{session_id}", data=told)


def test_a_score_that_a_reader_gives_shows_on_the_session_and_in_the_api(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))

    answer = give(gateway, "s-1", name="helpful", score="0,75", label="fine", reason="<b>clear</b>")

    assert (answer.status_code, answer.headers["location"]) == (303, "/sessions/s-1")
    page = gateway.get("/sessions/s-1").text
    for told in ("helpful", ">0.75<", "fine", "&lt;b&gt;clear&lt;/b&gt;", "annotation"):
        assert told in page
    (kept,) = gateway.data("/v1/scores", session_id="s-1")
    assert (kept["name"], kept["score"], kept["source"]) == ("helpful", 0.75, "annotation")


def test_a_score_of_a_step_shows_in_its_panel_and_leads_there_from_the_session(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))
    step = next(one for one in gateway.data("/v1/sessions/s-1")["spans"] if one["status"] == "ERROR")

    answer = give(gateway, "s-1", name="useful", score="-1", span=step["id"], view="conversation")

    assert answer.headers["location"] == f"/sessions/s-1?view=conversation&span={step['id']}"
    panel = gateway.get(f"/spans/{step['trace_id']}/{step['id']}", session="s-1").text
    assert ">-1<" in panel
    assert f"span={step['id']}" in gateway.get("/sessions/s-1").text
    other = next(one for one in gateway.data("/v1/sessions/s-1")["spans"] if one["id"] != step["id"])
    assert ">-1<" not in gateway.get(f"/spans/{other['trace_id']}/{other['id']}", session="s-1").text


def test_a_form_that_says_no_score_is_answered_in_words(gateway: Served) -> None:
    gateway.keep(support_session("s-1"))

    for told, words in (
        ({"name": "", "score": "1"}, "a score needs a name"),
        ({"name": "helpful", "score": "much"}, "a score is a number"),
        ({"name": "helpful", "score": "nan"}, "a score is a number"),
        ({"name": "helpful", "score": "1_000"}, "a score is a number"),
        ({"name": "helpful", "score": "1,000"}, "1,000 can be read in two ways: write 1000, or 1.000"),
        ({"name": "helpful", "score": "1,000,000"}, "write 1000000."),
        ({"name": "n" * 257, "score": "1"}, "at most 256 characters"),
    ):
        answer = give(gateway, "s-1", **told)
        assert answer.status_code == 400
        assert words in answer.text
    foreign = {"Origin": "http://elsewhere.example"}
    good = {"name": "helpful", "score": "1"}
    assert gateway.client.post("/sessions/s-1", data=good, headers=foreign).status_code == 403
    assert give(gateway, "nobody", **good).status_code == 404
    gateway.keep(support_session("s-2"))
    elsewhere = gateway.data("/v1/sessions/s-2")["spans"][0]["id"]
    for step in ("0123456789abcdef", "no id", elsewhere):
        answer = give(gateway, "s-1", **good, span=step)
        assert answer.status_code == 404
        assert "no step of this session" in answer.text
    assert gateway.data("/v1/scores") == []


def test_a_step_whose_id_another_session_has_too_is_scored_in_both(gateway: Served) -> None:
    for session in ("s-1", "s-2"):
        step = span(trace_id(), span_id=bytes.fromhex("00f067aa0ba902b7"), attributes={"session.id": session})
        assert gateway.send(traces([step])).status_code == 200
    assert gateway.engine.settle(60)

    for session in ("s-1", "s-2"):
        answer = give(gateway, session, name=f"of {session}", score="1", span="00f067aa0ba902b7")
        assert answer.status_code == 303

    assert {one["name"] for one in gateway.data("/v1/scores")} == {"of s-1", "of s-2"}


def test_a_session_is_had_as_markdown(gateway: Served) -> None:
    gateway.keep(support_session("s-1"), name="Order `4812`", tags=("refund",), end_state="Fail")

    answer = gateway.get("/sessions/s-1", **{"as": "markdown"})

    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    lines = answer.text.splitlines()
    assert lines[0] == "# Order '4812'"
    assert "- state: Fail (it broke)" in lines
    assert "- tags: refund" in lines
    assert f"> {QUESTION}" in lines
    assert f"> {ANSWER}" in lines
    assert "calls `carrier_status` (failed)" in lines
    assert "failed" in answer.text


def test_of_a_long_session_the_markdown_tells_the_begin_and_how_much_follows(gateway: Served) -> None:
    trace = trace_id()
    calls = [
        span(trace, f"chat {at}", at_s=at, attributes={"session.id": "s-1", **CHAT, **_said(f"answer {at}")})
        for at in range(303)
    ]
    assert gateway.send(traces(calls)).status_code == 200
    assert gateway.engine.settle(60)

    lines = gateway.get("/sessions/s-1", **{"as": "markdown"}).text.splitlines()

    assert [line for line in lines if line.startswith("> answer")] == [f"> answer {at}" for at in range(300)]
    assert lines[-1] == "3 further model calls are left out."
    assert "- 303 model calls, 0 tool calls, 0 errors" in lines


def _said(text: str) -> dict[str, str]:
    said = [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]
    return {"gen_ai.output.messages": json.dumps(said)}


def test_nothing_recorded_ends_a_quote_of_the_markdown(gateway: Served) -> None:
    story = Story("s-1")
    said = "a\n\n# not a head\n```\nnor a fence"
    span = story.begin(
        "chat m",
        0,
        gen_ai__operation__name="chat",
        gen_ai__request__model="m",
        gen_ai__input__messages=f'[{{"role": "user", "parts": [{{"type": "text", "content": {said!r}}}]}}]'.replace(
            "'", '"'
        ),
    )
    story.end(span, 1)
    gateway.keep(story)

    lines = gateway.get("/sessions/s-1", **{"as": "markdown"}).text.splitlines()

    assert "> # not a head" in lines
    assert "# not a head" not in lines


def test_half_a_surrogate_pair_that_was_recorded_breaks_no_page_and_no_answer(gateway: Served) -> None:
    story = Story("s-1")
    arguments = json.dumps({"city": "Rom \ud800"})
    call = {"type": "tool_call", "id": "c", "name": "find \udfff", "arguments": arguments}
    span = story.begin(
        "chat m",
        0,
        gen_ai__operation__name="chat",
        gen_ai__request__model="m",
        gen_ai__input__messages=json.dumps([{"role": "user", "content": "half \ud83d of \U0001f600"}]),
        gen_ai__output__messages=json.dumps([{"role": "assistant", "parts": [call]}]),
    )
    story.end(span, 1)
    gateway.keep(story)
    (step,) = gateway.data("/v1/sessions/s-1")["spans"]
    place = f"{step['trace_id']}/{step['id']}"

    for path in (
        "/sessions",
        f"/sessions/s-1?span={step['id']}",
        "/sessions/s-1?view=conversation",
        "/sessions/s-1?as=markdown",
        f"/spans/{place}",
        f"/v1/traces/{step['trace_id']}/spans/{step['id']}",
        "/v2/sessions/s-1/export",
    ):
        assert gateway.client.get(path).status_code == 200, path
    assert "half ? of \U0001f600" in gateway.get(f"/spans/{place}").text


def test_where_no_step_was_scored_nobodys_steps_are_read_for_scores(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.keep(support_session("s-1"))
    give(gateway, "s-1", name="helpful", score="1")
    answer, asked = gateway.engine.rows, list[str]()

    def rows(sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        asked.append(sql)
        return answer(sql, values)

    def names() -> list[str]:
        page = gateway.services.queries.scores(gateway.project, ScoresAsk(limit=10, session_id="s-1"))
        return [score.name for score in page.items]

    step = gateway.data("/v1/sessions/s-1")["spans"][0]["id"]
    monkeypatch.setattr(gateway.engine, "rows", rows)
    assert names() == ["helpful"]
    # The engine is shared with what the gateway does beside.
    assert not any(".spans" in one for one in asked if ".scores" in one)
    give(gateway, "s-1", name="useful", score="1", span=step)
    assert names() == ["useful", "helpful"]
