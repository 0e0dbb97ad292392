"""What a program records by hand inside a graph or chain belongs to the step in which it does so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import sojourn
from sojourn.testing import captured
from tests.instrumentors.chat_models import step
from tests.instrumentors.langchain.test_graphs import State, line

if TYPE_CHECKING:
    from collections.abc import Generator

    from sojourn.testing import Capture


@pytest.fixture
def seen() -> Generator[Capture]:
    """What is recorded with the product as programs start it."""
    with captured() as capture:
        sojourn.init()
        yield capture


def below(seen: Capture) -> dict[str, str | None]:
    """The name of the step above each."""
    by_id = {span.span_id: span.name for span in seen.spans}
    return {span.name: None if span.parent is None else by_id[span.parent] for span in seen.spans}


@sojourn.tool
def look_up(query: str) -> str:
    with sojourn.span("inside"):
        return query


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_steps_by_hand_hang_below_the_node_in_which_they_are_made(asynchronous: bool, seen: Capture) -> None:
    def work(_: State) -> Any:
        session = sojourn.current_session()
        assert session is not None
        look_up("x")
        sojourn.decision("on")
        session.response("done")
        sojourn.record(sojourn.ActionEvent("plan"))
        return {"said": []}

    made = line(work, name="team")
    with sojourn.span("turn"):
        if asynchronous:
            await made.ainvoke({"said": []})
        else:
            made.invoke({"said": []})
    sojourn.decision("after", kind="completion")

    assert below(seen) == {
        "turn": None,
        "invoke_workflow team": "turn",
        "work": "invoke_workflow team",
        "execute_tool look_up": "work",
        "inside": "execute_tool look_up",
        "decision routing": "work",
        "response": "work",
        "plan": "work",
        "decision completion": None,
    }


def test_what_is_carried_to_others_hangs_below_the_step_in_which_it_is_written(seen: Capture) -> None:
    carried: list[str] = []

    def note() -> None:
        headers: dict[str, str] = {}
        carried.append(sojourn.inject(headers)["traceparent"])

    def work(words: str) -> str:
        note()
        carried.append(sojourn.environment()["TRACEPARENT"])
        with sojourn.span("mine"):
            note()
        return words

    step(work).with_config(run_name="outer").invoke("x")

    by_name = {span.name: span.span_id for span in seen.spans}
    assert [header.split("-")[2] for header in carried] == [by_name["outer"], by_name["outer"], by_name["mine"]]


def test_a_trace_that_begins_inside_a_chain_is_one_of_its_own(seen: Capture) -> None:
    def work(words: str) -> str:
        with sojourn.start_trace("apart"), sojourn.span("inside"):
            return words

    step(work).with_config(run_name="outer").invoke("x")

    told = below(seen)
    assert (told["apart"], told["inside"]) == (None, "apart")
    assert len({span.trace_id for span in seen.spans}) == 2


def test_a_chain_inside_a_step_by_hand_inside_a_chain_keeps_the_order(seen: Capture) -> None:
    inner = step(look_up).with_config(run_name="inner")

    def work(words: str) -> Any:
        with sojourn.span("mine"):
            return inner.invoke(words)

    step(work).with_config(run_name="outer").invoke("x")

    told = below(seen)
    assert (told["mine"], told["execute_tool look_up"]) == ("outer", "inner")
