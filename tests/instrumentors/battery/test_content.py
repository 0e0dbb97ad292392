"""What may be recorded of prompts and answers, and what is not even read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import pytest
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from sojourn import faults, semconv
from sojourn.content import WITHHELD, ContentPolicy
from tests.instrumentors.battery.catalogue import ways
from tests.instrumentors.battery.stage import Stage, cut_up, text_of
from tests.instrumentors.battery.wire import CUT

if TYPE_CHECKING:
    from tests.instrumentors.battery.subject import Subject, Way

CANARY = "canary-7c1d"
ANY: type[Exception] = Exception
"""Each release of each library has its own for a connection that breaks."""
CONTENT = (semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES, semconv.TOOL_DEFINITIONS, semconv.SYSTEM_INSTRUCTIONS)


def everything(stage: Stage, caplog: pytest.LogCaptureFixture) -> str:
    """All that left us in any form: spans with events, status and resource, and log records."""
    logged = [f"{record.getMessage()} {record.exc_info} {record.args}" for record in caplog.records]
    spans = [f"{span.to_json()} {span.resource.to_json()}" for span in stage.spans()]
    return " ".join([*spans, *(line for line in logged if "sojourn" in line)])


@ways()
@pytest.mark.parametrize("capture", ["off", "lengths"])
async def test_content_that_is_off_leaves_no_canary(
    capture: Literal["off", "lengths"], subject: Subject, way: Way, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """In prompts, tools, answers, in what a provider refuses, in an answer that breaks."""
    caplog.set_level(logging.DEBUG, "sojourn")
    stage.install(subject, ContentPolicy(capture))
    text = text_of(CANARY)
    stage.answers(subject, way, text)
    await stage.call(subject, way, subject.asked(CANARY))
    stage.wire.answers = [subject.refusal(f"cannot answer {CANARY}")]
    with pytest.raises(subject.refused):
        await stage.call(subject, way, subject.asked(CANARY))
    if way.streamed:
        stage.wire.answers = [subject.pieces([*cut_up(text), CUT])]
        with pytest.raises(ANY):
            await stage.call(subject, way, subject.asked(CANARY))

    assert len(stage.spans()) == (3 if way.streamed else 2)
    assert CANARY not in everything(stage, caplog)
    good = stage.spans()[0].attributes or {}
    assert good[semconv.USAGE_OUTPUT_TOKENS] == 7
    if capture == "off":
        assert not [name for name in CONTENT if name in good]


@ways()
async def test_content_that_is_on_passes_the_redactors(
    subject: Subject, way: Way, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.install(subject, ContentPolicy(redactors=(lambda text: text.replace(CANARY, "***"),)))
    stage.answers(subject, way, text_of(CANARY))
    await stage.call(subject, way, subject.asked(CANARY))
    stage.wire.answers = [subject.refusal(f"cannot answer {CANARY}")]
    with pytest.raises(subject.refused):
        await stage.call(subject, way, subject.asked(CANARY))

    assert CANARY not in everything(stage, caplog)
    attributes = stage.spans()[0].attributes or {}
    assert "***" in str(attributes[semconv.INPUT_MESSAGES])
    assert "***" in str(attributes[semconv.OUTPUT_MESSAGES])
    assert "***" in str((stage.spans()[1].events[0].attributes or {})["exception.message"])


@ways()
async def test_a_redactor_that_fails_costs_its_text_only(subject: Subject, way: Way, stage: Stage) -> None:
    faults.raise_them(False)

    def broken(_: str) -> str:
        raise ValueError("no such pattern")

    stage.install(subject, ContentPolicy(redactors=(broken,)))
    stage.answers(subject, way)
    await stage.call(subject, way)

    attributes = stage.one().attributes or {}
    assert WITHHELD in str(attributes[semconv.INPUT_MESSAGES])
    assert "Loire" not in stage.one().to_json()
    assert attributes[semconv.USAGE_INPUT_TOKENS] == 11


@ways()
async def test_a_suppressed_call_emits_nothing(subject: Subject, way: Way, stage: Stage) -> None:
    stage.answers(subject, way)
    stage.install(subject)
    token = otel_context.attach(otel_context.set_value("suppress_instrumentation", value=True))
    try:
        assert await stage.call(subject, way)
    finally:
        otel_context.detach(token)

    assert not stage.spans()


@ways()
async def test_an_unsampled_call_serialises_nothing(subject: Subject, way: Way, stage: Stage) -> None:
    """The first thing that becomes text is what a redactor sees."""
    seen: list[str] = []

    def watch(text: str) -> str:
        seen.append(text)
        return text

    stage.install(subject, ContentPolicy(redactors=(watch,)), stage.provider(ALWAYS_OFF))
    stage.answers(subject, way)
    assert await stage.call(subject, way)
    stage.wire.answers = [subject.refusal("no rivers")]
    with pytest.raises(subject.refused):
        await stage.call(subject, way)

    assert (seen, stage.spans()) == ([], ())
