"""The call behaves as if nobody looked: what it gives, and what goes over the wire."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from tests.instrumentors.battery.catalogue import SUBJECTS, case_name, ways
from tests.instrumentors.battery.stage import read
from tests.instrumentors.battery.subject import PROMPT

if TYPE_CHECKING:
    from tests.instrumentors.battery.stage import Stage
    from tests.instrumentors.battery.subject import Subject, Way

ODDITIES = [(subject, name) for subject in SUBJECTS for name in subject.oddities]


def shape_of(value: Any) -> Any:
    """The type of a value and the names that it has, to be compared with those of another one."""
    # Private to the observed stream: what stands in place of the iterator, and one response's own `close`.
    return type(value), sorted(name for name in dir(value) if not name.startswith("__"))


def plainly(subject: Subject, parts: list[Any]) -> list[Any]:
    return parts if subject.plain is None else [subject.plain(part) for part in parts]


@ways()
async def test_the_result_is_what_it_would_be(subject: Subject, way: Way, stage: Stage) -> None:
    stage.answers(subject, way)
    bare = await stage.start(subject, way)
    bare_shape, bare_parts = shape_of(bare), await read(way, bare)
    stage.install(subject)
    watched = await stage.start(subject, way)

    assert shape_of(watched) == bare_shape
    parts = await read(way, watched)
    assert [type(part) for part in parts] == [type(part) for part in bare_parts]
    assert _comparable(subject, parts) == _comparable(subject, bare_parts)
    assert [span.name for span in stage.spans()] == [subject.span]


@ways(lambda way: way.shape == "manager")
async def test_what_a_manager_gives_on_entry_is_what_it_would_be(subject: Subject, way: Way, stage: Stage) -> None:
    stage.answers(subject, way)
    entered: list[Any] = []
    for observed in (False, True):
        if observed:
            stage.install(subject)
        manager = await stage.start(subject, way)
        if way.asynchronous:
            async with manager as stream:
                entered.append(shape_of(stream))
        else:
            with manager as stream:
                entered.append(shape_of(stream))

    assert entered[0] == entered[1]


@ways()
async def test_the_request_is_the_same_to_the_byte(subject: Subject, way: Way, stage: Stage) -> None:
    """No header, no option and no trace context of ours goes to a third party."""
    stage.answers(subject, way)
    await stage.call(subject, way)
    provider = stage.install(subject)
    with provider.get_tracer("host").start_as_current_span("work"):
        await stage.call(subject, way)

    bare, watched = stage.wire.requests
    assert watched == bare


@pytest.mark.parametrize(("subject", "name"), ODDITIES, ids=case_name)
async def test_odd_arguments_reach_the_provider_untouched(subject: Subject, name: str, stage: Stage) -> None:
    """A generator is read once, by the client; what the client refuses it refuses in the same words."""
    for way in _unlike(subject):
        stage.answers(subject, way)
        stage.wire.requests.clear()
        bare = await _outcome(stage, subject, way, name)
        sent = list(stage.wire.requests)
        stage.wire.requests.clear()
        stage.install(subject)

        assert await _outcome(stage, subject, way, name) == bare, way
        assert stage.wire.requests == sent, way
        stage.uninstall()


@pytest.mark.parametrize("subject", [one for one in SUBJECTS if one.has("positional")], ids=case_name)
async def test_positional_arguments_are_seen_as_well(subject: Subject, stage: Stage) -> None:
    assert subject.positional is not None
    stage.install(subject)
    stage.wire.answers = [subject.answer("{}")]
    value = subject.positional(stage.client(subject, False), subject.asked(PROMPT))
    if inspect.isawaitable(value):
        await value

    span = stage.one()
    assert span.name == subject.span
    assert PROMPT in span.to_json()


def _unlike(subject: Subject) -> list[Way]:
    """The first way of each kind that takes the same arguments."""
    first: dict[tuple[str, bool], Way] = {}
    for way in subject.ways:
        if way.shape in ("value", "stream") and not way.parses:
            first.setdefault((way.shape, way.asynchronous), way)
    return list(first.values())


async def _outcome(stage: Stage, subject: Subject, way: Way, name: str) -> Any:
    """What a call gives, or how it fails."""
    try:
        return _comparable(subject, await stage.call(subject, way, subject.oddities[name]()))
    except Exception as error:
        # Without what differs from call to call: addresses of objects.
        return type(error), str(error).partition(" at 0x")[0]


def _comparable(subject: Subject, parts: list[Any]) -> list[Any]:
    return [_plain(part) for part in plainly(subject, parts)]


def _plain(part: Any) -> Any:
    # Events of helpers are no values, and have no equality; their words have.
    return part if part.__class__ in (bytes, str, dict) else repr(part)
