"""How a trace that is a session by itself ended, when its root is missing or others speak too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.sender import span, trace_id, traces

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tests.gateway.serving import Served

_NOWHERE = b"\7" * 8


def _said(state: str) -> dict[str, Any]:
    return {"agentops.span.kind": "session", "agentops.session.end_state": state}


def _states(gateway: Served, trace: bytes, *spans: Span) -> tuple[set[str], bool, bool]:
    """What everybody says of its state; whether AgentOps' export has an end, and `/v1` calls it open."""
    assert gateway.send(traces(spans)).status_code == 200
    assert gateway.engine.settle(60)
    hexadecimal = trace.hex()
    native = gateway.data(f"/v1/sessions/{hexadecimal}", fields="summary")
    export = gateway.get(f"/v2/sessions/{hexadecimal}/export").json()
    stats = gateway.get(f"/v2/sessions/{hexadecimal}/stats").json()
    project = gateway.get("/public/v1/project").json()["id"]
    judged = gateway.get(f"/v4/meterics/project/{project}").json()
    listed = {
        state
        for state, moments in (
            ("Success", judged["success_datetime"]),
            ("Fail", judged["fail_datetime"]),
            ("Indeterminate", judged["indeterminate_datetime"]),
        )
        if moments
    }
    is_open = native["state"] == "open"
    told = {
        "Indeterminate" if is_open else native["state"],
        export["session"]["end_state"],
        stats["end_state"],
        export["statistics"]["end_state"],
    }
    return told | listed, export["session"]["end_timestamp"] is not None, is_open


@pytest.mark.parametrize(
    ("word", "state"), [("Success", "Success"), ("Fail", "Fail"), ("error", "Fail"), ("Shutdown", "Indeterminate")]
)
def test_the_root_says_how_its_trace_ended(word: str, state: str, gateway: Served) -> None:
    trace = trace_id()
    root = span(trace, "refund.session", attributes=_said(word))
    assert _states(gateway, trace, root, span(trace, parent=root)) == ({state}, True, False)


def test_a_span_below_a_root_that_never_came_does_not_speak_for_the_trace(gateway: Served) -> None:
    """A trace inside a trace ended well; whether the outer one did, nobody knows."""
    trace = trace_id()
    inner = span(trace, "inner.session", parent=_NOWHERE, attributes=_said("Success"))
    states, has_end, is_open = _states(gateway, trace, inner, span(trace, parent=inner))
    assert states == {"Indeterminate"}
    # What was sent is older than half an hour, or in the future: either way all agree.
    assert has_end is not is_open


def test_a_span_below_a_root_that_says_nothing_does_not_speak_for_the_trace(gateway: Served) -> None:
    trace = trace_id()
    root = span(trace, "outer.session")
    inner = span(trace, "inner.session", parent=root, attributes=_said("Fail"))
    states, has_end, is_open = _states(gateway, trace, root, inner)
    assert states == {"Indeterminate"}
    assert has_end is not is_open
