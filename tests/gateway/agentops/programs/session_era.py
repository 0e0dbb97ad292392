"""A program of the session era: one session by the module's functions, then several at once, then one that is joined.

It prints what the client itself said of them, as JSON in its last line.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

# Not by name: only the environment of the judge has it.
agentops: Any = import_module("agentops")

session: Any = agentops.init(default_tags=["judge"], max_wait_time=200)
agentops.add_tags(["added"])
agent_id = agentops.create_agent("planner")


def _plan(goal: str, steps: int = 2) -> list[str]:
    """An action, by decorator."""
    return [f"{goal} {step}" for step in range(steps)]


def _search(query: str) -> dict[str, Any]:
    """A tool, by decorator."""
    return {"query": query, "hits": [1, 2]}


def _broken() -> None:
    """A tool that fails: recorded as an error alone."""
    raise ValueError("no such index")


plan: Any = agentops.record_action("plan")(_plan)
search: Any = agentops.record_tool("search")(_search)
broken: Any = agentops.record_tool("broken")(_broken)

plan("refund")
search(query="order 4812")
caught: ValueError | None = None
try:
    broken()
except ValueError as fault:
    caught = fault
agentops.record(
    agentops.LLMEvent(
        prompt=[{"role": "user", "content": "Where is my order?"}],
        completion={"role": "assistant", "content": "On its way."},
        model="gpt-4o-mini",
        prompt_tokens=1000,
        completion_tokens=200,
        agent_id=agent_id,
        params={"temperature": 0},
    )
)
agentops.record(agentops.LLMEvent(prompt="plain words", completion="plain answer", model="nobody-knows-it"))
agentops.record(agentops.ActionEvent(action_type="notify", params={"to": "ada"}, returns="sent", logs="queued"))
agentops.record(
    agentops.ErrorEvent(exception=caught, code="E42", trigger_event=agentops.ActionEvent(action_type="notify"))
)
while_running = session.get_analytics()
agentops.end_session("Success", end_state_reason="refunded", video="https://example.test/run.mp4")

# Several at once: only the methods of each are of use.
first = agentops.start_session(tags=["first"])
second = agentops.start_session(tags=["second"])
first.record(agentops.ActionEvent(action_type="one"))
second.record(agentops.ToolEvent(name="two", params={"n": 2}, returns=4))
second.set_tags(["replaced"])
first_cost = first.end_session("Fail", end_state_reason="gave up")
second_cost = second.end_session("Indeterminate")

# Joined: another session object under the id of the first, as another process would have it.
joined = agentops.start_session(tags=["joined"], inherited_session_id=str(session.session_id))
joined.record(agentops.ActionEvent(action_type="afterwards"))
joined_cost = joined.end_session("Success", end_state_reason="joined and done")

left_open = agentops.start_session(tags=["open"])
left_open.record(agentops.ActionEvent(action_type="unfinished"), flush_now=True)

print(
    json.dumps(
        {
            "main": {
                "id": str(session.session_id),
                "analytics": while_running,
                "counts": session.event_counts,
                "cost": str(session.token_cost),
                "agent": str(agent_id),
                "host": session.host_env,
                "begun": session.init_timestamp,
                "ended": joined.end_timestamp,
            },
            "first": {"id": str(first.session_id), "cost": str(first_cost)},
            "second": {"id": str(second.session_id), "cost": str(second_cost)},
            "joined": {"id": str(joined.session_id), "cost": str(joined_cost)},
            "open": {"id": str(left_open.session_id)},
        },
        default=str,
    )
)
