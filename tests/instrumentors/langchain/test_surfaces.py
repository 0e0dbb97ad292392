"""Every way to run a runnable, with the whole of what it exports."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.prompts import ChatPromptTemplate, FewShotPromptTemplate, PromptTemplate
from langchain_core.runnables import (
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnableWithFallbacks,
)
from langchain_core.runnables.utils import ConfigurableField
from langchain_core.tools import tool
from pydantic import Field

from sojourn.content import ContentPolicy
from tests.instrumentors.chat_models import fake_chat, step
from tests.instrumentors.langchain.expected import chain, chat, decided, fixed, messages
from tests.instrumentors.langchain.programs import Shelf, greeting
from tests.instrumentors.observed import Seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.instrumentors.observed import Observed

# Of streams LangChain's fake drops the usage, and its sequence hears of the input only at the end.
WHOLE = ("invoke", "ainvoke", "batch", "abatch", "batch_as_completed", "abatch_as_completed")
STREAMED = ("stream", "astream", "transform", "atransform", "events v1", "events v2", "log")


async def run(how: str, runnable: Any, taken: Any) -> None:  # one way each
    """Start `runnable` in one of its ways, and read what comes to its end."""

    async def source() -> AsyncIterator[Any]:
        yield taken

    match how:
        case "invoke":
            runnable.invoke(taken)
        case "ainvoke":
            await runnable.ainvoke(taken)
        case "batch":
            runnable.batch([taken])
        case "abatch":
            await runnable.abatch([taken])
        case "batch_as_completed":
            list(runnable.batch_as_completed([taken]))
        case "abatch_as_completed":
            assert [one async for one in runnable.abatch_as_completed([taken])]
        case "stream":
            list(runnable.stream(taken))
        case "astream":
            assert [part async for part in runnable.astream(taken)]
        case "transform":
            list(runnable.transform(iter([taken])))
        case "atransform":
            assert [part async for part in runnable.atransform(source())]
        case "log":
            assert [part async for part in runnable.astream_log(taken)]
        case _:
            assert [event async for event in runnable.astream_events(taken, version=how.removeprefix("events "))]


# astream_log and the first version of events are on their way out, and say so.
@pytest.mark.filterwarnings("ignore:astream_log is deprecated", "ignore::DeprecationWarning")
@pytest.mark.parametrize("how", [*WHOLE, *STREAMED])
async def test_a_sequence_is_the_same_tree_in_every_way(how: str, observed: Observed) -> None:
    await run(how, greeting("a b"), {"word": "Ni"})

    streamed = how in STREAMED
    said = messages(("assistant", "a b"))[0]
    (root,) = fixed(observed.roots())
    prompt, model, parser = root.children
    assert root == chain("RunnableSequence", {"word": "Ni"}, "a b", *root.children)
    assert prompt == chain("ChatPromptTemplate", {"word": "Ni"}, messages(("user", "Say Ni")))
    assert model == chat("Say Ni", "a b", usage=not streamed, streamed=streamed)
    # A chunk of a message has no end of its own, so that what was put together of them is none either.
    assert parser == chain("StrOutputParser", parser["sojourn.input"] if streamed else said, "a b") or streamed
    assert parser["sojourn.output"] == "a b"


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
async def test_branches_side_by_side(how: str, observed: Observed) -> None:
    await run(how, RunnableParallel(left=step(lambda _: 1), right=step(lambda _: 2)), "x")

    root = observed.one()
    # A streamed answer is put together as its parts come, and which branch is first is chance.
    given = root["sojourn.output"]
    assert given == {"left": 1, "right": 2}
    assert root == chain("RunnableParallel<left,right>", "x", given, *root.children)
    assert sorted(root.children, key=lambda one: one.attributes["sojourn.output"]) == [
        chain("RunnableLambda", "x", 1),
        chain("RunnableLambda", "x", 2),
    ]


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_a_branch_tells_its_condition_and_what_it_chose(how: str, observed: Observed) -> None:
    def is_big(number: int) -> bool:
        return number > 1

    await run(how, RunnableBranch((is_big, lambda _: "big"), lambda _: "small"), 2)

    assert observed.roots() == [
        chain("RunnableBranch", 2, "big", chain("is_big", 2, True), chain("RunnableLambda", 2, "big")),
    ]


@pytest.mark.parametrize("how", ["stream", "astream", "invoke"])
async def test_a_generator_is_one_run(how: str, observed: Observed) -> None:
    def double(parts: Iterator[str]) -> Iterator[str]:
        for part in parts:
            yield part * 2

    async def adouble(parts: AsyncIterator[str]) -> AsyncIterator[str]:
        async for part in parts:
            yield part * 2

    await run(how, RunnableGenerator(double, adouble), "x")

    seen = observed.one()
    assert seen == chain(seen.name, "x", "xx")
    assert seen.name in ("double", "adouble")


def test_what_is_passed_on_is_no_step_of_its_own_unless_it_adds(observed: Observed) -> None:
    passing = cast("Any", RunnablePassthrough())
    (passing | RunnablePassthrough.assign(y=lambda x: x["x"] + 1)).invoke({"x": 1})

    assert observed.roots() == [
        chain(
            "RunnableSequence",
            {"x": 1},
            {"x": 1, "y": 2},
            chain("RunnablePassthrough", {"x": 1}, {"x": 1}),
            chain(
                "RunnableAssign<y>",
                {"x": 1},
                {"x": 1, "y": 2},
                chain("RunnableParallel<y>", {"x": 1}, {"y": 2}, chain("RunnableLambda", {"x": 1}, 2)),
            ),
        )
    ]


def failed(name: str, taken: str, kind: str = "ValueError") -> Seen:
    attributes = {"sojourn.kind": "chain", "sojourn.input": taken, "error.type": kind}
    return Seen(name, "internal", "error", attributes, events=("exception",))


def test_a_fallback_is_no_error_of_the_whole(observed: Observed) -> None:
    def boom(_: Any) -> None:
        raise ValueError("no")

    step(boom).with_fallbacks([step(lambda _: "saved")]).invoke("x")

    assert observed.roots() == [
        chain(
            "RunnableWithFallbacks",
            "x",
            "saved",
            failed("boom", "x"),
            decided("retry", "fall back to RunnableLambda", target="RunnableLambda"),
            chain("RunnableLambda", "x", "saved"),
        ),
    ]


class Down(FakeListChatModel):
    """A model that fails the first time."""

    tried: list[int] = Field(default_factory=list[int])

    def _call(self, *args: Any, **kwargs: Any) -> str:
        self.tried.append(1)
        if len(self.tried) == 1:
            raise ValueError("overloaded")
        return super()._call(*args, **kwargs)


def decisions(observed: Observed) -> list[Seen]:
    return [seen for seen in observed.all() if seen.attributes.get("sojourn.kind") == "decision"]


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_a_model_may_stand_in_for_another(how: str, observed: Observed) -> None:
    await run(how, Down(responses=["no"]).with_fallbacks([fake_chat("yes").with_config(run_name="spare")]), "x")

    assert observed.one().children[1] == decided("retry", "fall back to spare", target="spare")
    assert len(decisions(observed)) == 1


class Spared(RunnableWithFallbacks[Any, Any]):
    """A program's own kind of it."""


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream", "batch"])
async def test_a_fallback_is_one_whatever_the_program_calls_it(how: str, observed: Observed) -> None:
    def boom(_: Any) -> None:
        raise ValueError("no")

    made: Any = Spared(runnable=step(boom), fallbacks=[step(lambda _: "saved")])
    await run(how, made.with_config(run_name="careful"), "x")

    assert observed.one().name == "careful"
    # What comes in its place LangChain itself does not call by the same name in each way.
    assert [found["sojourn.decision.kind"] for found in decisions(observed)] == ["retry"]


