"""A plain OpenAI script that gathers facts for a trip. One line of it is about recording: `sojourn.init`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from openai import OpenAI

import sojourn

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

MODEL = "gpt-4o-mini"

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of the next days in a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "enum": ["Paris", "Rome", "Oslo"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
            },
            "required": ["city", "days"],
        },
    },
}


def get_weather(city: str, days: int) -> str:
    """A forecast, as steady as a demo needs it."""
    sky = {"Paris": "cloudy, 14 degrees", "Rome": "sunny, 24 degrees", "Oslo": "snow, -3 degrees"}[city]
    return f"The weather in {city} for the next {days} days: {sky}."


def ask(client: OpenAI, question: str) -> None:
    """One call, answered whole."""
    reply = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": question}], max_tokens=32, temperature=0
    )
    print(f"{question}\n  {(reply.choices[0].message.content or '').strip()}")


def tell(client: OpenAI, question: str) -> None:
    """One call, answered piece by piece."""
    print(f"{question}\n  ", end="")
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": question}],
        max_tokens=40,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        for choice in chunk.choices:
            print(choice.delta.content or "", end="", flush=True)
    print()


def forecast(client: OpenAI, question: str) -> None:
    """A round with a tool: the model asks for it, we run it, the model puts the result into words."""
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": question}]
    asked = client.chat.completions.create(
        model=MODEL, messages=messages, tools=[WEATHER], tool_choice="required", max_tokens=64, temperature=0
    )
    print(question)
    calls = [call for call in asked.choices[0].message.tool_calls or () if call.type == "function"]
    messages.append(
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
                for call in calls
            ],
        }
    )
    for call in calls:
        arguments = json.loads(call.function.arguments)
        # This tool is a plain function of ours, which nobody observes: so it is recorded by hand.
        event = sojourn.ToolEvent(name=call.function.name, params=arguments)
        event.returns = get_weather(**arguments)
        sojourn.record(event)
        print(f"  {call.function.name}({arguments}) = {event.returns}")
        messages.append({"role": "tool", "tool_call_id": call.id, "content": str(event.returns)})
    reply = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=40, temperature=0)
    print(f"  {(reply.choices[0].message.content or '').strip()}")


def main() -> None:
    """Ask for the facts of a trip to Rome."""
    session = sojourn.init(tags=["demo", "researcher"])
    print(f"session {session.session_id}", flush=True)
    with OpenAI() as client:
        ask(client, "Which country is Rome in?")
        tell(client, "Say in two sentences what there is to see in Rome.")
        forecast(client, "How will the weather be in Rome for 3 days?")


if __name__ == "__main__":
    main()
