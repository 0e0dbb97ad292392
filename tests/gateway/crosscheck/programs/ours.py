"""The story by our own SDK. It prints the session's id."""

from __future__ import annotations

import json
import sys
from contextlib import suppress

import sojourn

session = sojourn.init(endpoint=sys.argv[1], name="Order 4812", tags=["refund"])
session.set_user("ada")
session.add_tags("vip")


@sojourn.tool(name="carrier_status")
def carrier() -> None:
    """A tool that fails."""
    raise TimeoutError("no answer")


with sojourn.span_context_sync("first turn"):
    sojourn.record(
        sojourn.LLMEvent(
            prompt="Where is my order?",
            completion="I look.",
            model="gpt-4o-mini",
            prompt_tokens=1200,
            completion_tokens=80,
            cost=0.001234,
        )
    )
    sojourn.record(sojourn.ToolEvent(name="find_order", params={"order": 4812}, returns={"status": "shipped"}))
    with suppress(TimeoutError):
        carrier()
with sojourn.span_context_sync("second turn"):
    sojourn.record(
        sojourn.LLMEvent(
            prompt="Thanks.", completion="Good bye.", model="gpt-4o-mini", prompt_tokens=1000, completion_tokens=100
        )
    )
sojourn.end_session("Success", end_state_reason="refunded")
assert sojourn.flush(60)
print(json.dumps({"session": str(session.session_id)}))