def test_a_program_that_goes_on_after_an_error_by_itself_falls_back_to_nothing(observed: Observed) -> None:
    def careful(words: str) -> Any:
        try:
            return failing.invoke(words)
        except ValueError:
            return fake_chat("yes").invoke(words)

    failing = Down(responses=["no"])
    step(careful).invoke("x")

    assert decisions(observed) == []


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_a_model_may_be_asked_again(how: str, observed: Observed) -> None:
    model = Down(responses=["no", "yes"]).with_retry(wait_exponential_jitter=False, stop_after_attempt=2)
    await run(how, model, "x")

    first, again, second = observed.one().children
    assert again == decided("retry", "attempt 2")
    assert "sojourn.retry.attempt" not in first.attributes
    assert second["sojourn.retry.attempt"] == 2


def test_a_tag_of_the_program_that_looks_like_one_of_a_retry_is_none(observed: Observed) -> None:
    (step(lambda words: words) | fake_chat("yes")).invoke("x", {"tags": ["retry:attempt:last"]})

    assert len(observed.one().children) == 2


def test_so_may_tools_and_retrievers(observed: Observed) -> None:
    @tool
    def look_up(query: str) -> str:
        """Look something up."""
        raise ValueError("no")

    spare: Any = Shelf()
    look_up.with_fallbacks([spare]).invoke("x")

    assert decisions(observed) == [decided("retry", "fall back to Shelf", target="Shelf")]


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_each_attempt_of_a_retry_is_told_with_its_number(how: str, observed: Observed) -> None:
    tried: list[int] = []

    def flaky(taken: str) -> str:
        tried.append(1)
        if len(tried) < 3:
            raise ValueError("not yet")
        return taken

    retried = step(flaky).with_retry(wait_exponential_jitter=False, stop_after_attempt=3)
    await run(how, retried, "x")

    (root,) = observed.roots()
    assert root == chain("flaky", "x", "x", *root.children)
    first, again, second, once_more, third = root.children
    assert again == decided("retry", "attempt 2", target="flaky")
    assert once_more == decided("retry", "attempt 3", target="flaky")
    assert first == failed("flaky", "x")
    assert second.attributes == {**failed("flaky", "x").attributes, "sojourn.retry.attempt": 2}
    assert third == chain("flaky", "x", "x", **{"sojourn.retry.attempt": 3})


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_event_of_the_program_is_an_event_of_the_step(asynchronous: bool, observed: Observed) -> None:
    def tell(taken: str) -> str:
        dispatch_custom_event("halfway", {"done": 0.5})
        return taken

    async def atell(taken: str) -> str:
        await adispatch_custom_event("halfway", {"done": 0.5})
        return taken

    runnable: Any = RunnableLambda(tell, atell)
    await run("ainvoke" if asynchronous else "invoke", runnable, "x")

    (span,) = observed.exporter.get_finished_spans()
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        ("sojourn.custom_event", {"event.name": "halfway", "sojourn.event.data": '{"done":0.5}'})
    ]


