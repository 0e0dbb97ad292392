"""What programs decide, on the page of a session: in the timeline, in the panel, between the messages."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import pytest

from sojourn import semconv
from tests.gateway.story import Story

if TYPE_CHECKING:
    from tests.gateway.serving import Served

NOTES: dict[str, tuple[dict[str, Any], str]] = {
    "decision routing": (
        {
            semconv.KIND: "decision",
            semconv.DECISION_KIND: "routing",
            semconv.DECISION_MADE: "billing",
            semconv.DECISION_TARGET: "billing-agent",
            semconv.DECISION_REASONING: "an invoice is mentioned",
            semconv.DECISION_MATCHED: True,
            semconv.DECISION_CANDIDATES: '[{"target":"billing-agent","result":"chosen"},{"target":"sales-agent"}]',
        },
        "goes on at billing-agent: an invoice is mentioned",
    ),
    "decision retry": (
        {semconv.KIND: "decision", semconv.DECISION_KIND: "retry", semconv.DECISION_MADE: "attempt 2"},
        "tries again: attempt 2",
    ),
    "decision pause": (
        {semconv.KIND: "decision", semconv.DECISION_KIND: "pause", semconv.DECISION_MADE: "pause"},
        "waits for a person",
    ),
    "decision resume": (
        {semconv.KIND: "decision", semconv.DECISION_KIND: "resume", semconv.DECISION_MADE: "resume"},
        "goes on where it paused",
    ),
    "decision escalation": (
        {
            semconv.KIND: "decision",
            semconv.DECISION_KIND: "escalation",
            semconv.DECISION_MADE: "a person",
            semconv.DECISION_MATCHED: False,
        },
        "escalates to a person, though nothing matched",
    ),
    "decision waive": (
        {semconv.KIND: "decision", semconv.DECISION_KIND: "waive", semconv.DECISION_MADE: "no fee"},
        "no fee",
    ),
    "handoff": (
        {
            semconv.KIND: "handoff",
            semconv.HANDOFF_FROM: "triage",
            semconv.HANDOFF_TO: "billing",
            semconv.HANDOFF_REASON: "an invoice",
        },
        "triage hands over to billing: an invoice",
    ),
    "delegation": (
        {semconv.KIND: "handoff", semconv.HANDOFF_TO: "billing", semconv.HANDOFF_TASK: "count <the> boxes"},
        "the agent has billing do a task: count <the> boxes",
    ),
    "guardrail": (
        {
            semconv.KIND: "guardrail",
            semconv.GUARDRAIL_NAME: "pii",
            semconv.GUARDRAIL_PASSED: False,
            semconv.GUARDRAIL_ACTION: "block",
            semconv.GUARDRAIL_SCORE: 0.97,
            semconv.GUARDRAIL_REASON: "a card number",
        },
        "did not pass, blocked: a card number",
    ),
    "state_change": (
        {semconv.KIND: "state_change", semconv.STATE_KEY: "cart", semconv.STATE_OLD: "null", semconv.STATE_NEW: "[3]"},
        "cart: null → [3]",
    ),
    "response": ({semconv.KIND: "response", semconv.OUTPUT: "All paid.", semconv.RESPONSE_FORMAT: "text"}, "All paid."),
}


@pytest.fixture(scope="module")
def told() -> Story:
    """A session with one call of a model, and one step of each kind before it."""
    story = Story("s-1")
    root = story.begin("turn", 0)
    for number, (name, (attributes, _)) in enumerate(NOTES.items(), 1):
        story.end(story.begin(name, number / 10, root, **attributes), number / 10)
    handed: dict[str, Any] = {
        semconv.KIND: "decision",
        semconv.DECISION_KIND: "handoff",
        semconv.DECISION_MADE: "told once",
    }
    story.end(story.begin("decision handoff", 1.9, root, **handed), 1.9)
    call = story.begin(
        "chat m", 2, root, gen_ai__operation__name="chat", gen_ai__output__messages='[{"role":"assistant","parts":[]}]'
    )
    story.end(call, 3)
    after: dict[str, Any] = {
        semconv.KIND: "decision",
        semconv.DECISION_KIND: "completion",
        semconv.DECISION_MADE: "all is done",
    }
    story.end(story.begin("decision completion", 3.5, root, **after), 3.5)
    story.end(root, 4)
    return story


def test_the_timeline_says_in_words_what_was_decided(gateway: Served, told: Story) -> None:
    gateway.keep(told)

    details = re.findall(r'<span class="detail">([^<]*)</span>', gateway.get("/sessions/s-1").text)

    assert [html.unescape(one) for one in details] == [
        *(sentence for _, sentence in NOTES.values()),
        "hands over to told once",
        "all is done",
    ]


def test_the_panel_tells_the_facts_of_a_decision_and_what_else_could_have_been(gateway: Served, told: Story) -> None:
    gateway.keep(told)
    spans = gateway.data("/v1/sessions/s-1")["spans"]

    def panel(name: str) -> str:
        span = next(one for one in spans if one["name"] == name)
        return html.unescape(gateway.get(f"/spans/{span['trace_id']}/{span['id']}", session="s-1").text)

    decided = panel("decision routing")
    assert '<p class="sentence">goes on at billing-agent: an invoice is mentioned</p>' in decided
    assert "<dt>Condition held</dt><dd>yes</dd>" in decided
    assert "<li>target billing-agent, result chosen</li><li>target sales-agent</li>" in decided
    assert "</svg>decision" in decided
    assert "<dt>Score</dt><dd>0.97</dd>" in panel("guardrail")
    assert "</svg>change of state" in panel("state_change")


def test_the_conversation_has_what_was_decided_between_its_messages(gateway: Served, told: Story) -> None:
    gateway.keep(told)

    page = html.unescape(gateway.get("/sessions/s-1", view="conversation").text)

    places = [
        page.index(f'<div class="text" dir="auto">{html.unescape(sentence)}</div>') for _, sentence in NOTES.values()
    ]
    assert places == sorted(places)
    assert places[-1] < page.index(">assistant</a>") < page.index("all is done")
    # A hand-over is told by two steps, and shown once.
    assert "told once" not in page


def test_what_is_recorded_wrongly_is_shown_and_breaks_nothing(gateway: Served) -> None:
    story = Story("s-2")
    for number, kind in enumerate(("decision", "handoff", "guardrail", "state_change", "response")):
        odd: dict[str, Any] = {semconv.KIND: kind, semconv.DECISION_CANDIDATES: "[1, {", semconv.DECISION_KIND: 7}
        story.end(story.begin(kind, number, **odd), number)
        nothing: dict[str, Any] = {semconv.KIND: kind, semconv.DECISION_CANDIDATES: "[1]"}
        story.end(story.begin(kind, number, **nothing), number)
    gateway.keep(story)

    for view in ("timeline", "conversation"):
        assert gateway.get("/sessions/s-2", view=view).status_code == 200
    for span in gateway.data("/v1/sessions/s-2")["spans"]:
        assert gateway.get(f"/spans/{span['trace_id']}/{span['id']}", session="s-2").status_code == 200
