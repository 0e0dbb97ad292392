"""LangChain: everything that reports through the callbacks of langchain-core, LangGraph too.

Embeddings and vector stores report nothing there; their calls of a provider are seen by that provider's instrumentor.
"""

from __future__ import annotations

from sojourn_instrumentors._kit import Instrumentor
from sojourn_instrumentors._langchain.listening import bridge

__all__ = ["INSTRUMENTOR"]

INSTRUMENTOR = Instrumentor(
    library="langchain_core",
    requires="langchain-core >= 0.3.15",
    hooks=(bridge(),),
    newest="1.7.2",
    surfaces="models, chains and other runnables, tools, retrievers, agents; LangGraph's graphs and nodes",
)
