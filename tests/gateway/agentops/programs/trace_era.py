"""A program of the trace era: two traces with agent, operation, tool and a call of a model; one of them fails.

It prints what it did, as JSON in its last line.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from importlib import import_module
from typing import Any

# Not by name: only the environment of the judge has them.
agentops: Any = import_module("agentops")
decorators: Any = import_module("agentops.sdk.decorators")
openai: Any = import_module("openai")

agentops.init(auto_start_session=False, default_tags=["judge"])
asked: Any = openai.OpenAI(base_url=os.environ["PROVIDER_URL"], api_key="none", max_retries=0)


def _search(query: str) -> dict[str, Any]:
    """A tool that costs something."""
    return {"query": query, "hits": 2}


def _ask(question: str) -> str:
    """An operation with a call of a model inside."""
    messages = [{"role": "user", "content": question}]
    answer = asked.chat.completions.create(model="gpt-4o-mini", messages=messages)
    return str(answer.choices[0].message.content)


def _stumble() -> None:
    """An operation that fails."""
    raise ValueError("bad op")


search: Any = decorators.tool(name="search", cost=0.25)(_search)
ask: Any = decorators.operation(name="ask")(_ask)
stumble: Any = decorators.operation(name="stumble")(_stumble)


class _Planner:
    """An agent, whose methods are its steps."""

    def work(self) -> str:
        """Both steps."""
        search(query="order 4812")
        return str(ask("Where is my order?"))


Planner: Any = decorators.agent(name="Planner")(_Planner)

good = agentops.start_trace("refund", tags=["good"])
said = Planner().work()
print("a line for the log")
agentops.end_trace(good, "Success")

bad = agentops.start_trace("complaint", tags=["bad"])
with suppress(ValueError):
    stumble()
agentops.end_trace(bad, "Fail")

kept = agentops.get_client().api.v4.upload_object("an object to keep")


def hexadecimal(trace: Any) -> str:
    """The id of a trace as everybody else writes it."""
    return f"{trace.span.get_span_context().trace_id:032x}"


print(json.dumps({"good": hexadecimal(good), "bad": hexadecimal(bad), "said": said, "object": kept}))
