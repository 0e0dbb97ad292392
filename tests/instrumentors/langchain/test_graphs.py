"""Graphs of LangGraph: nodes, edges, pauses, hand-overs, tasks."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import pytest
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError
from langgraph.graph import END, START
from langgraph.types import Command, RetryPolicy, Send, interrupt

from sojourn.content import ContentPolicy
from sojourn_instrumentors.langgraph import INSTRUMENTOR as LANGGRAPH
from tests.instrumentors.chat_models import fake_chat, step
from tests.instrumentors.langchain.expected import chain, decided, text
from tests.instrumentors.langchain.programs import QUESTION, agent, calls, library, state_graph
from tests.instrumentors.observed import Seen

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed

NS = "sojourn.langgraph.checkpoint.ns"
ID = "sojourn.langgraph.checkpoint.id"
NODE = "sojourn.langgraph.node"
CANARY = "canary-51f2"


class State(TypedDict):
    said: Annotated[list[Any], operator.add]


def line(*nodes: Any, name: str | None = None, **options: Any) -> Any:
    """A graph of nodes in a row, each a function with a name."""
    builder = state_graph(State)
    names = [getattr(node, "__name__", None) or node.name for node in nodes]
    for called, node in zip(names, nodes, strict=True):
        builder.add_node(called, node)
    for one, other in zip([START, *names], [*names, END], strict=True):
        builder.add_edge(one, other)
    return builder.compile(name=name, **options)


def first(_: State) -> Any:
    return {"said": ["first"]}


def ask(_: State) -> Any:
    return {"said": [interrupt(f"really {CANARY}?")]}


def node(
    name: str, number: int, taken: Any, given: Any, *children: Seen, trigger: str | None = None, **more: Any
) -> Seen:
    """A node of a graph, whose namespace is known by its name only."""
    facts = {
        NODE: name,
        "sojourn.langgraph.step": number,
        "sojourn.langgraph.triggers": (trigger or f"branch:to:{name}",),
        NS: name,
    }
    return chain(name, taken, given, *children, **facts, **more)


def graph(name: str, taken: Any, given: Any, *children: Seen, **more: Any) -> Seen:
    attributes: dict[str, Any] = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": name, **more}
    if taken is not None:
        attributes["sojourn.input"] = text(taken)
    if given is not None:
        attributes["sojourn.output"] = text(given)
    return Seen(f"invoke_workflow {name}", "internal", "unset", attributes, children=children)


def known(seen: Seen) -> Seen:
    """A span without the ids that LangGraph makes up."""
    attributes = dict(seen.attributes)
    if NS in attributes:
        attributes[NS] = attributes[NS].rpartition("|")[2].partition(":")[0]
    if ID in attributes:
        attributes[ID] = "an id"
    return Seen(seen.name, seen.kind, seen.status, attributes, seen.events, tuple(map(known, seen.children)))


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
async def test_a_graph_tells_its_nodes_and_the_edges_that_led_to_them(how: str, observed: Observed) -> None:
    def second(state: State) -> Any:
        return {"said": [len(state["said"])]}

    made = line(first, second, name="two")
    match how:
        case "invoke":
            made.invoke({"said": []})
        case "ainvoke":
            await made.ainvoke({"said": []})
        case "stream":
            list(made.stream({"said": []}))
        case _:
            assert [part async for part in made.astream({"said": []})]

    assert list(map(known, observed.roots())) == [
        graph(
            "two",
            {"said": []},
            {"said": ["first", 1]},
            node("first", 1, {"said": []}, {"said": ["first"]}),
            node("second", 2, {"said": ["first"]}, {"said": [1]}),
        )
    ]


@pytest.mark.parametrize("mode", ["values", "updates", "messages", "custom", "debug", "tasks", "checkpoints"])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_every_mode_of_streaming_gives_the_same_tree(mode: str, asynchronous: bool, observed: Observed) -> None:
    # LangChain's fake says nothing of tools when it streams, so it is asked once.
    made = agent("3")
    if asynchronous:
        parts = [part async for part in made.astream(QUESTION, stream_mode=mode)]
    else:
        parts = list(made.stream(QUESTION, stream_mode=mode))

    assert parts or mode in ("custom", "checkpoints")
    assert observed.one().outline() == [
        "invoke_agent calculator",
        ["agent", "call_model", ["RunnableSequence", "Prompt", "chat"], "should_continue"],
    ]


def test_a_choice_of_the_next_node_is_told(observed: Observed) -> None:
    def choose(_: State) -> Any:
        return Command(goto=[Send("work", {"said": [1]}), "rest"], update={"said": ["chosen"]})

    def work(state: State) -> Any:
        return {"said": state["said"]}

    def rest(_: State) -> Any:
        return {"said": []}

    builder = state_graph(State)
    builder.add_node("choose", choose, destinations=("work", "rest"))
    builder.add_node("work", work)
    builder.add_node("rest", rest)
    builder.add_edge(START, "choose")
    builder.compile(name="map").invoke({"said": []})

    (root,) = map(known, observed.roots())
    chosen, *others = root.children
    assert chosen.attributes["sojourn.langgraph.goto"] == ("work", "rest")
    assert sorted(others, key=lambda one: one.name) == [
        node("rest", 2, {"said": ["chosen"]}, {"said": []}),
        node("work", 2, {"said": [1]}, {"said": [1]}, trigger="__pregel_push"),
    ]


def test_a_function_that_chooses_an_edge_is_a_step_of_its_node(observed: Observed) -> None:
    def which(_: State) -> str:
        return "second"

    def second(_: State) -> Any:
        return {"said": []}

    builder = state_graph(State)
    builder.add_node("first", first)
    builder.add_node("second", second)
    builder.add_edge(START, "first")
    builder.add_conditional_edges("first", which, ["second", END])
    builder.compile().invoke({"said": []})

    assert observed.one().outline() == ["invoke_workflow LangGraph", ["first", "which"], "second"]
    assert observed.named("which")["sojourn.output"] == "second"
    assert NODE not in observed.named("which").attributes


def test_a_graph_that_pauses_and_goes_on_is_linked_by_its_thread_its_checkpoint_and_its_span(
    observed: Observed,
) -> None:
    made, config = line(first, ask, name="asking", checkpointer=InMemorySaver()), {"configurable": {"thread_id": "t"}}
    made.invoke({"said": []}, config)
    made.invoke(Command(resume="yes"), config)

    paused, resumed = observed.roots()
    assert paused[ID] == resumed[ID]
    assert paused.children[1][NS] == resumed.children[1][NS]
    state, thread = "sojourn.langgraph.end_state", {"gen_ai.conversation.id": "t", ID: "an id"}
    (question,) = paused.children[1]["sojourn.output"]
    assert question["value"] == f"really {CANARY}?"
    paused_to_ask = decided("pause", "pause", reasoning=text([question]))
    assert list(map(known, observed.roots())) == [
        graph(
            "asking",
            {"said": []},
            {"said": ["first"]},
            node("first", 1, {"said": []}, {"said": ["first"]}),
            node("ask", 2, {"said": ["first"]}, [question], paused_to_ask, **{state: "interrupted"}),
            **thread,
            **{state: "interrupted"},
        ),
        graph(
            "asking",
            {"resume": "yes"},
            {"said": ["first", "yes"]},
            decided("resume", "resume", reasoning="yes"),
            node("ask", 2, {"said": ["first"]}, {"said": ["yes"]}),
            **thread,
            **{"sojourn.langgraph.resumed": True},
        ),
    ]
    before, after = [span for span in observed.exporter.get_finished_spans() if span.name == "invoke_workflow asking"]
    assert before.context is not None
    assert [link.context.span_id for link in after.links] == [before.context.span_id]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_pause_that_was_planned_is_told_too(asynchronous: bool, observed: Observed) -> None:
    made = line(first, name="planned", checkpointer=InMemorySaver(), interrupt_before=["first"])
    config: Any = {"configurable": {"thread_id": "t"}}
    states: tuple[Any, ...] = ({"said": []}, None)
    for taken in states:
        if asynchronous:
            await made.ainvoke(taken, config)
        else:
            made.invoke(taken, config)

    paused, resumed = observed.roots()
    assert (paused["sojourn.langgraph.end_state"], paused.children) == ("interrupted", (decided("pause", "pause"),))
    assert [child.name for child in resumed.children] == ["decision resume", "first"]
    assert resumed["sojourn.langgraph.resumed"] is True
    assert "sojourn.langgraph.end_state" not in resumed.attributes


def test_a_pause_inside_a_graph_inside_a_graph_is_no_error_anywhere(observed: Observed) -> None:
    inner = line(ask, name="inner")
    made = line(inner, name="outer", checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}
    made.invoke({"said": []}, config)
    made.invoke(Command(resume="yes"), config)

    paused, resumed = observed.roots()
    inside = ["invoke_workflow inner", ["ask", "decision pause"]]
    assert paused.outline() == ["invoke_workflow outer", ["inner", inside]]
    assert resumed.outline() == [
        "invoke_workflow outer",
        "decision resume",
        ["inner", ["invoke_workflow inner", "ask"]],
    ]
    assert {seen.status for seen in observed.all()} == {"unset"}
    runs = [seen for seen in observed.all() if seen.attributes.get("sojourn.kind") != "decision"]
    states = [seen.attributes.get("sojourn.langgraph.end_state") for seen in runs]
    assert states == ["interrupted"] * 4 + [None] * 4


def test_graphs_of_different_threads_are_not_linked(observed: Observed) -> None:
    made = line(ask, name="asking", checkpointer=InMemorySaver())
    made.invoke({"said": []}, {"configurable": {"thread_id": "one"}})
    made.invoke({"said": []}, {"configurable": {"thread_id": "two"}})
    made.invoke(Command(resume="yes"), {"configurable": {"thread_id": "two"}})

    roots = [span for span in observed.exporter.get_finished_spans() if span.name == "invoke_workflow asking"]
    assert roots[1].context is not None
    assert [[link.context.span_id for link in span.links] for span in roots] == [[], [], [roots[1].context.span_id]]


def test_an_agent_that_hands_over_to_another_did_not_fail(observed: Observed) -> None:
    @tool
    def ask_bob() -> Any:
        """Hand over to Bob."""
        return Command(goto="bob", graph=Command.PARENT, update={"messages": []})

    from langgraph.graph import MessagesState

    builder = state_graph(MessagesState)
    builder.add_node("alice", agent(calls("ask_bob"), tools=[ask_bob], name="alice"), destinations=("bob",))
    builder.add_node("bob", agent("done", tools=[], name="bob"))
    builder.add_edge(START, "alice")
    builder.compile(name="team").invoke(QUESTION)

    assert {seen.status for seen in observed.all()} == {"unset"}
    assert [child.name for child in observed.one().children] == ["alice", "bob"]
    handed = observed.named("invoke_agent alice")
    assert handed["sojourn.langgraph.end_state"] == "handed_over"
    assert handed["sojourn.langgraph.goto"] == ("bob",)
    assert observed.named("invoke_agent bob")["gen_ai.agent.name"] == "bob"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_tasks_of_the_functional_api_are_nodes_of_their_workflow(asynchronous: bool, observed: Observed) -> None:
    func = library("langgraph.func")

    def double(number: int) -> int:
        return number * 2

    async def adouble(number: int) -> int:
        return number * 2

    task, atask = func.task(double), func.task(adouble)

    def flow(number: int) -> int:
        return int(task(number).result()) + 1

    async def aflow(number: int) -> int:
        return int(await atask(number)) + 1

    if asynchronous:
        assert await func.entrypoint()(aflow).ainvoke(2) == 5
    else:
        assert func.entrypoint()(flow).invoke(2) == 5

    (root,) = map(known, observed.roots())
    work, name = ("adouble", "aflow") if asynchronous else ("double", "flow")
    assert root == graph(
        name,
        2,
        5,
        node(
            name,
            0,
            2,
            5,
            node(work, 0, root.children[0].children[0]["sojourn.input"], 4, trigger="__pregel_push"),
            trigger="__start__",
        ),
    )


def test_a_node_that_is_tried_again_is_told_each_time(observed: Observed) -> None:
    tried: list[int] = []

    def flaky(_: State) -> Any:
        tried.append(1)
        if len(tried) == 1:
            raise ConnectionError("not yet")
        return {"said": ["ok"]}

    builder = state_graph(State)
    policy = RetryPolicy(initial_interval=0.001, jitter=False, retry_on=ConnectionError)
    builder.add_node("flaky", flaky, retry_policy=policy)
    builder.add_edge(START, "flaky")
    builder.compile().invoke({"said": []})

    assert [(seen.name, seen.status) for seen in observed.all()] == [
        ("invoke_workflow LangGraph", "unset"),
        ("flaky", "error"),
        ("flaky", "unset"),
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_error_in_a_node_is_the_same_object_for_the_program(asynchronous: bool, observed: Observed) -> None:
    planted = ValueError("planted")

    def broken(_: State) -> Any:
        raise planted

    async def run() -> None:
        if asynchronous:
            await line(broken).ainvoke({"said": []})
        else:
            line(broken).invoke({"said": []})

    with pytest.raises(ValueError, match="planted") as caught:
        await run()

    assert caught.value is planted
    assert [(seen.status, seen["error.type"]) for seen in observed.all()] == [("error", "ValueError")] * 2


def test_a_graph_that_runs_too_long_is_an_error_of_the_graph(observed: Observed) -> None:
    builder = state_graph(State)
    builder.add_node("first", first)
    builder.add_edge(START, "first")
    builder.add_edge("first", "first")
    with pytest.raises(GraphRecursionError):
        builder.compile().invoke({"said": []}, {"recursion_limit": 2})

    root = observed.one()
    assert (root.status, root["error.type"]) == ("error", "langgraph.errors.GraphRecursionError")
    assert {child.status for child in root.children} == {"unset"}


def test_runs_that_are_plumbing_make_no_span(observed: Observed) -> None:
    """What a node does under LangGraph's own hidden runs stays below the node."""
    hidden = step(lambda words: fake_chat("a").invoke(words).text).with_config(tags=["langsmith:hidden"])

    def work(_: State) -> Any:
        return {"said": [hidden.invoke("x")]}

    line(work).invoke({"said": []})

    assert observed.one().outline() == ["invoke_workflow LangGraph", ["work", "chat"]]


