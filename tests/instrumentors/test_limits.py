"""Limits are asked before a call of a model leaves: what is refused never reaches the provider."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import HumanMessage

import sojourn
from sojourn import limits
from sojourn.limits import Limits
from sojourn.meter import Meter
from sojourn.tally import Tally
from tests.core.journalled import read_home
from tests.instrumentors.chat_models import chat_openai
from tests.instrumentors.modes import HELLO, MODES, STREAMS, Mode, ask
from tests.instrumentors.openai.bodies import run
from tests.instrumentors.openai.service import Service
from tests.instrumentors.provider import Provider, completion, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_client(home: object) -> Iterator[None]:  # the home must outlive the client
    yield
    sojourn.shutdown()


def answering(mode: Mode, provider: Provider) -> None:
    provider.answers = [pieces("Ni") if mode in STREAMS else completion("Ni")]


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_beyond_the_limit_raises_before_its_request_is_sent(mode: Mode, provider: Provider) -> None:
    answering(mode, provider)
    session = sojourn.init(max_calls=2)
    await ask(mode, provider)
    await ask(mode, provider)

    with pytest.raises(sojourn.LimitReached, match="max_calls=2 is reached: 2 model calls") as caught:
        await ask(mode, provider)

    assert len(provider.requests) == 2
    assert (caught.value.limit, caught.value.maximum, caught.value.reached) == ("max_calls", 2, 2)
    assert caught.value.session_id == session.session_id


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_of_an_assistant_is_asked_about_before_it_begins() -> None:
    """Its model works with the provider, and is told of by a later call: too late to refuse it."""
    service = Service([run("queued", id="run_limited")])
    runs = service.client().beta.threads.runs
    sojourn.init(max_calls=1)
    runs.create("thread_1", assistant_id="asst_1")

    with pytest.raises(sojourn.LimitReached, match="max_calls=1 is reached"):
        runs.create("thread_1", assistant_id="asst_1")
    assert runs.retrieve("run_limited", thread_id="thread_1").status == "queued"


@pytest.mark.parametrize("mode", MODES)
async def test_tokens_count_when_a_call_has_ended(mode: Mode, provider: Provider) -> None:
    answering(mode, provider)
    sojourn.init(max_tokens=18)
    await ask(mode, provider)

    with pytest.raises(sojourn.LimitReached, match="max_tokens=18 is reached: 18 tokens"):
        await ask(mode, provider)
    assert len(provider.requests) == 1


def test_cost_is_looked_up(provider: Provider) -> None:
    provider.answers = [completion() | {"model": "gpt-4o"}]
    sojourn.init(max_cost=0.00001)
    client = provider.client()
    client.chat.completions.create(model="gpt-4o", messages=HELLO)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # plain dicts

    with pytest.raises(sojourn.LimitReached, match=r"max_cost=0\.00001 is reached: 0\.0000"):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # as above
    assert len(provider.requests) == 1


async def test_an_unknown_price_counts_as_nothing_and_is_said_once(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    sojourn.init(max_cost=0.01)
    for _ in range(3):
        await ask("whole", provider)

    assert len(provider.requests) == 3
    said = [record.getMessage() for record in caplog.records if "no known price" in record.getMessage()]
    assert len(said) == 1


async def test_a_warning_is_said_once_and_calls_go_on(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    sojourn.init(max_calls=1, on_limit="warn")
    for _ in range(3):
        await ask("whole", provider)

    assert len(provider.requests) == 3
    warned = [record for record in caplog.records if "max_calls=1" in record.getMessage()]
    assert [record.levelno for record in warned] == [logging.WARNING]


async def test_a_function_decides_and_what_it_raises_reaches_the_program(provider: Provider) -> None:
    told: list[sojourn.LimitReached] = []

    def decide(reached: sojourn.LimitReached) -> None:
        told.append(reached)
        if len(told) == 2:
            raise KeyError("enough")

    sojourn.init(max_calls=1, on_limit=decide)
    await ask("whole", provider)
    await ask("whole", provider)

    with pytest.raises(KeyError, match="enough"):
        await ask("whole", provider)
    assert [reached.reached for reached in told] == [1, 2]
    assert len(provider.requests) == 2


async def test_a_function_may_call_a_model_itself(provider: Provider) -> None:
    def summarise(_: sojourn.LimitReached) -> None:
        provider.client().chat.completions.create(model="m-1", messages=[])

    sojourn.init(max_calls=0, on_limit=summarise)
    await ask("whole", provider)

    assert len(provider.requests) == 2


async def test_calls_at_the_same_time_do_not_slip_through_together(provider: Provider) -> None:
    sojourn.init(max_calls=3)

    results = await asyncio.gather(*(ask("async whole", provider) for _ in range(10)), return_exceptions=True)

    assert len(provider.requests) == 3
    assert sum(isinstance(result, sojourn.LimitReached) for result in results) == 7


async def test_each_session_has_its_own_limit(provider: Provider) -> None:
    sojourn.init(max_calls=1)
    await ask("whole", provider)
    with sojourn.start_session(max_calls=2):
        await ask("whole", provider)
        await ask("whole", provider)
        with pytest.raises(sojourn.LimitReached):
            await ask("whole", provider)
    with pytest.raises(sojourn.LimitReached):
        await ask("whole", provider)

    assert len(provider.requests) == 3


async def test_a_call_recorded_by_hand_counts(provider: Provider) -> None:
    session = sojourn.init(max_calls=2)
    session.record(sojourn.LLMEvent(model="local", prompt="Hi", completion="Hello"))
    await ask("whole", provider)

    with pytest.raises(sojourn.LimitReached):
        await ask("whole", provider)


def test_a_chain_is_asked_once_for_each_call_of_a_model(provider: Provider) -> None:
    session = sojourn.init(max_calls=2)
    model = chat_openai(provider)
    model.invoke("Hello")
    model.invoke("Hello")

    with pytest.raises(sojourn.LimitReached):
        model.invoke("Hello")
    assert len(provider.requests) == 2
    assert session.get_analytics()["LLM calls"] == 2


async def test_a_model_that_only_the_framework_sees_is_limited_too(home: Path) -> None:
    sojourn.init(max_calls=1)
    model = FakeListChatModel(responses=["Ni"])
    await model.ainvoke("Hello")

    with pytest.raises(sojourn.LimitReached):
        model.invoke("Hello")
    with pytest.raises(sojourn.LimitReached):
        await model.ainvoke("Hello")
    sojourn.flush(0)
    assert len(read_home(home).spans) == 1


def test_a_batch_of_which_one_is_refused_leaves_nothing_open(home: Path) -> None:
    sojourn.init(max_calls=1)
    model = FakeListChatModel(responses=["Ni"])

    with pytest.raises(sojourn.LimitReached):
        model.generate([[HumanMessage("a")], [HumanMessage("b")]])

    sojourn.flush(0)
    assert [span.status.code for span in read_home(home).spans] == [2]


def test_without_a_limit_nobody_is_asked() -> None:
    def asked() -> bool:
        return limits.ask is not None

    sojourn.init()
    assert not asked()
    sojourn.init(max_calls=1)
    assert asked()
    sojourn.shutdown()
    assert not asked()


def test_a_second_init_changes_the_limits_of_the_running_session(provider: Provider) -> None:
    sojourn.init(max_calls=0)
    sojourn.init(max_calls=1)
    provider.client().chat.completions.create(model="m-1", messages=[])

    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"max_calls": -1}, ValueError),
        ({"max_calls": 1.5}, TypeError),
        ({"max_tokens": True}, TypeError),
        ({"max_cost": "1"}, TypeError),
        ({"max_cost": float("nan")}, ValueError),
        ({"on_limit": "explode"}, ValueError),
        ({"max_call": 1}, TypeError),
    ],
)
def test_a_limit_that_is_none_is_refused_in_words(option: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(option))):
        sojourn.init(**option)
    assert sojourn.current_session() is None


def test_a_meter_knows_its_process_only() -> None:
    meter = Meter(Limits(max_calls=1), "s", Tally())
    meter.admit()

    with pytest.raises(sojourn.LimitReached):
        meter.admit()
    Meter(Limits(max_calls=1), "s", Tally()).admit()
