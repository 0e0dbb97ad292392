"""Each suggestion by itself, at its border, and what it says could be saved."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn_gateway.apis.kore.analysis.finding import Suggestion, present_suggestion
from sojourn_gateway.apis.kore.analysis.growing_prompts import find_growing_prompts
from sojourn_gateway.apis.kore.analysis.idle_tools import find_idle_tools
from sojourn_gateway.apis.kore.analysis.repeated_inputs import find_repeated_inputs
from sojourn_gateway.apis.kore.analysis.sums import Sums
from sojourn_gateway.apis.kore.analysis.uncached_prompts import find_uncached_prompts
from sojourn_gateway.apis.kore.analysis.unused_outputs import find_unused_outputs
from sojourn_gateway.model.thresholds import Thresholds
from tests.gateway.kore.happening import Happening

USUAL = Thresholds()


def test_the_same_input_with_the_same_answer_saves_all_but_the_first() -> None:
    told = Happening()
    first = told.tool("search", {"a": 1, "b": 2}, {"n": 3}, lasts_ms=10)
    # The same JSON, spelled otherwise.
    second = told.tool("search", '{"b": 2, "a": 1}', '{"n":3}', lasts_ms=20)
    (found,) = find_repeated_inputs(told.events, USUAL)
    assert (found.saving_ms, found.span_ids) == (20, (first, second))
    assert found.title == "search was called 2 times with the same input"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("search", {"q": 1}, "x"), ("search", {"q": 2}, "x")),
        (("search", {"q": 1}, "x"), ("find", {"q": 1}, "x")),
        # A tool that is watched: its answer changes.
        (("search", {"q": 1}, "x"), ("search", {"q": 1}, "y")),
        # Content that was not kept.
        (("search", None, None), ("search", None, None)),
    ],
)
def test_another_tool_input_or_answer_is_no_repetition(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    told = Happening()
    told.tool(*one)
    told.tool(*other)
    assert find_repeated_inputs(told.events, USUAL) == []


def test_a_tool_that_failed_is_rightly_asked_again() -> None:
    told = Happening()
    told.tool("search", {"q": 1}, error="late")
    told.tool("search", {"q": 1}, error="late")
    assert find_repeated_inputs(told.events, USUAL) == []


def test_independent_tools_one_after_the_other_could_run_at_once() -> None:
    told = Happening()
    told.call()
    spans = (
        told.tool("weather", {"city": "Ghent"}, {"sky": "grey"}, at_ms=1000, lasts_ms=300),
        told.tool("news", {"topic": "rowing"}, {"items": "none"}, at_ms=1300, lasts_ms=100),
    )
    (found,) = find_idle_tools(told.events, USUAL)
    assert (found.saving_ms, found.span_ids) == (100, spans)


def _pair(told: Happening, *, second_at: float = 1300, second_input: Any = "Paris", lasts: float = 300) -> None:
    told.tool("one", {"city": "Ghent"}, {"number": "abc123"}, at_ms=1000, lasts_ms=300)
    told.tool("two", second_input, {"b": "else"}, at_ms=second_at, lasts_ms=lasts)


def test_tools_that_overlap_run_at_once_already() -> None:
    told = Happening()
    _pair(told, second_at=1299)
    assert find_idle_tools(told.events, USUAL) == []


def test_a_tool_that_is_given_what_another_answered_must_wait() -> None:
    told = Happening()
    _pair(told, second_input={"id": "abc123"})
    assert find_idle_tools(told.events, USUAL) == []


def test_tools_with_a_call_of_a_model_between_them_may_depend_on_each_other() -> None:
    told = Happening()
    told.tool("one", "a", "bbb", at_ms=1000, lasts_ms=300)
    told.add("llm_call", at_ms=1300)
    told.tool("two", "c", "ddd", at_ms=1400, lasts_ms=300)
    assert find_idle_tools(told.events, USUAL) == []


def test_tools_of_different_steps_are_not_compared() -> None:
    told = Happening()
    told.tool("one", "a", "bbb", at_ms=1000, lasts_ms=300)
    told.parent = "another"
    told.tool("two", "c", "ddd", at_ms=1400, lasts_ms=300)
    assert find_idle_tools(told.events, USUAL) == []


def test_savings_of_less_than_a_tenth_of_a_second_are_not_told() -> None:
    told = Happening()
    _pair(told, lasts=99)
    assert find_idle_tools(told.events, USUAL) == []
    assert len(find_idle_tools(told.events, Thresholds(parallel_least_ms=99))) == 1


def test_tools_whose_content_was_not_kept_are_left_alone() -> None:
    told = Happening()
    told.tool("one", None, None, at_ms=1000, lasts_ms=300)
    told.tool("two", None, None, at_ms=1400, lasts_ms=300)
    assert find_idle_tools(told.events, USUAL) == []


def _turns(*sizes: int, cost: float | None = 0.01, agent: str = "desk") -> Happening:
    told = Happening(agent=agent)
    for number, size in enumerate(sizes):
        told.turn(f"t{number}")
        told.call(tokens=(size, 0), cost=cost)
        # Within a turn prompts grow by what tools answer: the first one is looked at.
        told.call(tokens=(size + 5000, 0), cost=cost)
    return told


def test_a_prompt_that_doubles_over_three_turns_is_told_with_what_the_rest_of_it_cost() -> None:
    (found,) = find_growing_prompts(_turns(1000, 1500, 2000).events, USUAL)
    assert found.title == "The prompt of desk grew from 1000 to 2000 tokens"
    assert found.saving_usd == pytest.approx(0.01 * (500 / 1500 + 1000 / 2000))


@pytest.mark.parametrize("sizes", [(1000, 2000), (1000, 1500, 1999), (1000, 3000, 2500), (1000, 1000, 2000)])
def test_a_prompt_that_grows_too_little_or_not_each_time_is_fine(sizes: tuple[int, ...]) -> None:
    assert find_growing_prompts(_turns(*sizes).events, USUAL) == []


def test_a_prompt_without_a_price_has_no_saving_in_money() -> None:
    (found,) = find_growing_prompts(_turns(1000, 1500, 2000, cost=None).events, USUAL)
    assert found.saving_usd is None


def test_an_answer_that_nothing_takes_up_is_unused() -> None:
    told = Happening()
    span = told.tool("weather", {"city": "Ghent"}, {"sky": "overcast"}, lasts_ms=40)
    told.call([{"role": "user", "content": "something else altogether"}])
    told.add("response", text="Good bye.")
    (found,) = find_unused_outputs(told.events, USUAL)
    assert (found.span_ids, found.saving_ms) == ((span,), 40)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("llm_call", {"prompt": "The sky is overcast today."}),
        ("llm_call", {"messages": [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1"}]}]}),
        ("llm_call", {"messages": [{"role": "tool", "tool_call_id": "c1", "content": "[left out]"}]}),
        ("llm_call", {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1"}]}]}),
        ("tool_call", {"toolName": "mail", "input": {"text": "overcast"}}),
        ("response", {"text": "It is overcast."}),
        ("state_change", {"key": "sky", "newValue": "overcast"}),
        ("decision", {"decisionKind": "routing", "reasoning": "overcast: take a coat"}),
        # Its content is not known.
        ("llm_call", {"model": "m"}),
    ],
)
def test_an_answer_that_something_takes_up_is_used(kind: str, data: dict[str, Any]) -> None:
    told = Happening()
    told.tool("weather", {"city": "Ghent"}, {"sky": "overcast"}, call_id="c1")
    told.add(kind, **data)
    assert find_unused_outputs(told.events, USUAL) == []


def test_a_call_of_the_tool_by_itself_takes_nothing_up() -> None:
    told = Happening()
    told.tool("weather", {}, {"sky": "overcast"}, call_id="c1")
    told.call([{"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "weather"}]}])
    assert len(find_unused_outputs(told.events, USUAL)) == 1


@pytest.mark.parametrize("output", [None, {}, "ok", True])
def test_an_answer_that_says_nothing_cannot_be_used(output: Any) -> None:
    told = Happening()
    told.tool("save", {"row": 1}, output)
    told.call("something else")
    assert find_unused_outputs(told.events, USUAL) == []


def test_long_prompts_without_a_cache_are_told_with_what_one_could_save() -> None:
    told = Happening()
    for size in (2000, 1500, 4000):
        told.call(tokens=(size, 0), cost=size / 1e6)
    (found,) = find_uncached_prompts(told.events, USUAL)
    # 1,500 tokens of the second and third call at a tenth of the price.
    assert found.saving_usd == pytest.approx(1500 * 2 * 0.9 / 1e6)
    assert found.id == "no_prompt_cache:m-1"


@pytest.mark.parametrize(
    ("tokens", "cached"),
    [
        ((1024, 1024), (0, 0)),
        ((1024, 1024, 1023), (0, 0, 0)),
        ((1024, 1024, 1024), (0, 512, 0)),
        # Nobody said.
        ((1024, 1024, 1024), (None, None, None)),
    ],
)
def test_few_or_short_or_cached_prompts_are_fine(tokens: tuple[int, ...], cached: tuple[int | None, ...]) -> None:
    told = Happening()
    for size, kept in zip(tokens, cached, strict=True):
        told.call(tokens=(size, 1), cached=kept, cost=0.001)
    assert find_uncached_prompts(told.events, USUAL) == []


@pytest.mark.parametrize(
    ("saving_ms", "saving_usd", "severity"),
    [
        (199.9, None, "info"),
        (200, None, "warning"),
        (None, 0.19, "info"),
        (None, 0.2, "warning"),
        (0, 0.0, "info"),
        (None, None, "info"),
    ],
)
def test_a_fifth_of_the_time_or_the_cost_is_a_warning(
    saving_ms: float | None, saving_usd: float | None, severity: str
) -> None:
    told = present_suggestion(
        Suggestion("id", "title", "detail", ("s",), saving_ms, saving_usd), Sums(1000, 1.0), USUAL
    )
    assert told["severity"] == severity
    assert ("estimatedSavingMs" in told, "estimatedSavingUsd" in told) == (
        saving_ms is not None,
        saving_usd is not None,
    )
