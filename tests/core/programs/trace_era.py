"""A program as AgentOps 0.4 documents it, with the import line changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import sojourn as agentops
from sojourn import (
    agent,
    guardrail,
    operation,
    session,
    task,
    tool,
    trace,
    track_agent,
    track_endpoint,
    track_tool,
    workflow,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

agentops.init(
    api_key="11111111-1111-4111-8111-111111111111",
    app_url="http://127.0.0.1",
    max_wait_time=1000,
    max_queue_size=128,
    tags=["era"],
    default_tags=["default"],
    trace_name="run",
    instrument_llm_calls=True,
    auto_start_session=True,
    auto_init=True,
    skip_auto_end_session=False,
    env_data_opt_out=True,
    log_level="INFO",
    fail_safe=True,
    log_session_replay_url=False,
    exporter=None,
    processor=None,
    prefetch_jwt_token=True,
)
assert agentops.get_client().initialized


@tool(name="search", cost=0.01)
def search(query: str) -> str:
    """A tool with a price."""
    return query.upper()


@guardrail(spec="input")
def allowed(text: str) -> bool:
    """A guardrail."""
    return bool(text)


@agent(name="Writer", version="2", tags=["w"])
class Writer:
    """An agent is a class."""

    def __init__(self, style: str) -> None:
        self.style = style

    @operation
    def draft(self, topic: str) -> str:
        """A step."""
        allowed(topic)
        return search(topic)

    @task(name="stream")
    def stream(self, text: str) -> Iterator[str]:
        """A generator."""
        yield from text

    @task
    async def astream(self, text: str) -> AsyncIterator[str]:
        """An async generator."""
        for letter in text:
            yield letter


@workflow
async def flow(topic: str) -> str:
    """Several steps."""
    writer = Writer("plain")
    drafted = writer.draft(topic)
    assert "".join(writer.stream(drafted)) == drafted
    assert [letter async for letter in writer.astream(drafted)] == list(drafted)
    return drafted


@trace(name="turn", tags=["t"])
async def turn(topic: str) -> str:
    """A trace."""
    return await flow(topic)


@session
def older(n: int) -> int:
    """The older name of a trace."""
    return n


@track_endpoint(capture_request=True, capture_response=False)
def handle(request: str) -> str:
    """A handler."""
    return request


@track_tool(tool_name="hammer")
def hammer(n: int) -> int:
    """The older name of a tool."""
    return n


@track_agent(name="Old")
class Old:
    """The older name of an agent."""


assert asyncio.run(turn("tea")) == "TEA"
assert older(1) + hammer(1) == 2
assert handle("x") == "x"
Old()

with agentops.start_trace("manual", tags={"user": "u", "n": 1}) as context:
    assert agentops.update_trace_metadata({"step": 1, "labels": ["a", "b"]})
    assert context.span.get_span_context().trace_id == int(context.trace_id, 16)
open_trace = agentops.start_trace(trace_name="by hand", tags=["x"])
agentops.end_trace(open_trace, agentops.ERROR)
agentops.start_trace("left")
agentops.end_trace(end_state=agentops.TraceState.SUCCESS)

legacy = agentops.start_session(tags={"legacy": "yes"})
made: Any = agentops.ActionEvent(action_type="still kept")
legacy.record(made)
legacy.create_agent(name="A")
legacy.end_session(end_state="Success", is_test=True)
agentops.end_session(session_or_status="Success", reason="finished", steps=[1, {"two": 2}])
agentops.end_all_sessions()
