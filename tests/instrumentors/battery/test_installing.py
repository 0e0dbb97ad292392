"""How an instrumentor comes and goes, what it says of itself, and what its own faults cost: nothing."""

from __future__ import annotations

import inspect
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from sojourn import faults
from sojourn.content import ContentPolicy
from sojourn_instrumentors._kit import Bridge, Instrumentor, Patch, Runs, Target
from sojourn_instrumentors._kit.patch import MissingTarget, find
from tests.instrumentors.battery.catalogue import SUBJECTS, WAYS, case_name, ways

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.instrumentors.battery.stage import Stage
    from tests.instrumentors.battery.subject import Subject, Way

each_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=case_name)
READERS = ("request", "content", "response", "chunk", "failure")
"""The functions of an operation, which a patch calls."""
REPORTS = ("start_call", "streamed", "end")
"""What a bridge's listener calls when a model is called."""


def readers(subject: Subject) -> tuple[str, ...]:
    bridged = any(isinstance(hook, Bridge) for hook in subject.instrumentor.hooks)
    return REPORTS if bridged else READERS


PLACES = [(place, subject, way) for subject, way in WAYS for place in readers(subject)]


def places(subject: Subject) -> Sequence[object]:
    """What stands at the places that an instrumentor holds."""
    if subject.looks is not None:
        return subject.looks()
    found: list[object] = []
    for hook in subject.instrumentor.hooks:
        # What older or newer releases have is not there in this one.
        with suppress(MissingTarget):
            found.append(inspect.getattr_static(*find(hook.target)))
    return found


def same(these: Sequence[object], those: Sequence[object]) -> bool:
    return len(these) == len(those) and all(one is other for one, other in zip(these, those, strict=True))


@each_subject
def test_uninstalling_restores_what_was_there(subject: Subject, stage: Stage) -> None:
    before = places(subject)
    stage.install(subject)
    held = places(subject)
    stage.uninstall()

    assert not same(held, before)
    assert same(places(subject), before)
    assert {target.state for target in subject.instrumentor.targets()} == {"waiting"}


@each_subject
def test_what_stands_there_looks_as_it_did(subject: Subject, stage: Stage) -> None:
    before = places(subject)
    stage.install(subject)
    for ours, theirs in zip(places(subject), before, strict=False):
        if callable(theirs) and subject.looks is None:
            assert inspect.signature(ours) == inspect.signature(theirs)  # type: ignore[arg-type]  # both are functions
            assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)
            assert getattr(ours, "__qualname__", "") == getattr(theirs, "__qualname__", "")
            assert getattr(ours, "__doc__", "") == getattr(theirs, "__doc__", "")


@ways()
async def test_installing_twice_observes_once(subject: Subject, way: Way, stage: Stage) -> None:
    stage.answers(subject, way)
    provider = stage.install(subject)
    held = places(subject)
    subject.instrumentor.install(tracer_provider=provider, policy=ContentPolicy())
    await stage.call(subject, way)

    assert same(places(subject), held)
    assert len(stage.spans()) == 1


@ways()
async def test_after_uninstalling_nothing_is_recorded_not_even_by_an_open_stream(
    subject: Subject, way: Way, stage: Stage
) -> None:
    stage.answers(subject, way)
    stage.install(subject)
    await stage.call(subject, way)
    stage.uninstall()
    await stage.call(subject, way)

    assert len(stage.spans()) == 1


@each_subject
async def test_a_place_that_a_release_moved_is_reported_and_stops_no_other(subject: Subject, stage: Stage) -> None:
    found = subject.instrumentor.hooks
    first = found[0]
    module = first.target.partition(":")[0]
    moved = [
        replace(hook, target=target)
        for hook in found
        if isinstance(hook, Patch)
        for target in (f"{module}:Gone.gone", f"{module}.gone:Gone.gone")
    ]
    if not moved:

        def listen(_: Runs) -> Any:
            raise ImportError(f"no module named {module}.gone")

        moved = [Bridge(f"{module}.gone:register", listen, lambda: None)]  # type: ignore[list-item]  # hooks of any kind
    way = subject.ways[0]
    stage.answers(subject, way)
    stage.install(subject)
    untouched = subject.instrumentor.targets()
    stage.uninstall()
    instrumentor = Instrumentor(subject.instrumentor.library, subject.instrumentor.requires, (*moved, *found))
    instrumentor.install(tracer_provider=stage.provider(), policy=ContentPolicy())
    try:
        await stage.call(subject, way)
        states = instrumentor.targets()
    finally:
        instrumentor.uninstall()

    assert [target.state for target in states[: len(moved)]] == ["missing"] * len(moved)
    assert all("gone" in target.detail.lower() for target in states[: len(moved)])
    assert states[len(moved) :] == untouched
    assert Target(found[0].target, "patched") in untouched
    assert len(stage.spans()) == 1