def test_prompts_and_parsers_of_every_kind_are_steps_by_their_names(observed: Observed) -> None:
    example = PromptTemplate.from_template("{q}")
    shots = FewShotPromptTemplate(
        examples=[{"q": "one"}], example_prompt=example, suffix="{q}", input_variables=["q"], example_separator="\n"
    )
    shots.invoke({"q": "two"})
    JsonOutputParser().invoke('{"a": 1}')

    assert observed.roots() == [
        chain("FewShotPromptTemplate", {"q": "two"}, messages(("user", "one\ntwo"))),
        chain("JsonOutputParser", '{"a": 1}', {"a": 1}),
    ]


def test_a_runnable_that_is_chosen_at_run_time_is_the_one_that_was_chosen(observed: Observed) -> None:
    small = fake_chat("small").configurable_alternatives(
        ConfigurableField(id="size"), default_key="small", big=lambda: fake_chat("big")
    )
    prompt: Any = ChatPromptTemplate.from_template("x")
    (prompt | small).with_config(configurable={"size": "big"}).invoke({})

    assert observed.named("chat") == chat("x", "big")


def test_names_tags_and_metadata_of_the_program_are_kept_where_they_were_given(observed: Observed) -> None:
    """They are handed down to every run below, and written once."""
    inner = step(lambda x: x).with_config(tags=["inner"], metadata={"page": 3})
    (step(lambda x: x) | inner).invoke("x", {"run_name": "mine", "tags": ["outer"], "metadata": {"tenant": "t-1"}})

    assert observed.roots() == [
        chain(
            "mine",
            "x",
            "x",
            chain("RunnableLambda", "x", "x"),
            chain("RunnableLambda", "x", "x", **{"sojourn.tags": ("inner",), "sojourn.metadata.page": 3}),
            **{"sojourn.tags": ("outer",), "sojourn.metadata.tenant": "t-1"},
        )
    ]


