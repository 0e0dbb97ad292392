"""LangChain and LangGraph: every kind of run, and every way to start one."""
