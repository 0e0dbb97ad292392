"""What was said is let go with its span, and what the library made goes as soon as it would without us."""

from __future__ import annotations

import copy
import gc
import pickle
import socket
import weakref
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from sojourn.content import ContentPolicy
from sojourn_instrumentors._formats import realtime
from sojourn_instrumentors._kit import Fields, Generation, Turns
from sojourn_instrumentors._kit.observation import Observation, Tracing
from sojourn_instrumentors._kit.streams import watch_close, watched
from tests.instrumentors.chat_models import chat_openai, fake_chat, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.runnables import RunnableConfig

    from tests.instrumentors.observed import Observed
    from tests.instrumentors.provider import Provider


def tracing(policy: ContentPolicy | None = None) -> Tracing:
    return Tracing(trace.NoOpTracerProvider().get_tracer("t"), policy or ContentPolicy())


def ignore(_part: Any, _gen: Generation) -> None:
    """This stream says nothing."""


def observations() -> list[Observation]:
    """All that there are in this process, whichever test made them."""
    gc.collect()
    objects: list[object] = gc.get_objects()
    # Not `isinstance`: what stands for an object that is gone is asked for its class then, and raises.
    return [one for one in objects if type(one) is Observation]


def kept(others: list[Observation]) -> list[Any]:
    """What records of calls and steps still hold of what was said; what other tests left is not looked at."""
    return [
        said
        for one in observations()
        if one not in others
        for said in (getattr(one.record, name, None) for name in ("inputs", "outputs", "taken", "given", "failure"))
        if said
    ]


def test_a_call_that_ended_holds_nothing_that_was_said(observed: Observed, provider: Provider) -> None:
    """The claim of a framework's call stays in the program's context, and with it the observation."""
    others = observations()
    (step(lambda _: "secret") | chat_openai(provider)).invoke("x")

    assert observed.one()
    assert kept(others) == []


def test_a_stream_that_was_left_forgets_how_it_was_watched(observed: Observed) -> None:
    """A plain response is no part of a cycle: it closes its connection when the last reference to it is gone."""
    del observed
    near, far = socket.socketpair()
    with near, far:
        response = HTTPResponse(near)
        observation = Observation(tracing(), Generation(), SpanKind.CLIENT, otel_context.get_current())
        reader = watched(iter(["a"]), observation, Generation(), ignore)
        reader.unhear = watch_close(response, observation, reader)
        assert vars(response)["close"]

        gone = weakref.ref(response)
        gc.disable()
        try:
            del reader, response
            assert gone() is None
        finally:
            gc.enable()


@pytest.mark.parametrize("policy", [ContentPolicy(), ContentPolicy("off")])
def test_a_long_talk_keeps_only_what_was_said_since_the_last_answer(policy: ContentPolicy) -> None:
    turns = Turns(tracing(policy))
    realtime.open_connection(object(), turns)
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "secret"}]}
    for number in range(3):
        realtime.say_realtime({"type": "conversation.item.create", "item": item}, turns)
        assert len(turns.state["items"]) == (policy.capture != "off")
        realtime.say_realtime({"type": "response.create"}, turns)
        answered = {"type": "response.done", "response": Fields({"id": f"r{number}", "status": "completed"})}
        realtime.hear_realtime(answered, turns)
    assert turns.state["items"] == []


def sent_along(config: Any) -> Any:
    return pickle.loads(pickle.dumps(config))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, sent_along])
def test_a_configuration_can_be_copied_and_sent_along(copied: Callable[[Any], Any], observed: Observed) -> None:
    """It holds our listener, which is itself in every copy: what is run with one is told once."""
    inner = step(lambda x: x).with_config(run_name="inner")

    def work(x: str, config: RunnableConfig) -> Any:
        return inner.invoke(x, copied(config))

    RunnableLambda(work).invoke("x")

    assert observed.one().outline() == ["work", "inner"]


def test_a_configuration_outlives_the_instrumentors(observed: Observed) -> None:
    """A copy that is made when nobody listens any more does nothing, and does not fail."""
    made: list[bytes] = []

    def work(x: str, config: RunnableConfig) -> str:
        made.append(pickle.dumps(config))
        return x

    RunnableLambda(work).invoke("x")
    observed.uninstall()

    assert fake_chat("Ni").invoke("x", pickle.loads(made[0])).text == "Ni"
    assert len(observed.all()) == 1
