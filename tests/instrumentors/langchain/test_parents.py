"""Every run is under the run that began it, wherever it works."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig  # noqa: TC002  # LangChain reads the annotation
from langchain_core.runnables.config import ContextThreadPoolExecutor, run_in_executor
from langchain_core.tools import tool
from langgraph.graph import END, START

from tests.instrumentors.chat_models import fake_chat, step
from tests.instrumentors.langchain.programs import state_graph

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed


class State(TypedDict):
    words: str


def nested(depth: int, *, asynchronous: bool) -> Any:
    """Graphs inside one another, with a model in the innermost."""
    inner: Any = None if depth == 0 else nested(depth - 1, asynchronous=asynchronous)

    def work(state: State) -> Any:
        return {"words": fake_chat("a").invoke(state["words"]).text} if inner is None else inner.invoke(state)

    async def awork(state: State) -> Any:
        if inner is None:
            return {"words": (await fake_chat("a").ainvoke(state["words"])).text}
        return await inner.ainvoke(state)

    builder = state_graph(State)
    builder.add_node(f"n{depth}", awork if asynchronous else work)
    builder.add_edge(START, f"n{depth}")
    builder.add_edge(f"n{depth}", END)
    return builder.compile(name=f"g{depth}")


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_graphs_inside_graphs_keep_their_order(asynchronous: bool, observed: Observed) -> None:
    if asynchronous:
        await nested(3, asynchronous=True).ainvoke({"words": "x"})
    else:
        nested(3, asynchronous=False).invoke({"words": "x"})

    tree: Any = ["invoke_workflow g0", ["n0", "chat"]]
    for depth in (1, 2, 3):
        tree = [f"invoke_workflow g{depth}", [f"n{depth}", tree]]
    assert observed.one().outline() == tree
    nodes = [
        (seen.name, seen["sojourn.langgraph.node"])
        for seen in observed.all()
        if "sojourn.langgraph.node" in seen.attributes
    ]
    assert nodes == [(f"n{depth}", f"n{depth}") for depth in (3, 2, 1, 0)]


async def test_many_deep_graphs_at_once_do_not_mix(observed: Observed) -> None:
    await asyncio.gather(*(nested(2, asynchronous=True).ainvoke({"words": str(number)}) for number in range(8)))

    outlines = [root.outline() for root in observed.roots()]
    assert len(outlines) == 8
    assert all(outline == outlines[0] for outline in outlines)
    for root in observed.roots():
        (inputs,) = {seen["sojourn.input"]["words"] for seen in [root]}
        found = root
        while found.children:
            found = found.children[0]
        assert found["gen_ai.input.messages"][0]["parts"][0]["content"] == inputs


async def test_tasks_belong_to_the_step_that_made_them(observed: Observed) -> None:
    model = fake_chat("a", "b")

    async def work(_: Any) -> None:
        await asyncio.gather(asyncio.create_task(model.ainvoke("x")), asyncio.create_task(model.ainvoke("y")))

    await step(work).ainvoke("x")

    assert observed.one().outline() == ["work", "chat", "chat"]


async def test_a_task_that_outlives_its_step_still_belongs_to_it(observed: Observed) -> None:
    left: list[asyncio.Task[Any]] = []
    go = asyncio.Event()

    async def later() -> Any:
        await go.wait()
        return await fake_chat("a").ainvoke("x")

    async def work(_: Any) -> None:
        left.append(asyncio.create_task(later()))

    await step(work).ainvoke("x")
    go.set()
    await left[0]

    assert observed.one().outline() == ["work", "chat"]


def test_threads_that_carry_the_context_keep_the_parent(observed: Observed) -> None:
    model = fake_chat("a", "b", "c")

    def work(_: Any) -> None:
        with ContextThreadPoolExecutor(2) as pool:
            pool.submit(model.invoke, "x").result(120)
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(model.invoke, "y"))
        thread.start()
        thread.join(120)

    step(work).invoke("x")

    assert observed.one().outline() == ["work", "chat", "chat"]


def test_threads_that_are_handed_the_config_keep_the_parent(observed: Observed) -> None:
    """A thread without the context of the step can still be told by LangChain's own means."""
    model = fake_chat("a")

    def work(taken: str, config: RunnableConfig) -> str:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(model.invoke, taken, config).result(120).text

    told: Any = work
    step(told).invoke("x")

    assert observed.one().outline() == ["work", "chat"]


async def test_sync_code_on_an_executor_of_an_async_chain_keeps_the_parent(observed: Observed) -> None:
    @tool
    def look(word: str) -> str:
        """Look."""
        return fake_chat("a").invoke(word).text

    async def work(_: Any) -> str:
        await run_in_executor(None, fake_chat("b").invoke, "y")
        found: str = await look.ainvoke({"word": "x"})
        return found

    await step(work).ainvoke("x")

    assert observed.one().outline() == ["work", "chat", ["execute_tool look", "chat"]]


def test_a_batch_on_threads_keeps_each_tree_whole(observed: Observed) -> None:
    chain = step(lambda x: x) | step(lambda x: fake_chat("a").invoke(x).text)
    chain.batch(["x", "y", "z"], {"max_concurrency": 2})

    tree = ["RunnableSequence", "RunnableLambda", ["RunnableLambda", "chat"]]
    assert [root.outline() for root in observed.roots()] == [tree] * 3


def test_a_batch_inside_a_step_is_below_it(observed: Observed) -> None:
    model = fake_chat("a", "b")
    step(lambda _: model.batch(["x", "y"]) and None).invoke("x")

    assert observed.one().outline() == ["RunnableLambda", "chat", "chat"]
