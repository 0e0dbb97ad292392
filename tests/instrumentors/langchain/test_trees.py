"""LangChain and LangGraph come out as the trees that they are."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

import pytest
from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableParallel
from langchain_core.tools import ToolException, tool
from langchain_core.tracers import context as tracers_context
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from sojourn import faults
from sojourn.content import ContentPolicy
from sojourn_instrumentors import langchain as langchain_module
from sojourn_instrumentors._langchain import listener, steps
from tests.instrumentors.chat_models import fake_chat, step
from tests.instrumentors.langchain.programs import QUESTION, Shelf, add, agent, calls
from tests.instrumentors.observed import Observed, Seen

CANARY = "canary-7c1d"


@tool
def fail(a: int) -> int:
    """Fail."""
    raise RuntimeError(f"no {a}")


AGENT_TREE = [
    "invoke_agent calculator",
    ["agent", "call_model", ["RunnableSequence", "Prompt", "chat"], "should_continue"],
    ["tools", "execute_tool add"],
    ["agent", "call_model", ["RunnableSequence", "Prompt", "chat"], "should_continue"],
]


def test_a_chat_model_by_itself(observed: Observed) -> None:
    fake_chat("Nice").invoke([HumanMessage("Hello")])

    assert observed.roots() == [
        Seen(
            name="chat",
            kind="client",
            status="unset",
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "fake",
                "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Hello"}]}]',
                "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"Nice"}]}]',
                "gen_ai.usage.input_tokens": 11,
                "gen_ai.usage.output_tokens": 7,
            },
        )
    ]


def test_a_sequence_nests_its_steps_in_their_order(observed: Observed) -> None:
    prompt: Any = ChatPromptTemplate.from_template("Say {word}")
    chain = prompt | fake_chat("Ni") | step(lambda said: said.text)
    chain.invoke({"word": "Ni"}, {"run_name": "greeting"})

    root = observed.one()
    assert root.outline() == ["greeting", "ChatPromptTemplate", "chat", "RunnableLambda"]
    assert (root.kind, root["sojourn.kind"]) == ("internal", "chain")
    assert root["sojourn.input"] == {"word": "Ni"}
    assert root["sojourn.output"] == "Ni"
    assert root.children[0]["sojourn.output"] == [{"role": "user", "parts": [{"type": "text", "content": "Say Ni"}]}]


def test_branches_that_run_on_threads_stay_in_their_tree(observed: Observed) -> None:
    both = RunnableParallel(left=step(lambda _: 1), right=fake_chat("Ni"))
    both.invoke("x")

    root = observed.one()
    assert sorted(child.name for child in root.children) == ["RunnableLambda", "chat"]


def test_a_completion_model_is_a_text_completion(observed: Observed) -> None:
    FakeListLLM(responses=["Ni"]).invoke("Say")

    seen = observed.one()
    assert seen["gen_ai.operation.name"] == "text_completion"
    assert seen["gen_ai.input.messages"][0]["parts"] == [{"type": "text", "content": "Say"}]
    assert seen["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Ni"}]


def test_a_retriever_tells_query_and_documents(observed: Observed) -> None:
    Shelf().invoke("birds")

    seen = observed.one()
    assert (seen.name, seen["gen_ai.operation.name"]) == ("retrieval Shelf", "retrieval")
    assert seen["gen_ai.retrieval.query.text"] == "birds"
    assert seen["gen_ai.retrieval.documents"] == [
        {"id": "d1", "score": 0.5, "content": "about birds", "metadata": {"score": 0.5, "page": 3}}
    ]


def test_a_tool_tells_arguments_and_result(observed: Observed) -> None:
    add.invoke({"name": "add", "args": {"a": 1, "b": 2}, "id": "c1", "type": "tool_call"})

    seen = observed.one()
    assert (seen.name, seen.kind) == ("execute_tool add", "internal")
    assert seen.attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "add",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.description": "Add two numbers.",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.call.arguments": '{"a":1,"b":2}',
        "gen_ai.tool.call.result": "3",
    }


def test_an_error_is_told_by_every_step_that_it_passes_and_is_the_same_object(observed: Observed) -> None:
    planted = ValueError("planted")

    def broken(_: Any) -> None:
        raise planted

    with pytest.raises(ValueError, match="planted") as caught:
        step(broken).pipe(fake_chat("never")).invoke("x")

    assert caught.value is planted
    assert [(seen.name, seen.status, seen["error.type"]) for seen in observed.all()] == [
        ("RunnableSequence", "error", "ValueError"),
        ("broken", "error", "ValueError"),
    ]


def test_a_tool_that_fails_is_an_error_of_the_tool(observed: Observed) -> None:
    with pytest.raises(RuntimeError):
        fail.invoke({"a": 1})

    seen = observed.one()
    assert (seen.name, seen.status, seen.events) == ("execute_tool fail", "error", ("exception",))
    assert seen["error.type"] == "RuntimeError"


def test_a_tool_that_handles_its_own_error_failed_all_the_same(observed: Observed) -> None:
    @tool
    def refuse(a: int) -> int:
        """Refuse."""
        raise ToolException("not that")

    refuse.handle_tool_error = True
    refuse.invoke({"name": "refuse", "args": {"a": 1}, "id": "c1", "type": "tool_call"})

    seen = observed.one()
    assert (seen.status, seen["error.type"]) == ("error", "tool_error")


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
async def test_an_agent_comes_out_as_its_tree(how: str, observed: Observed) -> None:
    graph = agent(calls("add", a=1, b=2), "3")
    config = {"configurable": {"thread_id": "t-1"}}
    match how:
        case "invoke":
            graph.invoke(QUESTION, config)
        case "ainvoke":
            await graph.ainvoke(QUESTION, config)
        case "stream":
            list(graph.stream(QUESTION, config))
        case _:
            assert [part async for part in graph.astream(QUESTION, config)]

    root = observed.one()
    assert root.outline() == AGENT_TREE
    assert root["gen_ai.agent.name"] == "calculator"
    assert root["gen_ai.conversation.id"] == "t-1"
    assert [
        (seen["sojourn.langgraph.node"], seen["sojourn.langgraph.step"])
        for seen in observed.all()
        if "sojourn.langgraph.node" in seen.attributes
    ] == [("agent", 1), ("tools", 2), ("agent", 3)]
    assert observed.usage() == (22, 14)


async def test_agents_that_run_at_once_do_not_mix(observed: Observed) -> None:
    graphs = [agent(calls("add", a=1, b=2), "3") for _ in range(4)]
    with ThreadPoolExecutor(2) as pool:
        for running in [pool.submit(graph.invoke, QUESTION) for graph in graphs[:2]]:
            running.result(120)
    await asyncio.gather(*(graph.ainvoke(QUESTION) for graph in graphs[2:]))

    assert [root.outline() for root in observed.roots()] == [AGENT_TREE] * 4


def test_an_agent_made_by_a_graph_that_says_so_is_an_agent(observed: Observed) -> None:
    graph = agent("3").with_config(metadata={"lc_agent_name": "calculator"})
    graph.invoke(QUESTION)

    root = observed.one()
    assert (root.name, root["gen_ai.agent.name"]) == ("invoke_agent calculator", "calculator")


def test_a_graph_that_pauses_for_a_person_did_not_fail(observed: Observed) -> None:
    class State(TypedDict):
        answer: str

    def ask(_: State) -> State:
        return {"answer": interrupt("really?")}

    from langgraph.checkpoint.memory import InMemorySaver

    builder: Any = StateGraph(State)
    builder.add_node("ask", ask)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", END)
    graph = builder.compile(checkpointer=InMemorySaver())
    graph.invoke({"answer": ""}, {"configurable": {"thread_id": "t"}})

    root = observed.one()
    assert root.outline() == ["invoke_workflow LangGraph", ["ask", "decision pause"]]
    assert {seen.status for seen in observed.all()} == {"unset"}


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream", "batch", "abatch"])
async def test_usage_is_counted_once_however_a_model_is_asked(how: str, observed: Observed) -> None:
    model = fake_chat("a b", "a b")
    match how:
        case "invoke":
            model.invoke("x")
        case "ainvoke":
            await model.ainvoke("x")
        case "stream":
            list(model.stream("x"))
        case "astream":
            assert [part async for part in model.astream("x")]
        case "batch":
            model.batch(["x", "y"])
        case _:
            await model.abatch(["x", "y"])

    count = 2 if "batch" in how else 1
    assert [seen.name for seen in observed.all()] == ["chat"] * count
    # LangChain's fake drops its usage when it streams; what matters is that nothing is counted twice.
    assert observed.usage() == ((0, 0) if "stream" in how else (11 * count, 7 * count))


async def test_streams_that_are_left_are_abandoned_and_not_errors(observed: Observed) -> None:
    stream = fake_chat("a b c").stream("x")
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    astream = fake_chat("a b c").astream("x")
    await anext(astream)
    await astream.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert [(seen.status, seen["sojourn.stream.abandoned"]) for seen in observed.all()] == [("unset", True)] * 2


async def test_a_cancelled_chain_is_an_error_that_says_so(observed: Observed) -> None:
    started = asyncio.Event()

    async def never(_: Any) -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(step(never).ainvoke("x"))
    await asyncio.wait_for(started.wait(), 120)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert observed.one()["error.type"] == "asyncio.CancelledError"


def test_the_programs_own_spans_are_parents_of_chains(observed: Observed) -> None:
    before = otel_context.get_current()
    with observed.provider.get_tracer("host").start_as_current_span("work"):
        fake_chat("Ni").invoke("x")

    assert observed.one().outline() == ["work", "chat"]
    assert otel_context.get_current() is before
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_runs_that_are_hidden_make_no_span_but_keep_their_children(observed: Observed) -> None:
    inner = step(lambda x: fake_chat("Ni").invoke(x)).with_config(tags=["langsmith:hidden"])
    (step(lambda x: x) | inner).invoke("x")

    assert observed.one().outline() == ["RunnableSequence", "RunnableLambda", "chat"]


def test_content_that_is_off_leaves_no_trace(observed: Observed) -> None:
    observed.install(ContentPolicy("off"))
    prompt = ChatPromptTemplate.from_template(f"{CANARY} {{word}}")
    prompt.pipe(fake_chat(CANARY)).invoke({"word": CANARY})
    Shelf().invoke(CANARY)
    add.invoke({"a": 1, "b": 2})

    assert CANARY not in repr(observed.all())
    # What a tool is described by is for the model to read, as a prompt is.
    assert "gen_ai.tool.description" not in observed.named("execute_tool add").attributes
    assert observed.usage() == (11, 7)


def test_suppressed_chains_emit_nothing(observed: Observed) -> None:
    token = otel_context.attach(otel_context.set_value("suppress_instrumentation", value=True))
    try:
        (step(lambda x: x) | fake_chat("Ni")).invoke("x")
    finally:
        otel_context.detach(token)

    assert observed.all() == []


def test_an_unsampled_chain_serialises_nothing() -> None:
    """Redactors are shown names only: whoever samples is told them."""
    seen: list[str] = []

    def watch(text: str) -> str:
        seen.append(text)
        return text

    observed = Observed(sampler=ALWAYS_OFF)
    observed.install(ContentPolicy(redactors=(watch,)))
    try:
        agent(calls("add", a=1, b=2), "3").invoke(QUESTION)
    finally:
        observed.uninstall()

    assert "calculator" in seen
    assert [one for one in seen if "1" in one or " " in one] == []
    assert observed.all() == []


def test_a_fault_of_ours_never_reaches_the_chain(observed: Observed, monkeypatch: pytest.MonkeyPatch) -> None:
    faults.raise_them(False)

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("planted")

    for name in ("call", "plain", "read_sent", "read_result", "_give"):
        monkeypatch.setattr(listener, name, broken)
    monkeypatch.setattr(steps, "chain", broken)

    answer = agent(calls("add", a=1, b=2), "3").invoke(QUESTION)
    assert answer["messages"][-1].text == "3"


def test_callbacks_of_the_program_are_left_as_they_are(observed: Observed) -> None:
    class Theirs(BaseCallbackHandler):
        heard = 0

        def on_chain_start(self, *_: Any, **__: Any) -> None:
            self.heard += 1

    handler = Theirs()
    handlers = [handler]
    step(lambda x: x).invoke("x", {"callbacks": handlers})

    assert (handlers, handler.heard) == ([handler], 1)
    assert CallbackManager([]).handlers == []
    assert len(observed.all()) == 1


def test_uninstalling_takes_our_hook_away_and_no_other() -> None:
    hooks = tracers_context._configure_hooks  # pyright: ignore[reportPrivateUsage]  # what is compared
    before = list(hooks)
    observed = Observed()
    observed.install()
    assert len(hooks) == len(before) + 1
    observed.uninstall()

    assert hooks == before
    fake_chat("Ni").invoke("x")
    assert observed.all() == []


def test_installing_twice_observes_once(observed: Observed) -> None:
    langchain_module.INSTRUMENTOR.install(tracer_provider=observed.provider, policy=ContentPolicy())
    fake_chat("Ni").invoke("x")

    assert len(observed.all()) == 1
