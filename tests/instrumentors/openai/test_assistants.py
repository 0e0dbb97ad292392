"""Assistants: an agent that lives with the provider; its model's tokens count once, when they are first told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.instrumentors.openai.bodies import run, thread_message
from tests.instrumentors.openai.service import Service

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed

# The client says so of what its maker will take away: until then it is used, and so observed.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

USED = {"gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 5}
CALLS = [
    {
        "id": "call_1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'},
    }
]


def delta(words: str) -> dict[str, Any]:
    content: list[Any] = [{"index": 0, "type": "text", "text": {"value": words, "annotations": []}}]
    data: dict[str, Any] = {"id": "msg_1", "object": "thread.message.delta", "delta": {"content": content}}
    return {"event": "thread.message.delta", "data": data}


def streamed(id: str, *last: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"event": "thread.run.created", "data": run("queued", id=id)},
        {"event": "thread.run.in_progress", "data": run("in_progress", id=id)},
        {"event": "thread.message.created", "data": {**thread_message(""), "content": [], "status": "in_progress"}},
        delta("N"),
        delta("i"),
        *last,
    ]


def test_the_tokens_of_a_polled_run_count_once(observed: Observed) -> None:
    states = [run("queued", id="run_a"), run("in_progress", id="run_a"), run(id="run_a"), run(id="run_a")]
    runs = Service(states).client().beta.threads.runs
    runs.create("thread_1", assistant_id="asst_1")
    for _ in range(3):
        runs.retrieve("run_a", thread_id="thread_1")

    assert observed.usage() == (12, 5)
    started, waiting, ended, again = observed.roots()
    assert (started.name, started["sojourn.resource.status"]) == ("invoke_agent asst_1", "queued")
    assert (waiting.name, waiting.children) == ("threads.runs.retrieve", ())
    [work] = ended.children
    assert (work.name, work["gen_ai.operation.name"]) == ("chat m-1-2026", "chat")
    assert USED.items() <= work.attributes.items()
    assert again.children == ()


def test_a_streamed_run_says_what_was_said(observed: Observed) -> None:
    last = [
        {"event": "thread.message.completed", "data": thread_message("Ni")},
        {"event": "thread.run.completed", "data": run(id="run_b")},
    ]
    runs = Service([streamed("run_b", *last)]).client().beta.threads.runs
    stream = runs.create("thread_1", assistant_id="asst_1", instructions="Be brief.", stream=True)
    assert len(list(stream)) == 7

    seen = observed.one()
    assert (seen.name, seen.status) == ("invoke_agent asst_1", "unset")
    assert {
        "gen_ai.agent.id": "asst_1",
        "gen_ai.conversation.id": "thread_1",
        "gen_ai.request.stream": True,
        "sojourn.resource.id": "run_b",
        "sojourn.resource.status": "completed",
    }.items() <= seen.attributes.items()
    assert seen["gen_ai.output.messages"] == [{"role": "assistant", "parts": [{"type": "text", "content": "Ni"}]}]
    assert "gen_ai.usage.input_tokens" not in seen.attributes
    assert USED.items() <= seen.children[0].attributes.items()


def test_the_helper_with_its_own_handler_is_observed(observed: Observed) -> None:
    last = [
        {"event": "thread.message.completed", "data": thread_message("Ni")},
        {"event": "thread.run.completed", "data": run(id="run_c")},
    ]
    runs = Service([streamed("run_c", *last)]).client().beta.threads.runs
    with runs.stream(thread_id="thread_1", assistant_id="asst_1") as stream:
        assert "".join(stream.text_deltas) == "Ni"

    assert observed.one()["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Ni"}]
    assert observed.usage() == (12, 5)


async def test_the_asynchronous_client_is_observed_alike(observed: Observed) -> None:
    service = Service([streamed("run_d", {"event": "thread.run.completed", "data": run(id="run_d")})])
    runs = service.async_client().beta.threads.runs
    async for _ in await runs.create("thread_1", assistant_id="asst_1", stream=True):
        pass

    assert observed.usage() == (12, 5)


def test_a_run_that_is_left_keeps_what_had_come(observed: Observed) -> None:
    runs = Service([streamed("run_e")]).client().beta.threads.runs
    with runs.create("thread_1", assistant_id="asst_1", stream=True) as stream:
        for part in stream:
            if part.event == "thread.message.delta":
                break

    seen = observed.one()
    assert seen["sojourn.stream.abandoned"] is True
    assert seen["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "N"}]


def test_a_run_that_waits_for_tools_says_which(observed: Observed) -> None:
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": CALLS}}
    waiting = run("requires_action", id="run_f", required_action=action)
    runs = Service([waiting, run(id="run_f")]).client().beta.threads.runs
    runs.create("thread_1", assistant_id="asst_1")
    given: Any = [{"tool_call_id": "call_1", "output": "sunny"}]
    runs.submit_tool_outputs("run_f", thread_id="thread_1", tool_outputs=given)

    asked, told = observed.roots()
    assert asked["gen_ai.output.messages"][0]["parts"] == [
        {"type": "tool_call", "name": "get_weather", "arguments": {"city": "Rome"}, "id": "call_1"}
    ]
    assert told["gen_ai.input.messages"] == [
        {"role": "tool", "parts": [{"type": "tool_call_response", "response": "sunny", "id": "call_1"}]}
    ]
    assert told.name == "invoke_agent"


def test_tools_that_the_provider_ran_on_the_way_are_told(observed: Observed) -> None:
    code: dict[str, Any] = {
        "id": "call_2",
        "type": "code_interpreter",
        "code_interpreter": {"input": "1+1", "outputs": []},
    }
    step: dict[str, Any] = {
        "id": "step_1",
        "object": "thread.run.step",
        "type": "tool_calls",
        "status": "completed",
        "run_id": "run_g",
        "step_details": {"type": "tool_calls", "tool_calls": [code]},
    }
    last = [{"event": "thread.run.step.completed", "data": step}]
    runs = Service([streamed("run_g", *last)]).client().beta.threads.runs
    list(runs.create("thread_1", assistant_id="asst_1", stream=True))

    [call] = [part for one in observed.one()["gen_ai.output.messages"] for part in one["parts"] if "id" in part]
    assert (call["type"], call["name"]) == ("server_tool_call", "code_interpreter")
    assert call["server_tool_call"]["input"] == "1+1"


@pytest.mark.parametrize("state", ["failed", "expired"])
def test_a_run_that_failed_is_an_error(state: str, observed: Observed) -> None:
    failed = run(state, id=f"run_{state}", last_error={"code": "server_error", "message": "sorry"})
    Service([failed]).client().beta.threads.create_and_run(
        assistant_id="asst_1", thread={"messages": [{"role": "user", "content": "Hello"}]}
    )

    seen = observed.one()
    assert (seen.name, seen.status, seen["error.type"]) == ("invoke_agent asst_1", "error", "server_error")
    assert seen["gen_ai.input.messages"][0]["parts"] == [{"type": "text", "content": "Hello"}]
    assert seen["gen_ai.conversation.id"] == "thread_1"


def test_a_message_that_is_added_to_a_thread(observed: Observed) -> None:
    messages = Service([thread_message("Hello", "user")]).client().beta.threads.messages
    messages.create("thread_1", role="user", content="Hello")

    seen = observed.one()
    assert seen.name == "threads.messages.create"
    assert seen["gen_ai.conversation.id"] == "thread_1"
    assert seen["gen_ai.input.messages"] == [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]
