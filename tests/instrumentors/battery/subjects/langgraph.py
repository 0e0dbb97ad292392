"""LangGraph: it tells its runs to LangChain's callbacks and makes no call by itself.

What its instrumentor adds to them, and that it leaves no trace when uninstalled, is in tests/instrumentors/langchain.
"""

from __future__ import annotations

SUBJECT = None
