"""What programs of LangGraph decide: conditional edges, commands, hand-overs, pauses."""

from __future__ import annotations

import json
import warnings
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState
from langgraph.types import Command, Send, interrupt

from sojourn.content import ContentPolicy
from tests.instrumentors.chat_models import fake_chat, step
from tests.instrumentors.langchain.expected import decided
from tests.instrumentors.langchain.programs import QUESTION, agent, calls, library, state_graph
from tests.instrumentors.langchain.test_graphs import State, first, line
from tests.instrumentors.observed import Seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrumentors.observed import Observed

CANARY = "canary-90ab"


def second(_: State) -> Any:
    return {"said": []}


def forked(choose: Callable[[State], Any], ends: Any = None, *, start: str = "first") -> Any:
    """A graph in which a function chooses what comes after `start`."""
    builder = state_graph(State)
    builder.add_node("first", first)
    builder.add_node("second", second)
    builder.add_edge(START, "first") if start == "first" else None
    builder.add_conditional_edges(start, choose, ends)
    return builder.compile(name="forked")


def decisions(observed: Observed) -> list[Seen]:
    return [seen for seen in observed.all() if seen.attributes.get("sojourn.kind") in ("decision", "handoff")]


def handovers(observed: Observed) -> list[Seen]:
    return [found for found in decisions(observed) if found.name.startswith(("handoff", "decision handoff"))]


def handed(to: str, by: str | None = None, **content: Any) -> Seen:
    facts = {"sojourn.kind": "handoff", "sojourn.handoff.from": by, "sojourn.handoff.to": to}
    facts |= {f"sojourn.handoff.{name}": said for name, said in content.items()}
    told = {name: value for name, value in facts.items() if value is not None}
    return Seen(f"handoff {to}", "internal", "unset", told)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_the_function_of_a_conditional_edge_is_a_decision(asynchronous: bool, observed: Observed) -> None:
    def long_enough(state: State) -> bool:
        return len(state["said"]) > 1

    made = forked(long_enough, {True: END, False: "second"})
    if asynchronous:
        await made.ainvoke({"said": []})
    else:
        made.invoke({"said": []})

    assert observed.one().outline() == ["invoke_workflow forked", ["first", "long_enough"], "second"]
    (found,) = decisions(observed)
    assert json.loads(found.attributes.pop("sojourn.decision.candidates")) == [
        {"target": END, "condition": "True", "result": "not chosen"},
        {"target": "second", "condition": "False", "result": "chosen"},
    ]
    assert found.attributes == {
        "sojourn.kind": "decision",
        "sojourn.decision.kind": "routing",
        "sojourn.decision.condition": "long_enough",
        "sojourn.decision.matched": True,
        "sojourn.decision.made": "second",
        "sojourn.decision.target": "second",
        "sojourn.input": '{"said":["first"]}',
        "sojourn.output": found["sojourn.output"],
    }


def test_the_keys_of_ends_may_be_anything_that_can_be_one(observed: Observed) -> None:
    class Route(Enum):
        ON = 1
        DONE = 2

    forked(lambda _: Route.ON, {Route.ON: "second", Route.DONE: END}).invoke({"said": []})

    assert [found["sojourn.decision.target"] for found in decisions(observed)] == ["second"]


@pytest.mark.parametrize(
    ("chosen", "target"),
    [
        ("second", "second"),
        (["second", END], f"second, {END}"),
        ([Send("second", {"said": []}), Send("second", {"said": []})], "second, second"),
    ],
)
def test_a_choice_may_be_of_several_nodes(chosen: Any, target: str, observed: Observed) -> None:
    def choose(_: State) -> Any:
        return chosen

    forked(choose, ["second", END]).invoke({"said": []})

    (found,) = decisions(observed)
    assert (found["sojourn.decision.target"], found["sojourn.decision.made"]) == (target, target)


def test_a_choice_at_the_very_beginning_and_one_without_a_name_are_decisions_too(observed: Observed) -> None:
    forked(lambda _: "second", ["first", "second"], start=START).invoke({"said": []})

    (found,) = decisions(observed)
    assert found["sojourn.decision.target"] == "second"
    assert "sojourn.langgraph.node" not in found.attributes


