"""Spans by hand, as programs of AgentMark open them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import sojourn
from sojourn import SpanKind, SpanOptions, observe, semconv, span, span_context, span_context_sync, with_agentmark
from tests.core.journalled import read_home
from tests.core.recorded import Seen, steps

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path


async def test_span_calls_a_function_and_returns_its_result_and_trace(home: Path) -> None:
    sojourn.init()

    async def work(n: int, *, by: int) -> int:
        async with span_context("inner") as context:
            context.set_output({"n": n})
        return n * by

    done = await span(SpanOptions("work", metadata={"k": "v"}, user_id="u", prompt_name="p"), work, 2, by=3)

    assert done.result == 6
    [root] = steps(home)
    assert root.trace == done.trace_id
    assert root == Seen(
        "work",
        {semconv.METADATA_PREFIX + "k": "v", semconv.USER_ID: "u", semconv.PROMPT_NAME: "p"},
        children=[Seen("inner", {semconv.OUTPUT: '{"n":2}', semconv.USER_ID: "u"})],
    )


def test_span_without_a_function_is_a_context_manager(home: Path) -> None:
    sojourn.init()
    with span("outer") as outer:
        outer.set_input({"q": 1})
        outer.set_attribute("mine", True)
        outer.add_event("noticed", {"n": 1})
        with outer.span("child", metadata={"m": 2}) as child:
            assert child.trace_id == outer.trace_id
            assert child.span_id != outer.span_id

    assert steps(home) == [
        Seen(
            "outer",
            {semconv.INPUT: '{"q":1}', "mine": True},
            children=[Seen("child", {semconv.METADATA_PREFIX + "m": 2})],
        )
    ]
    [event] = read_home(home).spans[1].events
    assert event.name == "noticed"


async def test_a_function_that_raises_fails_its_span_and_raises_the_same(home: Path) -> None:
    sojourn.init()
    error = RuntimeError("no")

    async def fail() -> None:
        raise error

    with pytest.raises(RuntimeError) as caught:
        await span("failing", fail)

    assert caught.value is error
    [seen] = steps(home)
    assert seen.failed
    assert seen.facts == {semconv.ERROR_TYPE: "RuntimeError"}


def test_a_session_named_by_a_span_holds_everything_inside_it(home: Path) -> None:
    own = sojourn.init()
    for _ in range(2):
        with span_context_sync(SpanOptions("turn", session_id="conversation-7", session_name="Seven")), span("below"):
            pass
    with span("outside"):
        pass

    turn, _, outside = steps(home)
    assert (turn.session, turn.children[0].session, outside.session) == (
        "conversation-7",
        "conversation-7",
        own.session_id,
    )
    named = [told for told in read_home(home).named(semconv.SESSION_UPDATE) if semconv.SESSION_NAME in told]
    assert [(told[semconv.SESSION_ID], told[semconv.SESSION_NAME]) for told in named] == [("conversation-7", "Seven")]


def test_a_grouping_scope_is_told_to_every_span_inside_and_the_inner_one_wins(home: Path) -> None:
    sojourn.init()
    with with_agentmark(session_id="s", user_id="u", tags=["a"], metadata={"k": {"deep": 1}, "none": None}):
        with with_agentmark(user_id="v", trace_name="t", tags=[]):
            sojourn.record(sojourn.ActionEvent("inner"))
        with span("outer"):
            pass
    with span("after"):
        pass

    inner, outer, after = steps(home)
    group = {semconv.TAGS: ["a"], semconv.METADATA_PREFIX + "k": '{"deep":1}'}
    assert inner.facts == {semconv.KIND: "action", semconv.USER_ID: "v", semconv.TRACE_NAME: "t", **group}
    assert outer.facts == {semconv.USER_ID: "u", **group}
    assert outer.session == "s"
    assert after.facts == {}


async def test_grouping_scopes_of_concurrent_tasks_stay_apart(home: Path) -> None:
    sojourn.init()

    async def serve(user: str) -> None:
        with with_agentmark(user_id=user):
            await asyncio.sleep(0)
            with span(user):
                await asyncio.sleep(0)

    await asyncio.gather(serve("a"), serve("b"))

    assert [(seen.name, seen.facts[semconv.USER_ID]) for seen in steps(home)] == [("a", "a"), ("b", "b")]


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (SpanKind.FUNCTION, {semconv.KIND: "chain"}),
        (SpanKind.LLM, {semconv.OPERATION: "chat"}),
        ("agent", {semconv.OPERATION: "invoke_agent", semconv.AGENT_NAME: "ask"}),
        (SpanKind.RETRIEVAL, {semconv.OPERATION: "retrieval"}),
        (SpanKind.EMBEDDING, {semconv.OPERATION: "embeddings"}),
        (SpanKind.GUARDRAIL, {semconv.KIND: "guardrail", semconv.GUARDRAIL_NAME: "ask"}),
    ],
)
def test_observed_functions_are_of_their_kind(home: Path, kind: SpanKind | str, facts: dict[str, Any]) -> None:
    sojourn.init()

    @observe(kind=kind, capture_input=False)
    def ask() -> int:
        return 1

    ask()

    [seen] = steps(home)
    assert seen.facts == {**facts, semconv.OUTPUT: "1"}


async def test_observed_generators_join_their_texts(home: Path) -> None:
    sojourn.init()

    @observe
    def texts() -> Generator[str, None, None]:
        yield "a"
        yield "b"

    @observe(name="items")
    async def items() -> AsyncGenerator[int, None]:
        yield 1
        yield 2

    assert list(texts()) == ["a", "b"]
    assert [item async for item in items()] == [1, 2]

    assert [seen.facts[semconv.OUTPUT] for seen in steps(home)] == ['"ab"', "[1,2]"]


def test_what_a_process_function_takes_out_is_never_recorded_even_when_it_fails(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sojourn.init()

    def without_key(inputs: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in inputs.items() if name != "key"}

    def broken(value: object) -> object:
        raise LookupError(value)

    @observe(process_inputs=without_key, process_outputs=broken)
    def call(key: str, query: str) -> str:
        return key

    assert call("secret", "tea") == "secret"

    [seen] = steps(home)
    assert seen.facts == {semconv.KIND: "chain", semconv.INPUT: '{"query":"tea"}'}
    assert "secret" not in caplog.text


def test_content_off_leaves_none_of_it_on_steps(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_CAPTURE_CONTENT", "off")
    sojourn.init()

    @observe
    def call(text: str) -> str:
        raise ValueError(text)

    with pytest.raises(ValueError, match="canary"):
        call("canary-1")
    with span(SpanOptions("s", dataset_input="canary-2")) as context:
        context.set_input("canary-3")
    sojourn.flush(0)

    for path in (home / "journal").iterdir():
        assert b"canary" not in path.read_bytes()


def test_misuse_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match="name or SpanOptions, not int"):
        span(7)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]  # the point
    with pytest.raises(ValueError, match="'input' or 'output'"):
        sojourn.guardrail(spec="both")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]  # the point