@pytest.mark.parametrize("key", ["thread_id", "session_id", "conversation_id"])
def test_a_conversation_that_the_metadata_name_is_that_of_runs_and_calls(key: str, observed: Observed) -> None:
    greeting("a").with_config(metadata={key: "c-1"}).invoke({"word": "Ni"})

    root = observed.one()
    assert root["gen_ai.conversation.id"] == "c-1"
    assert observed.named("chat")["gen_ai.conversation.id"] == "c-1"
    assert "gen_ai.conversation.id" not in root.children[0].attributes


def test_redactors_see_the_names_that_the_program_gives(observed: Observed) -> None:
    observed.install(ContentPolicy(redactors=(lambda words: words.replace("Ann", "[name]"),)))
    inner = step(lambda x: x).with_config(run_name="mail to Ann")
    (inner | fake_chat("a")).invoke("x", {"run_name": "for Ann", "tags": ["Ann"], "metadata": {"who": "Ann"}})

    assert observed.one().outline() == ["for [name]", "mail to [name]", "chat"]
    assert "Ann" not in repr(observed.all())


def test_a_call_of_a_model_keeps_the_name_that_the_program_gave(observed: Observed) -> None:
    fake_chat("a").invoke("x", {"run_name": "judge"})

    assert observed.roots() == [chat("x", "a", {"sojourn.run.name": "judge"})]


@pytest.mark.parametrize("how", ["stream", "astream"])
async def test_a_chain_that_is_left_in_the_middle_ends_all_its_spans(how: str, observed: Observed) -> None:
    stream: Any = getattr(greeting("a b c"), how)({"word": "Ni"})
    if how == "stream":
        next(stream)
        stream.close()
    else:
        await anext(stream)
        await stream.aclose()

    # The event loop throws away the generators inside one another in its own time.
    deadline = time.monotonic() + 120
    while len(observed.exporter.get_finished_spans()) < 4:
        assert time.monotonic() < deadline, observed.roots()
        gc.collect()
        await asyncio.sleep(0.005)
    assert observed.one().outline() == ["RunnableSequence", "ChatPromptTemplate", "chat", "StrOutputParser"]
    assert {seen.status for seen in observed.all()} == {"unset"}


def test_states_with_objects_are_told_as_what_they_hold(observed: Observed) -> None:
    from dataclasses import dataclass

    from langchain_core.messages import HumanMessage
    from pydantic import BaseModel

    @dataclass
    class Card:
        said: HumanMessage
        note: str = ""

    class Case(BaseModel):
        cards: list[Any]

    step(lambda x: x).invoke(cast("Any", Case(cards=[Card(HumanMessage("Hello"))])))

    assert observed.one()["sojourn.input"] == {"cards": [{"said": messages(("user", "Hello"))[0], "note": ""}]}


class Several:
    """Compares as an array does: with each of its members, so that the answer is neither yes nor no."""

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = None  # type: ignore[assignment]  # as an array has it

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")

    def __repr__(self) -> str:
        return "[1 2 3]"


def test_a_state_that_holds_an_array_is_told_with_all_the_rest(observed: Observed) -> None:
    from dataclasses import dataclass

    @dataclass
    class Card:
        numbers: Any
        note: str
        nothing: None = None
        none: tuple[str, ...] = ()

    step(lambda x: x).invoke(cast("Any", Card(Several(), "Hello")))

    assert observed.one()["sojourn.output"] == {"numbers": "[1 2 3]", "note": "Hello"}


def test_a_state_that_holds_itself_is_no_fault(observed: Observed) -> None:
    state: dict[str, Any] = {"x": 1}
    state["self"] = state
    step(lambda _: "y").invoke(state)

    assert observed.one()["sojourn.output"] == "y"
