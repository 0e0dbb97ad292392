"""Agents: LangChain's `create_agent`, LangGraph's older one, and what they do with their tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.tools import ToolException, tool
from langgraph.checkpoint.memory import InMemorySaver

from tests.instrumentors.chat_models import fake_chat, said
from tests.instrumentors.langchain.programs import QUESTION, add, agent, answers_of, calls, library
from tests.instrumentors.provider import completion, transport_of

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from tests.instrumentors.observed import Observed
    from tests.instrumentors.provider import Provider

TREE = ["invoke_agent calculator", ["model", "chat"], ["tools", "execute_tool add"], ["model", "chat"]]


def modern(*answers: AIMessage | str, tools: list[Any] | None = None, **options: Any) -> Any:
    return library("langchain.agents").create_agent(fake_chat(*answers), [add] if tools is None else tools, **options)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_agent_is_its_name_its_steps_and_its_tokens_once(asynchronous: bool, observed: Observed) -> None:
    made = modern(calls("add", a=1, b=2), "3", name="calculator")
    config: Any = {"configurable": {"thread_id": "t"}}
    result = await made.ainvoke(QUESTION, config) if asynchronous else made.invoke(QUESTION, config)

    assert answers_of(result)[-1] == "3"
    root = observed.one()
    assert root.outline() == TREE
    assert {key: value for key, value in root.attributes.items() if key.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "calculator",
        "gen_ai.conversation.id": "t",
    }
    assert observed.usage() == (22, 14)
    assert observed.named("execute_tool add")["gen_ai.tool.call.id"] == "c1"


def test_an_agent_without_a_name_is_named_by_what_it_does(observed: Observed) -> None:
    modern("3").invoke(QUESTION)

    root = observed.one()
    assert root.name == "invoke_agent"
    assert "gen_ai.agent.name" not in root.attributes


def test_a_name_that_the_program_gives_to_a_run_of_an_agent_is_kept(observed: Observed) -> None:
    modern("3", name="calculator").invoke(QUESTION, {"run_name": "nightly"})

    root = observed.one()
    assert (root.name, root["gen_ai.agent.name"]) == ("invoke_agent nightly", "calculator")


def test_an_agent_inside_a_tool_of_an_agent_is_an_agent_and_a_plain_graph_there_is_none(observed: Observed) -> None:
    inner, older = modern("inner", name="inner"), agent("older", tools=[], name="older")

    @tool
    def delegate() -> str:
        """Ask others."""
        return str([answers_of(one.invoke(QUESTION))[-1] for one in (inner, older)])

    modern(calls("delegate"), "done", tools=[delegate], name="outer").invoke(QUESTION)

    names = [seen.name for seen in observed.all() if seen.name.startswith("invoke")]
    assert names == ["invoke_agent outer", "invoke_agent inner", "invoke_agent older"]
    assert [child.name for child in observed.named("execute_tool delegate").children] == names[1:]


def test_tools_that_an_agent_calls_at_once_are_each_told(observed: Observed) -> None:
    both = said(
        "",
        tool_calls=[
            {"name": "add", "args": {"a": 1, "b": 2}, "id": "c1", "type": "tool_call"},
            {"name": "add", "args": {"a": 3, "b": 4}, "id": "c2", "type": "tool_call"},
        ],
    )
    modern(both, "10", name="calculator").invoke(QUESTION)

    tools = [seen for seen in observed.all() if seen.name == "execute_tool add"]
    told = sorted((seen["gen_ai.tool.call.id"], seen["gen_ai.tool.call.result"]) for seen in tools)
    assert told == [("c1", "3"), ("c2", "7")]


def test_a_tool_that_answers_with_an_error_failed_and_the_agent_did_not(observed: Observed) -> None:
    @tool
    def refuse(a: int) -> int:
        """Refuse."""
        raise ToolException("not that")

    refuse.handle_tool_error = True
    modern(calls("refuse", a=1), "sorry", tools=[refuse], name="calculator").invoke(QUESTION)

    failed = observed.named("execute_tool refuse")
    assert (failed.status, failed["error.type"]) == ("error", "tool_error")
    assert {seen.status for seen in observed.all() if seen is not failed and "tool" not in seen.name} == {"unset"}


def test_an_agent_that_waits_for_approval_did_not_fail(observed: Observed) -> None:
    from langchain.agents.middleware import HumanInTheLoopMiddleware
    from langgraph.types import Command

    config: Any = {"configurable": {"thread_id": "t"}}
    made = modern(
        calls("add", a=1, b=2),
        "3",
        name="calculator",
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"add": True})],
        checkpointer=InMemorySaver(),
    )
    made.invoke(QUESTION, config)
    made.invoke(Command(resume={"decisions": [{"type": "approve"}]}), config)

    paused, resumed = observed.roots()
    assert paused["sojourn.langgraph.end_state"] == "interrupted"
    assert resumed["sojourn.langgraph.resumed"] is True
    assert {seen.status for seen in observed.all()} == {"unset"}
    assert [root.name for root in observed.roots()] == ["invoke_agent calculator"] * 2


def test_a_model_that_is_made_by_its_name_is_that_model(observed: Observed, provider: Provider) -> None:
    provider.answers = [completion("Ni")]
    model: Any = init_chat_model("openai:m-1", api_key="k", max_retries=0, http_client=transport_of(provider.client()))
    model.invoke("x")
    chosen: Any = init_chat_model(configurable_fields="any", config_prefix="mine")
    client = transport_of(provider.client())
    options = {"mine_model": "openai:m-2", "mine_api_key": "k", "mine_http_client": client}
    chosen.invoke("x", {"configurable": options})

    assert [seen.name for seen in observed.all()] == ["chat m-1", "chat m-2"]
    assert observed.usage() == (22, 14)