def test_other_steps_of_a_node_are_no_decisions(observed: Observed) -> None:
    def which(_: State) -> str:
        return "second"

    def inside(state: State) -> Any:
        return {"said": inner.invoke(state)["said"]}

    inner = line(first, name="inner")
    builder = state_graph(State)
    builder.add_node("first", inside)
    builder.add_node("second", second)
    builder.add_edge(START, "first")
    builder.add_conditional_edges("first", which, ["second"])
    builder.compile(name="outer").invoke({"said": []})

    assert [found.name for found in decisions(observed)] == ["which"]


def test_a_command_of_a_node_is_a_decision_below_it(observed: Observed) -> None:
    def choose(_: State) -> Any:
        return Command(goto=[Send("second", {"said": []}), "first"], update={"said": ["chosen"]})

    builder = state_graph(State)
    builder.add_node("choose", choose, destinations=("first", "second"))
    builder.add_node("first", first)
    builder.add_node("second", second)
    builder.add_edge(START, "choose")
    builder.compile(name="map").invoke({"said": []})

    assert observed.named("choose").children == (decided("routing", "second, first", target="second, first"),)
    assert len(decisions(observed)) == 1


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_tool_that_hands_over_is_told_once_with_both_agents(asynchronous: bool, observed: Observed) -> None:
    """The pattern of supervisors and swarms; tool, node and graph all end by the same command."""

    @tool
    def transfer_to_bob(task_description: str, call: Annotated[str, InjectedToolCallId]) -> Any:
        """Hand over to Bob."""
        done = ToolMessage("done", name="transfer_to_bob", tool_call_id=call)
        return Command(goto="bob", graph=Command.PARENT, update={"messages": [done]})

    builder = state_graph(MessagesState)
    asked = calls("transfer_to_bob", task_description="count the boxes")
    builder.add_node("alice", agent(asked, tools=[transfer_to_bob], name="alice"), destinations=("bob",))
    builder.add_node("bob", agent("done", tools=[], name="bob"))
    builder.add_edge(START, "alice")
    team = builder.compile(name="team")
    if asynchronous:
        await team.ainvoke(QUESTION)
    else:
        team.invoke(QUESTION)

    tool_run = observed.named("execute_tool transfer_to_bob")
    assert tool_run.children == (
        decided("handoff", "bob", target="bob"),
        handed("bob", "alice", task="count the boxes"),
    )
    assert [found for found in decisions(observed) if found.name != "should_continue"] == list(tool_run.children)


def test_a_tool_that_ends_the_graph_hands_over_to_nobody(observed: Observed) -> None:
    @tool
    def finish(call: Annotated[str, InjectedToolCallId]) -> Any:
        """Say that all is done."""
        done = ToolMessage("done", name="finish", tool_call_id=call)
        return Command(goto=END, update={"messages": [done]})

    agent(calls("finish"), "done", tools=[finish], name="alice").invoke(QUESTION)

    assert handovers(observed) == []
    assert observed.named("execute_tool finish").children == (decided("routing", END, target=END),)


@pytest.mark.parametrize("is_agent", [False, True])
def test_a_tool_hands_over_only_to_nodes_that_are_agents(is_agent: bool, observed: Observed) -> None:
    @tool
    def pass_on(call: Annotated[str, InjectedToolCallId]) -> Any:
        """Go on at Bob's."""
        done = ToolMessage("done", name="pass_on", tool_call_id=call)
        return Command(goto="bob", update={"messages": [done]})

    bob = agent("done", tools=[], name="bob")

    def ask_bob(state: Any) -> Any:
        return bob.invoke(state)

    def note(_: Any) -> Any:
        return {"messages": []}

    builder = state_graph(MessagesState)

    def ask(_: Any) -> Any:
        return {"messages": [calls("pass_on")]}

    builder.add_node("asks", ask)
    builder.add_node("tools", library("langgraph.prebuilt").ToolNode([pass_on]))
    builder.add_node("bob", ask_bob if is_agent else note)
    builder.add_edge(START, "asks")
    builder.add_edge("asks", "tools")
    builder.compile(name="team").invoke(QUESTION)

    handed_over = (decided("handoff", "bob", target="bob"), handed("bob"))
    assert observed.named("execute_tool pass_on").children == (
        handed_over if is_agent else (decided("routing", "bob", target="bob"),)
    )


