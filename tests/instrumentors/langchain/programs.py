"""Small programs over LangChain's own fakes, as the tests run them."""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import tool

from tests.instrumentors.chat_models import fake_chat, said

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.messages import AIMessage

__all__ = ["QUESTION", "Shelf", "add", "agent", "answers_of", "calls", "greeting", "library", "state_graph"]

QUESTION: Any = {"messages": [("user", "What is 1 + 2?")]}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Shelf(BaseRetriever):
    """A retriever that always finds one document."""

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [Document(page_content=f"about {query}", id="d1", metadata={"score": 0.5, "page": 3})]


def agent(*answers: AIMessage | str, tools: list[Any] | None = None, name: str = "calculator") -> Any:
    """An agent of LangGraph's own make."""
    with warnings.catch_warnings():
        # It moved to another distribution, and says so; many programs have it still.
        warnings.simplefilter("ignore")
        return library("langgraph.prebuilt").create_react_agent(
            fake_chat(*answers), [add] if tools is None else tools, name=name
        )


def calls(name: str, **arguments: Any) -> AIMessage:
    """An answer that asks for a tool."""
    return said("", tool_calls=[{"name": name, "args": arguments, "id": "c1", "type": "tool_call"}])


def greeting(*answers: AIMessage | str) -> Any:
    """A prompt, a model and a parser in a row."""
    prompt: Any = ChatPromptTemplate.from_template("Say {word}")
    return prompt | fake_chat(*(answers or ("a b",))) | StrOutputParser()


def state_graph(state: Any) -> Any:
    """A graph under construction; its types say more than tests need to know."""
    return library("langgraph.graph").StateGraph(state)


def library(module: str) -> Any:
    """A module whose signatures leave types open, as programs without annotations have it."""
    return importlib.import_module(module)


def answers_of(result: Any) -> list[str]:
    """The words of each message of a state."""
    return [message.text for message in result["messages"]]
