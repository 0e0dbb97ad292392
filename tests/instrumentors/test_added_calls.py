"""What observing costs on the caller's thread, in Python-level calls: they do not depend on the machine."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.prompts import ChatPromptTemplate
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from sojourn.content import ContentPolicy
from tests.instrumentors.chat_models import chat_openai, step
from tests.instrumentors.observed import INSTRUMENTORS
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
MAX_CHUNK = 8
MAX_SEQUENCE = 1500


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


def test_a_sequence_of_seven_runs_adds_few_calls(tracer_provider: TracerProvider, provider: Provider) -> None:
    provider.answers = [completion(ANSWER)]
    same = step(lambda x: x)
    prompt: Any = ChatPromptTemplate.from_messages([("user", "{x}")])
    chain = prompt | chat_openai(provider) | same | same | same | same

    def work() -> None:
        chain.invoke({"x": "some words"})

    found = added(work, tracer_provider)
    assert found <= MAX_SEQUENCE, found
