"""Recorded traffic of a real model: what the spans say is what the recording holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.replay import BASE_URL, recorded, replaying, shape

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed

_CALL = "chat gpt-4o-mini"
_AGENT = ["agent", _CALL, "tools_condition"]
TREES: dict[str, Any] = {
    "invoke": _CALL,
    "ainvoke": _CALL,
    "stream": _CALL,
    "astream": _CALL,
    "tools": _CALL,
    "sequence": ["RunnableSequence", "ChatPromptTemplate", _CALL, "StrOutputParser"],
    "agent": ["invoke_workflow LangGraph", _AGENT, ["tools", "execute_tool total_price"], _AGENT],
}


@pytest.mark.parametrize("name", sorted(TREES))
def test_a_recorded_program_comes_out_as_its_tree(name: str, observed: Observed) -> None:
    with replaying(f"langchain/{name}"):
        shape(f"langchain/{name}").run(BASE_URL)

    assert observed.one().outline() == TREES[name]


@pytest.mark.parametrize("name", [*sorted(TREES), "batch", "abatch", "structured", "agent_parallel"])
def test_tokens_are_those_of_the_recording_counted_once(name: str, observed: Observed) -> None:
    with replaying(f"langchain/{name}"):
        shape(f"langchain/{name}").run(BASE_URL)

    exchanges = recorded(f"langchain/{name}")
    used = [exchange.usage for exchange in exchanges]
    assert observed.usage() == (
        sum(one["prompt_tokens"] for one in used),
        sum(one["completion_tokens"] for one in used),
    )
    assert [seen.name for seen in observed.all() if seen.name.startswith("chat")] == [_CALL] * len(exchanges)
