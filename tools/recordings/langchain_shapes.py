"""Every shape of LangChain call that is recorded; tests replay these same calls."""

# Signatures of LangChain and LangGraph are partly unknown to pyright.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from openai import DefaultAsyncHttpxClient
from pydantic import BaseModel, Field, SecretStr

from tools.recordings.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable
    from langgraph.graph.state import CompiledStateGraph

__all__ = ["MODEL", "SHAPES", "agent"]

MODEL = "gpt-4o-mini"


class Verdict(BaseModel):
    """What the structured answer is held to."""

    good: bool
    points: int = Field(ge=0, le=10)


@tool
def price_per_night(city: Literal["Paris", "Rome", "Oslo"]) -> int:
    """Price of one hotel night in a city, in euros."""
    return {"Paris": 140, "Rome": 110, "Oslo": 150}[city]


@tool
def total_price(nights: Annotated[int, Field(ge=1, le=9)], price: Annotated[int, Field(ge=50, le=200)]) -> int:
    """Total price of a stay: nights times the price of one night."""
    return nights * price


def _model(base_url: str, max_tokens: int = 16, *, stream_usage: bool | None = None) -> ChatOpenAI:
    return ChatOpenAI(
        model=MODEL,
        base_url=base_url,
        api_key=SecretStr("recorded"),
        max_retries=0,
        # langchain-openai keeps one asynchronous client for the process, which breaks under a second event loop.
        http_async_client=DefaultAsyncHttpxClient(),
        max_completion_tokens=max_tokens,
        stream_usage=stream_usage,
    )


def _invoke(base_url: str) -> None:
    _model(base_url).invoke("Name a tree.")


def _stream(base_url: str) -> None:
    for _ in _model(base_url, stream_usage=True).stream("Name a bird."):
        pass


def _batch(base_url: str) -> None:
    _model(base_url).batch(["Say the letter A.", "Say the letter B.", "Say the letter C."])


def _ainvoke(base_url: str) -> None:
    asyncio.run(_model(base_url).ainvoke("Name a fish."))


def _astream(base_url: str) -> None:
    async def call() -> None:
        async for _ in _model(base_url, stream_usage=True).astream("Name a flower."):
            pass

    asyncio.run(call())


def _abatch(base_url: str) -> None:
    asyncio.run(_model(base_url).abatch(["Say the number 1.", "Say the number 2."]))


def _sequence(base_url: str) -> None:
    prompt = ChatPromptTemplate.from_messages([("system", "You are brief."), ("human", "Name a {thing}.")])
    (prompt | _model(base_url) | StrOutputParser()).invoke({"thing": "planet"})


def _tools(base_url: str) -> None:
    _model(base_url, max_tokens=96).bind_tools([price_per_night], tool_choice="required").invoke(
        "What does one night in Oslo cost?"
    )


def _structured(base_url: str) -> None:
    _model(base_url, max_tokens=60).with_structured_output(Verdict, method="json_schema").invoke("Judge: bread.")


def agent(model: ChatOpenAI) -> CompiledStateGraph[MessagesState, Any, Any, Any]:
    """A LangGraph agent with two tools, which must look something up before it answers."""
    tools = [price_per_night, total_price]
    first: Runnable[LanguageModelInput, AIMessage] = model.bind_tools(tools, tool_choice="required")
    later = model.bind_tools(tools)

    def think(state: MessagesState) -> dict[str, list[AIMessage]]:
        knows = any(message.type == "tool" for message in state["messages"])
        return {"messages": [(later if knows else first).invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("agent", think)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", tools_condition)
    graph.add_edge("tools", "agent")
    return graph.compile()


def _agent(base_url: str) -> None:
    question = "What is the total price of 3 nights at 110 euros?"
    agent(_model(base_url, max_tokens=48)).invoke({"messages": [("user", question)]})


def _agent_parallel(base_url: str) -> None:
    agent(_model(base_url, max_tokens=64)).invoke({"messages": [("user", "What does one night in Rome cost?")]})


def _refused(base_url: str) -> None:
    _model(base_url).invoke("Are you there?")


def _langchain(name: str, call: Callable[[str], None], **rest: Any) -> Shape:
    return Shape(f"langchain/{name}", call, **rest)


SHAPES = (
    _langchain("invoke", _invoke),
    _langchain("stream", _stream),
    _langchain("batch", _batch),
    _langchain("ainvoke", _ainvoke),
    _langchain("astream", _astream),
    _langchain("abatch", _abatch),
    _langchain("sequence", _sequence),
    _langchain("tools", _tools),
    _langchain("structured", _structured),
    _langchain("agent", _agent),
    _langchain("agent_parallel", _agent_parallel),
    _langchain("chat_401", _refused, fails="OpenAIAuthenticationError", refusal="unauthorized"),
)
