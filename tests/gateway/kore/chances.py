"""Sessions of any shape: steps of every kind, hung anywhere, which may have failed or be running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.gateway.sender import CHAT, span

if TYPE_CHECKING:
    import random

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["some_session"]

KINDS = ("decision", "handoff", "guardrail", "state_change", "response", "chain")
GATES = ["branch:to:plain", "branch:entry:is_long:summarise"]


def some_step(chance: random.Random, session: str, trace: bytes, above: list[Span]) -> Span:
    """A step of any kind, hung anywhere, which may have failed or be running."""
    kind = chance.choice(("model", "model", "tool", "tool", "agent", *KINDS))
    told: dict[str, Any] = {"session.id": session}
    match kind:
        case "model":
            told |= CHAT | {
                "gen_ai.usage.input_tokens": chance.randrange(3) * 100,
                "gen_ai.usage.output_tokens": chance.randrange(50),
                "gen_ai.output.messages": chance.choice(('[{"role":"assistant","content":"so"}]', "[]")),
            }
            if chance.random() < 0.2:
                told |= {"gen_ai.request.model": "our-own", "gen_ai.response.model": "our-own"}
        case "tool":
            told |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": chance.choice("ab")}
        case "agent":
            told |= {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": chance.choice("xy")}
        case _:
            told |= {"sojourn.kind": kind}
    if kind == "guardrail":
        told |= {"sojourn.guardrail.passed": chance.random() < 0.5}
    if kind == "decision":
        told |= {"sojourn.decision.kind": chance.choice(("handoff", "retry")), "sojourn.decision.target": "y"}
    if chance.random() < 0.1:
        told |= chance.choice(({"sojourn.langgraph.goto": ["y"]}, {"sojourn.langgraph.triggers": GATES}))
    if kind == "handoff":
        told |= {"sojourn.handoff.to": "y"} | ({"sojourn.handoff.task": "t"} if chance.random() < 0.5 else {})
    error = chance.choice((None, None, None, "no"))
    if error is not None:
        told["error.type"] = chance.choice(("TimeoutError", "ValueError"))
    return span(
        trace,
        kind,
        # Steps that begin together stand in the order of their ids.
        span_id=chance.randbytes(8),
        parent=chance.choice(above) if above and chance.random() < 0.9 else b"",
        at_s=chance.randrange(100),
        lasts_s=None if chance.random() < 0.05 else chance.randrange(200) / 10,
        attributes=told,
        error=error,
    )


def some_session(chance: random.Random, session: str) -> list[Span]:
    """Some turns of some steps."""
    spans: list[Span] = []
    for _ in range(chance.randrange(1, 4)):
        trace = chance.randbytes(16)
        above: list[Span] = []
        for _ in range(chance.randrange(1, 12)):
            above.append(some_step(chance, session, trace, above))
        spans += above
    return spans
