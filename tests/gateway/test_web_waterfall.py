"""The geometry of the waterfall, and the transcript: pure functions of spans."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sojourn_gateway.model.glance import Glance
from sojourn_gateway.model.span import Span
from sojourn_gateway.model.tree import forest, walk
from sojourn_gateway.model.usage import Tokens
from sojourn_gateway.web.conversation import is_silent, listen, outermost, tell
from sojourn_gateway.web.waterfall import Layout, Scale, Waterfall
from sojourn_gateway.web.waterfall import draw as draw_rows

if TYPE_CHECKING:
    from sojourn_gateway.model.span import Step

SECOND = 1_000_000_000
TRACE = "a" * 32


def span(
    number: int,
    start_s: float,
    stop_s: float | None,
    *,
    parent: int | None = None,
    step: Step = "other",
    asked: list[tuple[str, str]] | None = None,
    said: str | None = None,
    trace: str = TRACE,
) -> Span:
    """A span of a test; its times are seconds."""

    def messages(pairs: list[tuple[str, str]]) -> str:
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in pairs])

    return Span(
        trace_id=trace,
        span_id=f"{number:016x}",
        parent_id=None if parent is None else f"{parent:016x}",
        session_id="s",
        name=f"span {number}",
        kind=1,
        step=step,
        operation="",
        start_ns=int(start_s * SECOND),
        end_ns=None if stop_s is None else int(stop_s * SECOND),
        status="unset",
        status_message="",
        provider="",
        request_model="",
        response_model="",
        tokens=Tokens(),
        cost=None,
        cost_source="none",
        user_id="",
        service="",
        input=None if asked is None else messages(asked),
        output=None if said is None else messages([("assistant", said)]),
    )


def glance(told: Span) -> Glance:
    """A step of a session, as the page knows those that it does not show."""
    return Glance(
        trace_id=told.trace_id,
        span_id=told.span_id,
        parent_id=told.parent_id,
        name=told.name,
        step=told.step,
        model=told.model,
        tool_call_id=told.tool_call_id,
        start_ns=told.start_ns,
        end_ns=told.end_ns,
        status=told.status,
        decided=False,
        found=told.name != "hidden",
    )


def draw(spans: list[Span], until_ns: int = 0, *, first: int = 0, count: int = 200, find: bool = False) -> Waterfall:
    """Some rows of a session of these spans."""
    layout = Layout([glance(one) for one in spans], until_ns, found_alone=find)
    lines = {(one.trace_id, one.span_id): one for one in spans}
    return draw_rows("s", layout, lines, None, first=first, count=count)


def test_a_span_whose_parent_is_missing_is_a_root() -> None:
    nodes = list(walk(forest([span(2, 1, 2, parent=1), span(3, 1.5, 2, parent=2), span(4, 0, 1)])))

    assert [(node.span.name, node.depth) for node in nodes] == [("span 4", 0), ("span 2", 0), ("span 3", 1)]


def test_a_ring_of_parents_loses_no_span() -> None:
    """Broken exporters exist; a page must still show what they sent."""
    nodes = list(walk(forest([span(1, 1, 2, parent=2), span(2, 0, 2, parent=1), span(3, 3, 4, parent=3)])))

    assert sorted(node.span.name for node in nodes) == ["span 1", "span 2", "span 3"]


def test_a_deep_tree_needs_no_deep_stack() -> None:
    chain = [span(number, number, 9999, parent=number - 1 or None) for number in range(1, 3001)]

    assert max(node.depth for node in walk(forest(chain))) == 2999


def test_without_idle_time_the_axis_is_even() -> None:
    scale = Scale([span(1, 10, 20)], 0)

    assert [scale.at(second * SECOND) for second in (5, 10, 15, 20, 30)] == [0, 0, 50, 100, 100]
    assert scale.folds() == ()


def test_a_long_idle_stretch_is_folded_and_named() -> None:
    scale = Scale([span(1, 0, 10), span(2, 1000, 1010)], 0)

    (fold,) = scale.folds()
    assert fold.label == "16 m 30 s"
    assert (fold.x, fold.width) == (48.5, 3.0)
    assert scale.at(1000 * SECOND) == pytest.approx(51.5)
    assert scale.at(1010 * SECOND) == pytest.approx(100)


def test_a_short_pause_is_not_folded() -> None:
    assert Scale([span(1, 0, 10), span(2, 11, 20)], 0).folds() == ()


def test_marks_of_the_axis_stand_at_round_times_and_outside_folds() -> None:
    scale = Scale([span(1, 0, 10), span(2, 1000, 1010)], 0)

    labels = [tick.label for tick in scale.ticks()]
    assert labels[0] == "0"
    assert all(not 48.5 < tick.x < 51.5 for tick in scale.ticks())
    assert 3 <= len(labels) <= 8


def test_a_session_of_one_moment_can_be_drawn() -> None:
    scene = draw([span(1, 5, 5)])

    assert [(bar.x, bar.duration) for bar in scene.bars] == [(0.0, "0 ms")]


def test_nothing_recorded_draws_nothing() -> None:
    scene = draw([])

    assert scene.bars == ()


def test_an_unfinished_step_reaches_to_now() -> None:
    scene = draw([span(1, 0, None), span(2, 0, 5, parent=1)], 10 * SECOND)

    assert [(bar.width, bar.duration) for bar in scene.bars] == [(100.0, "running"), (50.0, "5.00 s")]


def test_a_big_session_is_shown_some_rows_at_a_time_on_one_axis() -> None:
    spans = [span(number, number, number + 1) for number in range(1, 1501)]

    whole = draw(spans, count=1500)
    middle = draw(spans, first=200)
    assert (middle.first, middle.later, middle.total) == (200, 1100, 1500)
    assert middle.bars == whole.bars[200:400]
    assert (draw(spans, first=1400).later, len(draw(spans, first=1400).bars)) == (0, 100)


def test_rows_tell_where_the_next_failure_behind_them_is() -> None:
    spans = [span(number, number, number + 1) for number in range(1, 1001)]
    spans[700] = replace(spans[700], status="error")

    assert draw(spans).error_after == spans[700].span_id
    assert draw(spans, first=600).error_after == ""


def test_steps_that_are_looked_for_have_rows_and_the_axis_stays() -> None:
    spans = [span(1, 0, 10), replace(span(2, 1, 9, parent=1), name="hidden"), span(3, 2, 8, parent=2)]

    scene = draw(spans, find=True)
    assert [(bar.name, bar.depth) for bar in scene.bars] == [("span 1", 0), ("span 3", 2)]
    assert scene.bars == (draw(spans).bars[0], draw(spans).bars[2])


def transcript(*spans: Span) -> list[list[tuple[str, str]]]:
    """Roles and texts, by turn."""
    turns = tell("s", listen(outermost(spans)), {}, spans, {})
    return [[(entry.role, entry.text) for entry in turn.entries] for turn in turns]


def test_a_history_that_is_sent_again_shows_once() -> None:
    first = span(1, 0, 1, step="model", asked=[("system", "be kind"), ("user", "yes")], said="good")
    again = [("system", "be kind"), ("user", "yes"), ("assistant", "good"), ("user", "yes")]
    second = span(2, 2, 3, step="model", asked=again, said="better", trace="b" * 32)

    assert transcript(first, second) == [
        [("system", "be kind"), ("user", "yes"), ("assistant", "good")],
        [("user", "yes"), ("assistant", "better")],
    ]


def test_a_history_that_was_cut_shows_only_what_is_new() -> None:
    first = span(1, 0, 1, step="model", asked=[("user", "one"), ("user", "two")], said="three")
    second = span(2, 2, 3, step="model", asked=[("user", "two"), ("assistant", "three"), ("user", "four")], said="five")

    assert transcript(first, second) == [
        [("user", "one"), ("user", "two"), ("assistant", "three"), ("user", "four"), ("assistant", "five")]
    ]


def test_a_provider_call_under_a_frameworks_call_is_not_shown_twice() -> None:
    outer = span(1, 0, 2, step="model", asked=[("user", "hi")], said="ho")
    inner = span(2, 0.1, 1.9, step="model", parent=1, asked=[("user", "hi")], said="ho")

    assert transcript(outer, inner) == [[("user", "hi"), ("assistant", "ho")]]


def test_calls_without_recorded_content_are_called_silent() -> None:
    assert is_silent(listen(outermost([span(1, 0, 1, step="model")])))
    assert not is_silent(listen(outermost([span(1, 0, 1, step="tool")])))


def test_odd_content_is_shown_as_it_is() -> None:
    told = span(1, 0, 1, step="model")
    for text in ("no json", "{", '"text"', "[1, 2]", "null"):
        assert transcript(replace(told, input=text, output="fine"))
