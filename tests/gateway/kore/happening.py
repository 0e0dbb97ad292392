"""Events by hand: what a rule of the analysis looks at, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sojourn_gateway.apis.kore.event import Event

__all__ = ["T0", "Happening"]

T0 = 1_790_000_000_000_000_000


@dataclass(slots=True)
class Happening:
    """Events in the order in which they are told, a second apart unless a test says when."""

    events: list[Event] = field(default_factory=list[Event])
    trace: str = "t1"
    agent: str | None = "desk"
    parent: str | None = "root"

    def add(
        self,
        type: str,
        *,
        span: str = "",
        at_ms: float | None = None,
        lasts_ms: float | None = 1,
        failed: bool = False,
        **data: Any,
    ) -> str:
        """One event; the span's id."""
        seq = len(self.events)
        span_id = span or f"s{seq}"
        event = Event(
            id=f"e{seq}",
            session_id="s",
            trace_id=self.trace,
            span_id=span_id,
            parent_span_id=self.parent,
            seq=seq,
            timestamp_ns=T0 + int((seq * 1000 if at_ms is None else at_ms) * 1e6),
            duration_ms=lasts_ms,
            type=type,
            data=data,
            agent_name=self.agent,
            turn=1,
            has_error=failed,
            name=f"{type} step",
        )
        self.events.append(event)
        return span_id

    def tool(
        self,
        tool: str,
        input: Any = None,
        output: Any = None,
        *,
        at_ms: float | None = None,
        lasts_ms: float = 1,
        error: str | None = None,
        call_id: str = "",
    ) -> str:
        """A tool that was called, and its answer."""
        at = len(self.events) * 1000 if at_ms is None else at_ms
        span = self.add("tool_call", at_ms=at, lasts_ms=lasts_ms, toolName=tool, callId=call_id, input=input)
        told = {"output": output} if error is None else {"error": error}
        self.add(
            "tool_result",
            span=span,
            at_ms=at,
            lasts_ms=lasts_ms,
            failed=error is not None,
            toolName=tool,
            callId=call_id,
            success=error is None,
            **told,
        )
        return span

    def call(
        self,
        prompt: Any = "hello",
        *,
        model: str = "m-1",
        tokens: tuple[int, int] = (10, 1),
        cached: int | None = 0,
        cost: float | None = None,
        **more: Any,
    ) -> str:
        """A call of a model."""
        usage = {"inputTokens": tokens[0], "outputTokens": tokens[1]} | (
            {} if cached is None else {"cachedTokens": cached}
        )
        return self.add("llm_call", model=model, usage=usage, estimatedCost=cost, prompt=prompt, **more)

    def decide(self, kind: str, made: str | None = None, **more: Any) -> str:
        """A decision."""
        return self.add("decision", decisionKind=kind, decision=made, **more)

    def hand_over(self, giver: str, taker: str) -> str:
        """A transfer of control."""
        return self.add("handoff", fromAgent=giver, toAgent=taker)

    def turn(self, trace: str) -> None:
        """What follows is another turn."""
        self.trace = trace

    def failing(self, span: str, message: str) -> None:
        """The error of a step that was told of already, at the same time."""
        (at,) = {event.timestamp_ns for event in self.events if event.span_id == span}
        self.add("error", span=span, failed=True, lasts_ms=None, message=message)
        self.events[-1] = replace(self.events[-1], timestamp_ns=at)
