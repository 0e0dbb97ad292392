"""What observing costs on the caller's thread, in Python-level calls: they do not depend on the machine."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.prompts import ChatPromptTemplate
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

import sojourn
from sojourn.content import ContentPolicy
from tests.instrumentors.chat_models import chat_openai, step
from tests.instrumentors.observed import INSTRUMENTORS
from tests.instrumentors.openai.bodies import response, said, streamed
from tests.instrumentors.openai.service import Service
from tests.instrumentors.openai.test_media import VECTOR
from tests.instrumentors.provider import completion, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from tests.instrumentors.provider import Provider

ANSWER = "x" * 1500
MESSAGES: Any = [
    {"role": "system", "content": "You are brief."},
    *({"role": role, "content": "some words " * 8} for role in ("user", "assistant", "user", "assistant", "user")),
]
MAX_CALL = 250
MAX_BEHIND = 150
MAX_CHUNK = 8
MAX_SEQUENCE = 1500
MAX_SEQUENCE_BEHIND = 993
"""1.2 times by hand."""


@pytest.fixture
def tracer_provider() -> Iterator[TracerProvider]:
    """A provider that records and hands over to a processor which does nothing: the cost is ours and the SDK's."""
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SpanProcessor())
    yield made
    for instrumentor in INSTRUMENTORS:
        instrumentor.uninstall()


def added(work: Callable[[], Any], tracer_provider: TracerProvider) -> int:
    """Calls with the instrumentors less calls without, both measured when every cache is warm."""
    bare = _calls(work)
    for instrumentor in INSTRUMENTORS:
        instrumentor.install(tracer_provider=tracer_provider, policy=ContentPolicy())
    return _calls(work) - bare


def _calls(work: Callable[[], Any]) -> int:
    work()
    work()
    count = 0

    def see(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    # What the collector happens to call in between is nobody's cost.
    gc.collect()
    gc.disable()
    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


def test_a_chat_call_adds_few_calls(tracer_provider: TracerProvider, provider: Provider) -> None:
    provider.answers = [completion(ANSWER)]
    chat = provider.client().chat.completions

    found = added(lambda: chat.create(model="m-1", messages=MESSAGES, temperature=0.5), tracer_provider)
    assert found <= MAX_CALL, found


def test_a_chat_call_adds_fewer_still_when_our_own_recorder_takes_its_span(provider: Provider) -> None:
    """Its messages are put into words on another thread; by hand such a span takes 148."""
    provider.answers = [completion(ANSWER)]
    chat = provider.client().chat.completions

    def work() -> None:
        chat.create(model="m-1", messages=MESSAGES, temperature=0.5)

    bare = _calls(work)
    sojourn.init()
    try:
        found = _calls(work) - bare
    finally:
        sojourn.shutdown()
    assert found <= MAX_BEHIND, found


def test_a_chunk_adds_few_calls(tracer_provider: TracerProvider, provider: Provider) -> None:
    chat = provider.client().chat.completions

    def read(words: int) -> Callable[[], Any]:
        def work() -> None:
            provider.answers = [pieces(*["word"] * words)]
            list(chat.create(model="m-1", messages=MESSAGES, stream=True))

        return work

    short = added(read(10), tracer_provider)
    for instrumentor in INSTRUMENTORS:
        instrumentor.uninstall()
    long = added(read(110), tracer_provider)
    assert (long - short) / 100 <= MAX_CHUNK, (short, long)


def _sequence(provider: Provider) -> Callable[[], object]:
    """What runs a sequence of LangChain's: seven runs, one of them a call of a model."""
    same = step(lambda x: x)
    prompt: Any = ChatPromptTemplate.from_messages([("user", "{x}")])
    chain = prompt | chat_openai(provider) | same | same | same | same
    return lambda: chain.invoke({"x": "some words"})


def test_a_sequence_of_seven_runs_adds_few_calls(tracer_provider: TracerProvider, provider: Provider) -> None:
    provider.answers = [completion(ANSWER)]
    work = _sequence(provider)

    found = added(work, tracer_provider)
    assert found <= MAX_SEQUENCE, found


def test_a_sequence_adds_fewer_still_when_our_own_recorder_takes_its_spans(provider: Provider) -> None:
    """By hand, by callbacks of LangChain's with the same attributes, it takes 828."""
    provider.answers = [completion(ANSWER)]
    work = _sequence(provider)

    bare = _calls(work)
    sojourn.init()
    try:
        found = _calls(work) - bare
    finally:
        sojourn.shutdown()
    assert found <= MAX_SEQUENCE_BEHIND, found


def test_a_call_for_an_embedding_adds_few_calls(tracer_provider: TracerProvider) -> None:
    """Of 1536 numbers; what they are is nobody's business."""
    embeddings = Service([VECTOR]).client().embeddings

    found = added(lambda: embeddings.create(model="e-1", input="some words", encoding_format="float"), tracer_provider)
    assert found <= MAX_CALL, found


def test_a_response_adds_few_calls(tracer_provider: TracerProvider) -> None:
    responses = Service([response(said(ANSWER))]).client().responses

    found = added(lambda: responses.create(model="m-1", input=MESSAGES, temperature=0.5), tracer_provider)
    assert found <= MAX_CALL, found


def test_an_event_of_a_streamed_response_adds_few_calls(tracer_provider: TracerProvider) -> None:
    *begun, word, done, item, last = streamed(said("word"))

    def read(words: int) -> Callable[[], Any]:
        responses = Service([[*begun, *[word] * words, done, item, last]]).client().responses
        return lambda: list(responses.create(model="m-1", input=MESSAGES, stream=True))

    short = added(read(10), tracer_provider)
    for instrumentor in INSTRUMENTORS:
        instrumentor.uninstall()
    long = added(read(110), tracer_provider)
    assert (long - short) / 100 <= MAX_CHUNK, (short, long)
