"""The client's own loop of calls and tools: each call of the model is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from tests.instrumentors.anthropic.clients import HEADERS, client, http, message

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed

TOOL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}}


@pytest.mark.skipif(not hasattr(anthropic, "beta_tool"), reason="this release of the client runs no tools")
def test_every_call_of_a_tool_runner_is_seen(observed: Observed) -> None:
    answers = [message(TOOL, stop="tool_use"), message({"type": "text", "text": "14 degrees"})]
    made = client(lambda _: http.Response(200, headers=HEADERS, json=answers.pop(0)))
    runner = made.beta.messages.tool_runner(
        model="m-1", max_tokens=8, tools=[_weather()], messages=[{"role": "user", "content": "And Rome?"}]
    )
    assert runner.until_done().content[0].text == "14 degrees"

    first, second = observed.roots()
    assert first["gen_ai.response.finish_reasons"] == ("tool_call",)
    asked = first["gen_ai.input.messages"] + second["gen_ai.input.messages"]
    result = {"type": "tool_call_response", "response": "14", "id": "toolu_1"}
    assert asked[0]["parts"] == [{"type": "text", "content": "And Rome?"}]
    assert asked[-1]["parts"] == [result]
    # Newer releases leave the conversation with the provider, and send only what is new; older ones send it whole.
    if len(asked) == 2:
        assert second["gen_ai.request.previous_response.id"] == "msg_1"
    else:
        call = {"type": "tool_call", "name": "weather", "arguments": {"city": "Rome"}, "id": "toolu_1"}
        assert asked[-2]["parts"] == [call]


def _weather() -> Any:
    def weather(city: str) -> str:
        """The weather in a city.

        Args:
            city: Its name.
        """
        return {"Rome": "14"}[city]

    tool: Any = anthropic.beta_tool(weather)
    return tool
