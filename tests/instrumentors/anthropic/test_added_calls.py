"""What observing costs on the caller's thread, in Python-level calls: they do not depend on the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from tests.instrumentors.anthropic.clients import body, client, events, message, streamed
from tests.instrumentors.observed import INSTRUMENTORS
from tests.instrumentors.test_added_calls import ANSWER, MAX_CALL, MAX_CHUNK, MESSAGES, added

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

system, *conversation = MESSAGES
ASKED: dict[str, Any] = {
    "model": "m-1",
    "max_tokens": 64,
    "system": system["content"],
    "messages": conversation,
    "timeout": 20,
}


@pytest.fixture
def provider_of_spans() -> Iterator[TracerProvider]:
    """A provider that records and hands over to a processor which does nothing."""
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SpanProcessor())
    yield made
    _uninstall()


def _uninstall() -> None:
    for instrumentor in INSTRUMENTORS:
        instrumentor.uninstall()


def test_a_call_adds_few_calls(provider_of_spans: TracerProvider) -> None:
    made = client(body(message({"type": "text", "text": ANSWER})))

    found = added(lambda: made.messages.create(**ASKED), provider_of_spans)
    assert found <= MAX_CALL, found


def test_a_chunk_adds_few_calls(provider_of_spans: TracerProvider) -> None:
    def read(words: int) -> Callable[[], Any]:
        told = events(({"type": "text", "text": ""}, [{"type": "text_delta", "text": "word"}] * words))
        made = client(streamed(*told))
        return lambda: list(made.messages.create(**ASKED, stream=True))

    short = added(read(10), provider_of_spans)
    _uninstall()
    long = added(read(110), provider_of_spans)
    assert (long - short) / 100 <= MAX_CHUNK, (short, long)