def test_work_may_be_sent_to_thousands(observed: Observed) -> None:
    """The functions alone: LangGraph itself would take its time over so many nodes."""
    sends = [Send(f"worker {number}", {"said": []}) for number in range(10_000)]
    named = [*(f"worker {number}" for number in range(100)), "and 9,900 more"]

    step(lambda _: sends).invoke({"said": []})

    assert list(observed.one().attributes["sojourn.langgraph.goto"]) == named
    assert decisions(observed) == [decided("routing", ", ".join(named), target=", ".join(named))]


def test_thousands_that_are_handed_over_to_are_not_told_one_by_one(observed: Observed) -> None:
    sends = [Send(f"worker {number}", {"said": []}) for number in range(10_000)]

    command = library("langgraph.types").Command(goto=sends, graph=Command.PARENT)

    def leave(_: Any) -> Any:
        return command

    step(leave).invoke({"said": []})

    rest, *told = decisions(observed)
    assert rest["sojourn.decision.made"].endswith("worker 199, and 9,800 more")
    assert len(told) == 200


def test_a_library_of_supervisors_is_understood_as_it_is(observed: Observed) -> None:
    bob = agent("The sum is 3.", tools=[], name="bob")
    with warnings.catch_warnings():
        # It makes agents by a function that moved to another distribution.
        warnings.simplefilter("ignore")
        made = library("langgraph_supervisor").create_supervisor(
            [bob], model=fake_chat(calls("transfer_to_bob"), "3"), supervisor_name="boss"
        )
    made.compile(name="team").invoke(QUESTION)

    assert handovers(observed) == [decided("handoff", "bob", target="bob"), handed("bob", "boss")]


def test_a_library_of_swarms_is_understood_as_it_is(observed: Observed) -> None:
    swarm = library("langgraph_swarm")
    to_bob = swarm.create_handoff_tool(agent_name="bob")
    alice = agent(calls(to_bob.name), tools=[to_bob], name="alice")
    made = swarm.create_swarm([alice, agent("3", tools=[], name="bob")], default_active_agent="alice")
    made.compile(name="team").invoke(QUESTION)

    assert handovers(observed) == [decided("handoff", "bob", target="bob"), handed("bob", "alice")]


def test_a_pause_and_going_on_are_decisions_and_the_answer_says_why(observed: Observed) -> None:
    def ask(_: State) -> Any:
        return {"said": [interrupt("really?")]}

    made, config = line(ask, checkpointer=InMemorySaver()), {"configurable": {"thread_id": "t"}}
    made.invoke({"said": []}, config)
    made.invoke(Command(resume={"approved": True}), config)

    paused, resumed = decisions(observed)
    assert (paused["sojourn.decision.kind"], paused["sojourn.decision.reasoning"][0]["value"]) == ("pause", "really?")
    assert resumed == decided("resume", "resume", reasoning='{"approved":true}')


def test_content_that_is_off_leaves_only_names_of_decisions(observed: Observed) -> None:
    observed.install(ContentPolicy("off"))

    def ask(_: State) -> Any:
        return Command(goto="second", update={"said": [interrupt(CANARY)]})

    def always(_: State) -> str:
        return CANARY

    builder = state_graph(State)
    builder.add_node("ask", ask, destinations=("second",))
    builder.add_node("second", second)
    builder.add_edge(START, "ask")
    builder.add_conditional_edges("second", always, {CANARY: END})
    made, config = builder.compile(checkpointer=InMemorySaver()), {"configurable": {"thread_id": "t"}}
    made.invoke({"said": []}, config)
    made.invoke(Command(resume=CANARY), config)

    assert CANARY not in repr(observed.all())
    assert [found.attributes.get("sojourn.decision.target") for found in decisions(observed)] == [
        None,
        None,
        "second",
        END,
    ]


def test_names_in_decisions_pass_the_programs_redactors(observed: Observed) -> None:
    observed.install(ContentPolicy(redactors=(lambda words: words.replace("second", "gone"),)))

    def choose(_: State) -> Any:
        return Command(goto="second")

    builder = state_graph(State)
    builder.add_node("choose", choose, destinations=("second",))
    builder.add_node("second", second)
    builder.add_edge(START, "choose")
    builder.compile().invoke({"said": []})
    forked(lambda _: "second", ["second"]).invoke({"said": []})

    assert observed.named("choose").children == (decided("routing", "gone", target="gone"),)
    assert observed.named("condition")["sojourn.decision.made"] == "gone"
