"""Our listener beside the program's own handlers, however these are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import pytest
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    AsyncCallbackManager,
    BaseCallbackHandler,
    CallbackManager,
    UsageMetadataCallbackHandler,
    get_usage_metadata_callback,
)
from langchain_core.tracers.context import collect_runs
from langgraph.graph import END, START
from langsmith import Client

from tests.instrumentors.chat_models import fake_chat, said, step
from tests.instrumentors.langchain.programs import QUESTION, add, agent, calls, greeting, library, state_graph

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.instrumentors.observed import Observed


class Heard(BaseCallbackHandler):
    """A handler of the program's own."""

    def __init__(self) -> None:
        self.names: list[str | None] = []
        self.metadata: list[dict[str, Any]] = []

    def on_chain_start(self, *_: Any, **told: Any) -> None:
        self.names.append(told.get("name"))
        self.metadata.append(dict(told.get("metadata") or {}))


class AsyncHeard(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.names: list[str | None] = []

    async def on_chain_start(self, *_: Any, **told: Any) -> None:
        self.names.append(told.get("name"))


class State(TypedDict):
    words: str


def graph() -> Any:
    """A graph of one node in which a chain runs."""
    inner = step(lambda words: words.upper())
    builder = state_graph(State)

    def shout(state: State) -> Any:
        return {"words": inner.invoke(state["words"])}

    builder.add_node("shout", shout)
    builder.add_edge(START, "shout")
    builder.add_edge("shout", END)
    return builder.compile()


GRAPH_TREE = ["invoke_workflow LangGraph", ["shout", "RunnableLambda"]]


def a_list(heard: Any) -> Any:
    return [heard]


def a_manager(heard: Any) -> Any:
    return CallbackManager([heard])


def a_manager_that_hands_down(heard: Any) -> Any:
    return CallbackManager([heard], [heard])


def an_asynchronous_manager(heard: Any) -> Any:
    return AsyncCallbackManager([heard], [heard])


GIVEN = (a_list, a_manager, a_manager_that_hands_down, an_asynchronous_manager)


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_graph_is_observed_whatever_callbacks_it_is_given(
    given: Callable[[Any], Any], asynchronous: bool, observed: Observed
) -> None:
    """LangGraph takes a manager as it is, without asking LangChain who else listens."""
    heard = Heard()
    callbacks = given(heard)
    config: Any = {"callbacks": callbacks}
    if asynchronous:
        await graph().ainvoke({"words": "ni"}, config)
    else:
        graph().invoke({"words": "ni"}, config)

    assert observed.one().outline() == GRAPH_TREE
    assert heard.names[0] == "LangGraph"
    assert config == {"callbacks": callbacks}
    if isinstance(callbacks, CallbackManager | AsyncCallbackManager):
        assert callbacks.handlers == [heard]


def test_the_programs_handlers_hear_the_same_with_us_and_without(observed: Observed) -> None:
    with_us, without = Heard(), Heard()
    graph().invoke({"words": "ni"}, {"callbacks": CallbackManager([with_us], [with_us])})
    observed.uninstall()
    graph().invoke({"words": "ni"}, {"callbacks": CallbackManager([without], [without])})

    def told(heard: Heard) -> list[set[str]]:
        return [set(metadata) for metadata in heard.metadata]

    assert with_us.names == without.names
    assert told(with_us) == told(without)


@pytest.mark.parametrize("given", GIVEN[:3])
def test_chains_are_observed_whatever_callbacks_they_are_given(given: Callable[[Any], Any], observed: Observed) -> None:
    heard = Heard()
    greeting("a").invoke({"word": "Ni"}, {"callbacks": given(heard)})

    assert observed.one().outline() == ["RunnableSequence", "ChatPromptTemplate", "chat", "StrOutputParser"]
    assert heard.names[0] == "RunnableSequence"


async def test_handlers_that_are_asynchronous_go_on_hearing(observed: Observed) -> None:
    heard = AsyncHeard()
    await graph().ainvoke({"words": "ni"}, {"callbacks": [heard]})

    assert heard.names == ["LangGraph", "shout", "RunnableLambda"]
    assert observed.one().outline() == GRAPH_TREE


def test_langchains_own_collectors_go_on_collecting(observed: Observed) -> None:
    model = fake_chat(said("a", response_metadata={"model_name": "m-1"}), "b")
    with collect_runs() as runs, get_usage_metadata_callback() as used:
        model.invoke("x")

    assert len(runs.traced_runs) == 1
    assert used.usage_metadata["m-1"]["input_tokens"] == 11
    counting = UsageMetadataCallbackHandler()
    model.invoke("x", {"callbacks": [counting]})
    assert observed.usage() == (22, 14)


def test_langsmith_beside_us_sees_its_runs_and_we_see_ours(observed: Observed) -> None:
    sent: list[str] = []

    class Quiet(Client):
        def create_run(self, name: str, *_: Any, **__: Any) -> None:
            sent.append(name)

        def update_run(self, *_: Any, **__: Any) -> None:
            """Nothing leaves the test."""

    client = Quiet(api_url="http://127.0.0.1:9", api_key="k", auto_batch_tracing=False)
    langsmith = library("langsmith.run_helpers")

    def outside(words: str) -> Any:
        return graph().invoke({"words": words})

    outside = langsmith.traceable(client=client)(outside)
    with langsmith.tracing_context(enabled=True, client=client):
        graph().invoke({"words": "ni"})
        outside("ni")

    assert sent == ["LangGraph", "shout", "RunnableLambda", "outside", "LangGraph", "shout", "RunnableLambda"]
    assert [root.outline() for root in observed.roots()] == [GRAPH_TREE] * 2


def test_an_agent_given_a_manager_counts_its_tokens_once(observed: Observed) -> None:
    agent(calls("add", a=1, b=2), "3").invoke(QUESTION, {"callbacks": CallbackManager([])})

    assert observed.usage() == (22, 14)
    assert add.name in {seen.attributes.get("gen_ai.tool.name") for seen in observed.all()}
