"""What is no prompt and no reply may quote one: names, tags, reasons, errors, and the spans of others."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import sojourn
from sojourn import journal
from sojourn.content import ContentPolicy
from sojourn.foreign import screen
from sojourn.testing import captured

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-91ab"


def mask(text: str) -> str:
    return text.replace(CANARY, "***")


def everything(home: Path) -> bytes:
    """All that is in the journals, as bytes."""
    sojourn.flush(0)
    return b"".join(frame.payload for path in journal.paths(home / "journal") for frame in journal.read(path)[1])


def test_facts_of_a_session_pass_the_redactors(home: Path) -> None:
    session = sojourn.init(redact=[mask], name=f"for {CANARY}", tags=[f"to-{CANARY}"])
    session.add_tags([f"late-{CANARY}"])
    session.record(sojourn.ActionEvent(f"greet {CANARY}", params={CANARY: CANARY}))
    session.record(sojourn.ToolEvent(name=CANARY, params=CANARY, returns={"to": CANARY}))
    session.record(sojourn.LLMEvent(model="m", prompt=CANARY, completion=CANARY))
    session.record(sojourn.ErrorEvent(exception=ValueError(CANARY)))
    session.end_session("Fail", f"because of {CANARY}")

    told = everything(home)
    assert CANARY.encode() not in told
    for kept in (b"for ***", b"to-***", b"late-***", b"greet ***", b"because of ***"):
        assert kept in told


@pytest.mark.parametrize("capture", ["off", "lengths"])
def test_errors_are_not_quoted_when_content_is_off(home: Path, monkeypatch: pytest.MonkeyPatch, capture: str) -> None:
    monkeypatch.setenv("SOJOURN_CAPTURE_CONTENT", capture)
    sojourn.init().record(sojourn.ErrorEvent(exception=ValueError(CANARY), logs=CANARY))
    with pytest.raises(ValueError, match=CANARY), sojourn.start_session():
        raise ValueError(CANARY)

    told = everything(home)
    assert CANARY.encode() not in told
    assert b"ValueError" in told


def test_what_kills_a_program_is_not_quoted_when_content_is_off(home: Path) -> None:
    program = f"import sojourn; sojourn.init(); raise ValueError('{CANARY[:6]}' + '{CANARY[6:]}')"
    environ = os.environ | {"SOJOURN_HOME": str(home), "SOJOURN_CAPTURE_CONTENT": "off"}
    ran = subprocess.run([sys.executable, "-c", program], env=environ, check=False, capture_output=True, text=True)

    assert ran.returncode == 1
    assert CANARY in ran.stderr
    told = everything(home)
    assert CANARY.encode() not in told
    assert b"ValueError" in told


FOREIGN = f"""
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import sojourn

trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
sojourn.init({{options}})
with trace.get_tracer("host").start_as_current_span("chat") as span:
    span.set_attribute("gen_ai.request.model", "m-1")
    span.set_attribute("gen_ai.usage.input_tokens", 3)
    span.set_attribute("gen_ai.prompt.0.role", "user")
    span.set_attribute("gen_ai.prompt.0.content", "{CANARY}")
    span.set_attribute("input.value", '{{{{"q": "{CANARY}"}}}}')
    span.set_attribute("llm.input_messages.0.message.content", "{CANARY}")
    span.add_event("gen_ai.content.prompt", {{{{"gen_ai.prompt": "{CANARY}"}}}})
    span.record_exception(ValueError("{CANARY}"))
    span.set_status(trace.StatusCode.ERROR, "{CANARY}")
kept = dict(span.attributes)
assert kept["gen_ai.prompt.0.content"] == "{CANARY}"
"""


@pytest.mark.parametrize(
    ("capture", "options"), [("off", ""), ("lengths", ""), ("full", f"redact=[lambda t: t.replace('{CANARY}', '***')]")]
)
def test_spans_of_other_instrumentations_pass_the_same_gate(home: Path, capture: str, options: str) -> None:
    environ = os.environ | {"SOJOURN_HOME": str(home), "SOJOURN_CAPTURE_CONTENT": capture}
    program = FOREIGN.format(options=options)
    ran = subprocess.run([sys.executable, "-c", program], env=environ, check=False, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr
    told = everything(home)
    assert CANARY.encode() not in told
    for kept in (b"m-1", b"gen_ai.usage.input_tokens", b"gen_ai.prompt.0.role", b"user"):
        assert kept in told


def test_what_scopes_and_steps_are_told_passes_the_redactors() -> None:
    with captured() as seen:
        session = sojourn.init(redact=[mask])
        with (
            sojourn.with_agentmark(metadata={"k": CANARY}, user_id=CANARY, tags=[CANARY], trace_name=CANARY),
            sojourn.span(sojourn.SpanOptions(CANARY, metadata={"m": CANARY}, prompt_name=CANARY)) as step,
        ):
            step.set_attribute("mine", CANARY)
            step.add_event("happened", {"x": [CANARY]})
            sojourn.record(sojourn.ActionEvent("by hand"))
        assert all(span.session_id == session.session_id for span in seen.spans)
        assert CANARY not in str(seen.spans)
        assert "***" in str(seen.span("by hand").attributes)


@pytest.mark.parametrize(
    "key", ["all_messages_events", "final_result", "tool_arguments", "gcp.vertex.agent.llm_request"]
)
def test_what_frameworks_call_content_in_words_of_their_own_is_content(key: str) -> None:
    facts = {"gen_ai.operation.name": "chat", key: CANARY}
    assert screen(ContentPolicy("off"), facts) == {"gen_ai.operation.name": "chat"}
    assert screen(ContentPolicy(redactors=(mask,)), facts)[key] == "***"