def test_a_graph_inside_a_chain_is_a_workflow_there(observed: Observed) -> None:
    (step(lambda _: {"said": []}) | line(first, name="inner")).invoke("x")

    assert observed.one().outline() == ["RunnableSequence", "RunnableLambda", ["invoke_workflow inner", "first"]]


def test_content_that_is_off_leaves_only_facts_of_a_graph(observed: Observed) -> None:
    observed.install(ContentPolicy("off"))
    config: Any = {"configurable": {"thread_id": "t"}}
    line(first, ask, checkpointer=InMemorySaver()).invoke({"said": [CANARY]}, config)

    assert CANARY not in repr(observed.all())
    assert observed.one()["sojourn.langgraph.end_state"] == "interrupted"


def test_names_tags_and_metadata_pass_the_programs_redactors(observed: Observed) -> None:
    observed.install(ContentPolicy(redactors=(lambda words: words.replace(CANARY, "gone"),)))
    config: Any = {"tags": [CANARY], "metadata": {"who": CANARY, "n": 1}}
    line(first, name="plain").invoke({"said": []}, config)

    root = observed.one()
    assert (root["sojourn.tags"], root["sojourn.metadata.who"]) == (("gone",), "gone")
    assert CANARY not in repr(observed.all())


def test_every_place_of_langgraph_is_held_and_given_back(observed: Observed) -> None:
    module = library("langgraph.pregel.main")
    places = [target.name.rpartition(":")[2] for target in LANGGRAPH.targets()][1:]
    assert {target.state for target in LANGGRAPH.targets()} == {"patched"}
    held = [getattr(module, place) for place in places]
    observed.uninstall()

    given_back = [getattr(module, place) for place in places]
    assert [one.__wrapped__ for one in held] == given_back
    line(first).invoke({"said": []})
    assert observed.all() == []


def test_langgraph_observed_alone_is_observed_all_the_same(observed: Observed) -> None:
    observed.uninstall()
    LANGGRAPH.install(tracer_provider=observed.provider, policy=ContentPolicy())
    line(first, name="alone").invoke({"said": []})

    assert observed.one().outline() == ["invoke_workflow alone", "first"]


async def test_a_stream_of_a_graph_that_is_left_is_abandoned(observed: Observed) -> None:
    made = line(first, name="left")
    for _ in made.stream({"said": []}):
        break
    async for _ in made.astream({"said": []}):
        break
    stream = made.astream({"said": []})
    await anext(stream)
    await stream.aclose()

    deadline_roots = [root for root in observed.roots() if root.name == "invoke_workflow left"]
    assert len(deadline_roots) >= 2
    assert {root.attributes.get("sojourn.stream.abandoned") for root in deadline_roots} == {True}
    assert {root.status for root in deadline_roots} == {"unset"}
