"""A program as AgentOps 0.3 documents it, with the import line changed: every function, method, event, decorator."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import sojourn as agentops
from sojourn import (
    ActionEvent,
    ErrorEvent,
    LLMEvent,
    ToolEvent,
    record_action,
    record_function,
    record_tool,
    track_agent,
)

agentops.configure(default_tags=["nightly"], max_wait_time=1000, max_queue_size=128, instrument_llm_calls=True)
agentops.set_api_key("11111111-1111-4111-8111-111111111111")
agentops.set_parent_key("22222222-2222-4222-8222-222222222222")
assert agentops.get_api_key() == "11111111-1111-4111-8111-111111111111"
session = agentops.init(
    parent_key="22222222-2222-4222-8222-222222222222",
    tags=["first"],
    auto_start_session=True,
    skip_auto_end_session=False,
    inherited_session_id=str(uuid4()),
)
assert agentops.Client().is_initialized
assert agentops.Client().session_count == 1
assert not agentops.Client().is_multi_session
assert agentops.Client().parent_key == "22222222-2222-4222-8222-222222222222"
assert agentops.get_session(session.session_id) is session


@record_tool(tool_name="lookup")
def look_up(query: str) -> list[str]:
    """A tool, named by its keyword."""
    return [query]


@record_action(event_name="shout")
async def shout(text: str, mark: str = "!") -> str:
    """An async action, named by its keyword."""
    return text.upper() + mark


@record_function("whisper")
def whisper(text: str) -> str:
    """The older name of an action."""
    return text.lower()


@record_action
def bare(n: int) -> tuple[int, int]:
    """Without parentheses."""
    return n, n


@record_tool()
def fails() -> None:
    """What it raises is recorded and raised again."""
    raise ValueError("no such thing")


@track_agent(name="Researcher")
class Researcher:
    """An agent."""

    @record_action("research")
    def research(self, topic: str) -> list[str]:
        """An action of the agent."""
        return look_up(topic)


agent_id = agentops.create_agent("Planner", agent_id=str(uuid4()))
event = ActionEvent(action_type="plan", params={"depth": 2}, returns="done", agent_id=agent_id)
agentops.record(event)
call = LLMEvent(
    model="m",
    prompt=[{"role": "user", "content": "Hi"}],
    completion={"role": "assistant", "content": "Hello"},
    prompt_tokens=2,
    completion_tokens=1,
    cost=0.5,
    thread_id=uuid4(),
)
session.record(call, flush_now=True)
session.record(ToolEvent(name="browse", params={"url": "x"}, returns={"status": 200}, logs="fetched"))
assert look_up(query="tea") == ["tea"]
assert asyncio.run(shout("tea")) == "TEA!"
assert whisper("TEA") == "tea"
assert bare(1) == (1, 1)
assert Researcher().research("tea") == ["tea"]
try:
    fails()
except ValueError as fault:
    session.record(ErrorEvent(exception=fault, trigger_event=event, code="E1", details="looked in vain"))
agentops.add_tags(["second"])
session.add_tags("third")
agentops.set_tags(["only", "these"])
session.set_tags(["these"])
session.set_video("http://127.0.0.1/video.mp4")

analytics: Any = session.get_analytics()
assert {"LLM calls": 1, "Tool calls": 4, "Actions": 5, "Errors": 2, "Cost": "0.500000"}.items() <= analytics.items()
assert session.end_state == "Indeterminate"
assert session.token_cost
assert session.event_counts["llms"] == 1
assert session.end_timestamp is None
print(session.session_url, session.init_timestamp, session.host_env.keys(), session.config, session.jwt)

cost = agentops.end_session(end_state="Success", end_state_reason="all done", video="http://127.0.0.1/last.mp4")
assert cost == "0.500000"
assert session.end_state == "Success"
assert not session.is_running

# Several at once: each has its own events.
one = agentops.start_session(tags=["one"])
two = agentops.start_session(tags=["two"])
assert agentops.Client().is_multi_session
one.record(ActionEvent("one's"))
two.record(ActionEvent("two's"))
look_up("one", session=one)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # as AgentOps documents it
two.patch(look_up)("two")
assert one.create_agent("A", None)
one.end_session("Fail", end_state_reason="on purpose")
two.end_session(end_state="Indeterminate")
agentops.end_all_sessions()
agentops.stop_instrumenting()
