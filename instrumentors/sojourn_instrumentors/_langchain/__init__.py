"""What the modules of LangChain and LangGraph share: one listener, and the readers of what it is told."""