@each_subject
async def test_a_release_that_is_too_old_is_left_alone_and_said(subject: Subject, stage: Stage) -> None:
    distribution = subject.instrumentor.requires.partition(">=")[0].strip()
    instrumentor = Instrumentor(subject.instrumentor.library, f"{distribution} >= 999", subject.instrumentor.hooks)
    way = subject.ways[0]
    stage.answers(subject, way)
    instrumentor.install(tracer_provider=stage.provider(), policy=ContentPolicy())
    await stage.call(subject, way)

    assert {target.state for target in instrumentor.targets()} == {"unsupported"}
    assert all(f"needs {distribution} >= 999, found " in target.detail for target in instrumentor.targets())
    assert not stage.spans()


@pytest.mark.parametrize(("place", "subject", "way"), PLACES, ids=case_name)
async def test_a_fault_in_a_reader_of_ours_never_reaches_the_call(
    place: str, subject: Subject, way: Way, stage: Stage
) -> None:
    """Each function of a module is broken in turn, as a bug of ours would break it."""
    await _call_as_if_bare(_planted(subject, place), subject, way, stage, stage.provider())


@each_subject
async def test_a_fault_of_ours_is_raised_under_test(subject: Subject, stage: Stage) -> None:
    planted = _planted(subject, readers(subject)[0])
    way = subject.ways[0]
    stage.answers(subject, way)
    planted.install(tracer_provider=stage.provider(), policy=ContentPolicy())
    try:
        with pytest.raises(ZeroDivisionError, match="planted"):
            await stage.call(subject, way)
    finally:
        planted.uninstall()


class _Broken(SpanProcessor):
    """A processor of the host's that fails at one of its moments."""

    def __init__(self, moment: str) -> None:
        self._moment = moment

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self._fail("on_start")

    def on_end(self, span: Any) -> None:
        self._fail("on_end")

    def _fail(self, moment: str) -> None:
        if moment == self._moment:
            raise ZeroDivisionError("planted")


@ways()
@pytest.mark.parametrize("moment", ["on_start", "on_end"])
async def test_a_broken_processor_never_reaches_the_call(moment: str, subject: Subject, way: Way, stage: Stage) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(_Broken(moment))
    await _call_as_if_bare(subject.instrumentor, subject, way, stage, provider)


async def _call_as_if_bare(
    instrumentor: Instrumentor, subject: Subject, way: Way, stage: Stage, provider: TracerProvider
) -> None:
    """Both a call that goes well and one that fails are as they were without us."""
    faults.raise_them(False)
    logging.getLogger("sojourn").addFilter(_silent)
    stage.uninstall()
    stage.answers(subject, way)
    bare = await stage.call(subject, way)
    instrumentor.install(tracer_provider=provider, policy=ContentPolicy())
    try:
        parts = await stage.call(subject, way)
        stage.wire.answers = [subject.refusal("no rivers")]
        with pytest.raises(subject.refused):
            await stage.call(subject, way)
    finally:
        instrumentor.uninstall()
        logging.getLogger("sojourn").removeFilter(_silent)

    assert [type(part) for part in parts] == [type(part) for part in bare]
    if not way.streamed:
        assert "Loire" in str(parts[0] if not isinstance(parts[0], bytes) else parts[0].decode())


def _silent(_: logging.LogRecord) -> bool:
    return False


def _planted(subject: Subject, place: str) -> Instrumentor:
    """The subject's instrumentor with one of its functions broken."""
    hooks: list[Any] = []
    for hook in subject.instrumentor.hooks:
        if isinstance(hook, Patch):
            hooks.append(replace(hook, route=_rerouted(hook.route, place)) if place in READERS else hook)
        elif isinstance(hook, Bridge):
            hooks.append(replace(hook, listen=_reported(hook.listen, place)))
        else:
            hooks.append(hook)
    return Instrumentor(subject.instrumentor.library, subject.instrumentor.requires, tuple(hooks))


def _rerouted(route: Any, place: str) -> Any:
    def rerouted(call: Mapping[str, Any]) -> Any:
        operation = route(call)
        return operation and replace(operation, **{place: _break})

    return rerouted


def _reported(listen: Any, place: str) -> Any:
    def reported(runs: Runs) -> Any:
        setattr(runs, place, _break)
        return listen(runs)

    return reported


def _break(*_: Any, **__: Any) -> None:
    raise ZeroDivisionError("planted")
