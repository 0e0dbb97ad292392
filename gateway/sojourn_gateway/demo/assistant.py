"""A LangGraph agent with two tools that plans the trip, in the session that another program began."""

# Signatures of LangChain and LangGraph are partly unknown to pyright.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Annotated, Any, Literal

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import Field

import sojourn

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langgraph.graph.state import CompiledStateGraph


PRICES = {"Paris": 140, "Rome": 110, "Oslo": 150}


@tool
def price_per_night(city: Literal["Paris", "Rome", "Oslo"]) -> str:
    """Price of one hotel night in a city, in euros."""
    return f"One night in {city} costs {PRICES[city]} euros."


@tool
def total_price(nights: Annotated[int, Field(ge=1, le=9)], price: Annotated[int, Field(ge=50, le=200)]) -> str:
    """Total price of a stay: nights times the price of one night."""
    return f"{nights} nights at {price} euros cost {nights * price} euros."


def planner() -> CompiledStateGraph[MessagesState, Any, Any, Any]:
    """An agent that must look something up, and then answers in words."""
    tools = [price_per_night, total_price]
    model = ChatOpenAI(model="gpt-4o-mini", temperature=0, max_completion_tokens=64)
    seeker = model.bind_tools(tools, tool_choice="required")

    def think(state: MessagesState) -> dict[str, list[AIMessage]]:
        knows = any(message.type == "tool" for message in state["messages"])
        return {"messages": [(model if knows else seeker).invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    return graph.compile(name="planner")


def main() -> None:
    """Ask the agent two questions, then end the session."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--session", help="id of the session to join; a new one begins without it")
    session = sojourn.init(tags=["demo", "assistant"], inherited_session_id=arguments.parse_args().session)
    print(f"session {session.session_id}", flush=True)
    agent = planner()
    for question in ("What does one night in Rome cost?", "What is the total price of 3 nights at 110 euros?"):
        print(question)
        for message in agent.invoke({"messages": [("user", question)]})["messages"][1:]:
            for call in getattr(message, "tool_calls", ()):
                print(f"  {call['name']}({call['args']})")
            if message.text and message.type == "ai":
                print(f"  {message.text.strip()}")
    sojourn.end_session("Success", end_state_reason="the trip is planned")


if __name__ == "__main__":
    main()
