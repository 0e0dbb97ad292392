"""What recording adds to a model call on the caller's thread, in Python-level calls.

    python benchmarks/calls.py

Calls are counted with `sys.setprofile`: the figure does not depend on the machine, nor on what else runs on it. The
client and the answers are real; they are replayed from memory, since how a socket cuts a stream would count too.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from openai import OpenAI
from opentelemetry.sdk.trace import TracerProvider

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sojourn
from tools.recordings.cassette import replaying
from tools.recordings.exchange import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

    from tools.recordings.exchange import Exchange

WHOLE = "openai/chat_plain"
STREAMED = "openai/chat_async_stream"
NOWHERE = "http://127.0.0.1:9/v1"
RUNS = 5
WARM = 3


def counted(work: Callable[[], None]) -> int:
    """How many Python functions are called while `work` runs, on this thread; the least of some runs."""
    for _ in range(WARM):
        work()
    return min(_count(work) for _ in range(RUNS))


def _count(work: Callable[[], None]) -> int:
    calls = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:  # noqa: ARG001  # the interpreter's signature
        nonlocal calls
        if event == "call":
            calls += 1

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def plain(client: OpenAI, request: dict[str, Any]) -> Callable[[], None]:
    """The call of an exchange, answered whole."""

    def work() -> None:
        client.chat.completions.create(**request)

    return work


def streamed(client: OpenAI, request: dict[str, Any]) -> Callable[[], None]:
    """The call of an exchange, read to its end."""

    def work() -> None:
        deque(cast("Iterable[Any]", client.chat.completions.create(**request)), maxlen=0)

    return work


def by_hand(exchange: Exchange) -> Callable[[], None]:
    """The span that a careful person would write around the plain call."""
    tracer = TracerProvider().get_tracer("by hand")
    request, answer = exchange.request, exchange.answer

    def work() -> None:
        with tracer.start_as_current_span(f"chat {request['model']}") as span:
            span.set_attribute("request.model", request["model"])
            span.set_attribute("request.max_tokens", request["max_tokens"])
            span.set_attribute("response.model", answer["model"])
            span.set_attribute("response.id", answer["id"])
            span.set_attribute("response.finish_reasons", (answer["choices"][0]["finish_reason"],))
            span.set_attribute("usage.input", answer["usage"]["prompt_tokens"])
            span.set_attribute("usage.output", answer["usage"]["completion_tokens"])
            span.set_attribute("input", json.dumps(request["messages"]))
            span.set_attribute("output", json.dumps(answer["choices"][0]["message"]))

    return work


def main() -> None:
    """Measure and print."""
    [whole], [stream] = load(WHOLE), load(STREAMED)
    chunks = len(stream.chunks)
    with tempfile.TemporaryDirectory() as home, OpenAI(base_url=NOWHERE, api_key="replayed", max_retries=0) as client:
        os.environ |= {"SOJOURN_HOME": home, "SOJOURN_SUMMARY": "off"}
        works = {WHOLE: plain(client, whole.request), STREAMED: streamed(client, stream.request)}
        before = {name: replayed(name, work) for name, work in works.items()}
        sojourn.init()
        after = {name: replayed(name, work) for name, work in works.items()}
        sojourn.end_session("Success")
        sojourn.shutdown()
    added = {name: after[name] - before[name] for name in works}
    print(f"a span by hand                  {counted(by_hand(whole)):6} calls")
    print(f"added to a plain chat call      {added[WHOLE]:6} calls")
    print(
        f"added to a streamed chat call   {added[STREAMED]:6} calls   ({chunks} chunks, "
        f"{(added[STREAMED] - added[WHOLE]) / chunks:.1f} a chunk beyond the plain call)"
    )


def replayed(name: str, work: Callable[[], None]) -> int:
    """`counted`, with the provider's answers from a cassette."""
    with replaying(name, again=True):
        return counted(work)


if __name__ == "__main__":
    main()
