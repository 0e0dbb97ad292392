"""Spans belong where the call was made, and nothing stays current in the program's own context."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace

from sojourn.testing import captured
from tests.instrumentors.battery.catalogue import OFFERED, case_name, ways
from tests.instrumentors.battery.stage import Stage, read
from tests.instrumentors.battery.subject import PROMPT

if TYPE_CHECKING:
    from tests.instrumentors.battery.subject import Subject, Way

AT_ONCE = 4
"""Calls that are under way at the same time."""


def parents(stage: Stage) -> dict[str, list[str]]:
    """The names of the spans under each span of the program's own."""
    by_id = {span.context.span_id: span.name for span in stage.spans() if span.context}
    found: dict[str, list[str]] = {}
    for span in stage.spans():
        above = by_id.get(span.parent.span_id, "") if span.parent else ""
        found.setdefault(above, []).append(span.name)
    return found


@ways()
async def test_nothing_is_left_current_in_the_callers_context(subject: Subject, way: Way, stage: Stage) -> None:
    stage.answers(subject, way)
    stage.install(subject)
    client = stage.client(subject, way.asynchronous)
    before = otel_context.get_current()
    value = await way.start(client, subject.asked(PROMPT))

    assert otel_context.get_current() is before
    if way.shape == "stream":
        seen = await _current_while_reading(way, value)
        assert seen == {trace.INVALID_SPAN}
    else:
        await read(way, value)
    assert otel_context.get_current() is before
    assert trace.get_current_span() is trace.INVALID_SPAN


@ways()
async def test_the_span_belongs_to_the_callers_span(subject: Subject, way: Way, stage: Stage) -> None:
    stage.answers(subject, way)
    tracer = stage.install(subject).get_tracer("host")
    with tracer.start_as_current_span("work"):
        await stage.call(subject, way)
    await stage.call(subject, way)

    assert parents(stage) == {"work": [subject.span], "": ["work", subject.span]}


@ways()
async def test_calls_at_once_do_not_mix(subject: Subject, way: Way, stage: Stage) -> None:
    """In tasks for what is asynchronous, else on threads of an executor that are given the caller's context."""
    stage.answers(subject, way)
    tracer = stage.install(subject).get_tracer("host")
    client = stage.client(subject, way.asynchronous)

    async def work(name: str) -> None:
        with tracer.start_as_current_span(name):
            await read(way, await way.start(client, subject.asked(PROMPT)))

    names = [f"work {number}" for number in range(AT_ONCE)]
    if way.asynchronous:
        await asyncio.gather(*[asyncio.create_task(work(name)) for name in names])
    else:
        with ThreadPoolExecutor(AT_ONCE) as executor:
            done = [executor.submit(contextvars.copy_context().run, asyncio.run, work(name)) for name in names]
            await asyncio.to_thread(lambda: [one.result(120) for one in done])

    found = {name: sorted(below) for name, below in parents(stage).items()}
    assert found == {"": sorted(names), **{name: [subject.span] for name in names}}


@ways()
async def test_a_call_on_another_thread_belongs_to_whose_context_it_runs_in(
    subject: Subject, way: Way, stage: Stage
) -> None:
    stage.answers(subject, way)
    tracer = stage.install(subject).get_tracer("host")
    if way.asynchronous:
        with tracer.start_as_current_span("work"):
            task = asyncio.create_task(stage.call(subject, way))
        await task
    else:
        client = stage.client(subject, asynchronous=False)

        def work() -> Any:
            return asyncio.run(_call(way, client, subject))

        with tracer.start_as_current_span("work"):
            # Copies the context, as opposed to an executor of the program's own.
            await asyncio.to_thread(work)
        with tracer.start_as_current_span("bare"), ThreadPoolExecutor(1) as executor:
            executor.submit(work).result(120)

    found = parents(stage)
    assert found["work"] == [subject.span]
    assert "bare" not in found


@pytest.mark.parametrize("subject", OFFERED, ids=case_name)
async def test_a_call_bears_the_session_of_the_program(subject: Subject, stage: Stage) -> None:
    import sojourn

    way = subject.ways[0]
    with captured() as seen:
        sojourn.init(tags=["battery"])
        sojourn.end_session("Success")
        stage.answers(subject, way)
        with sojourn.start_session(tags=["battery"]) as session:
            await stage.call(subject, way)

    span = seen.span(subject.span)
    assert span.session_id == session.session_id


async def _call(way: Way, client: Any, subject: Subject) -> None:
    await read(way, await way.start(client, subject.asked(PROMPT)))


async def _current_while_reading(way: Way, stream: Any) -> set[trace.Span]:
    seen: set[trace.Span] = set()
    if way.asynchronous:
        async for _ in stream:
            seen.add(trace.get_current_span())
    else:
        for _ in stream:
            seen.add(trace.get_current_span())
    return seen
