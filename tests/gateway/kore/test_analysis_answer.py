"""The analysis over a socket: of a session that came as spans, under the gateway's own bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sojourn.home import Home
from sojourn_gateway.model.thresholds import Thresholds
from sojourn_gateway.settings import Settings
from tests.gateway.sender import span, trace_id, traces
from tests.gateway.serving import served

if TYPE_CHECKING:
    from pathlib import Path

    from sojourn_gateway.engine import Engine


def test_a_session_of_spans_is_analysed_under_the_gateways_bounds(engine: Engine, home: Path) -> None:
    project = f"analysis-{uuid4().hex[:8]}"
    bounds = Thresholds(slow_ms=1500, parallel_least_ms=10_000)
    with served(engine, Home(home), Settings(project=project, thresholds=bounds)) as gateway:
        trace, own = trace_id(), {"session.id": "s-1"}
        agent = {**own, "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "desk"}
        root = span(trace, "invoke_agent desk", lasts_s=10, attributes=agent)
        tool = {
            **own,
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "find_order",
            "gen_ai.tool.call.arguments": '{"order":4812}',
            "gen_ai.tool.call.result": '{"status":"shipped"}',
        }
        first = span(trace, "execute_tool find_order", parent=root, at_s=1, attributes=tool)
        again = span(trace, "execute_tool find_order", parent=root, at_s=2, lasts_s=2, attributes=tool)
        failing = {**own, "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "carrier"}
        failed = span(trace, "execute_tool carrier", parent=root, at_s=5, attributes=failing, error="no answer in 30 s")
        assert gateway.send(traces([root, first, again, failed])).status_code == 200
        assert gateway.engine.settle(60)

        told: dict[str, Any] = gateway.get(f"/api/projects/{project}/sessions/s-1/analysis").json()
        metrics = gateway.get(f"/api/projects/{project}/sessions/s-1/metrics").json()["metrics"]

    assert (told["success"], told["sessionId"]) == (True, "s-1")
    analysis = told["analysis"]
    assert [(one["spanId"], one["type"], one["durationMs"]) for one in analysis["slowSpans"]] == [
        (again.span_id.hex(), "tool_call", 2000)
    ]
    assert analysis["slowSpans"][0]["share"] == 2000 / metrics["totalLatencyMs"] == 0.2
    assert [(one["signature"], one["count"], one["spanIds"]) for one in analysis["errorPatterns"]] == [
        ("no answer in <n> s", 1, [failed.span_id.hex()])
    ]
    suggestions = {one["id"].partition(":")[0]: one for one in analysis["suggestions"]}
    assert suggestions["repeated_tool_input"]["spanIds"] == [first.span_id.hex(), again.span_id.hex()]
    assert suggestions["repeated_tool_input"]["estimatedSavingMs"] == 2000
    assert analysis["decisionAnomalies"] == []
    assert analysis["summary"]["healthy"] is False
