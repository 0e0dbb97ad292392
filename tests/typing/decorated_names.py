"""Decorated programs as users write them. Nothing runs here: mypy and pyright read it in `make check`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

import sojourn
from sojourn import SpanContext, SpanKind, SpanOptions, SpanResult


@sojourn.agent
class Writer:
    """A class stays the class that it was."""

    def __init__(self, name: str) -> None:
        self.name = name

    @sojourn.operation
    def draft(self, topic: str, *, words: int = 10) -> str:
        """Without parentheses."""
        return topic * words

    @sojourn.task(name="check", version=2, tags=["a"])
    async def check(self, text: str) -> bool:
        """With options."""
        return bool(text)


@sojourn.tool(cost=0.1)
def search(query: str) -> list[str]:
    """A tool with a cost."""
    return [query]


@sojourn.guardrail(spec="output")
def allowed(text: str) -> bool:
    """A guardrail."""
    return bool(text)


@sojourn.trace
async def turn(question: str) -> AsyncIterator[str]:
    """A trace over an async generator."""
    yield question


@sojourn.record_action("count")
def count(n: int) -> Iterator[int]:
    """A generator."""
    yield from range(n)


@sojourn.observe(kind=SpanKind.TOOL, process_inputs=lambda inputs: inputs)
async def observed(n: int) -> float:
    """An observed function."""
    return n / 2


@sojourn.observe
def plainly(n: int) -> str:
    """Without parentheses."""
    return str(n)


@sojourn.session
@sojourn.track_agent("Helper")
def helped(n: int) -> int:
    """Two decorators."""
    return n


async def uses(session: sojourn.Session) -> None:
    """Everything keeps its type."""
    writer = Writer("w")
    assert_type(writer, Writer)
    assert_type(writer.draft("tea", words=2), str)
    assert_type(await writer.check("tea"), bool)
    assert_type(search("tea"), list[str])
    assert_type(allowed("tea"), bool)
    assert_type(turn("why"), AsyncIterator[str])
    assert_type(count(3), Iterator[int])
    assert_type(await observed(1), float)
    assert_type(plainly(1), str)
    assert_type(helped(1), int)
    assert_type(session.patch(search)("tea"), list[str])
    assert_type(await sojourn.span(SpanOptions("s"), observed, 1), SpanResult[float])
    with sojourn.span("s") as context:
        assert_type(context, SpanContext)
    async with sojourn.span_context("s") as inner:
        assert_type(inner.trace_id, str)
    with sojourn.start_trace("t", tags={"k": 1}) as trace:
        assert_type(trace, sojourn.TraceContext)
    sojourn.end_trace(trace, sojourn.SUCCESS)


def other_misuse() -> None:
    """What the checkers catch."""
    search(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # no text
    sojourn.guardrail(spec="both")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]  # no spec
    sojourn.init(max_wait_tim=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]  # no option
