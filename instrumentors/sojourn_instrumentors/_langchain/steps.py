"""Steps: what chains, graphs, nodes, tools and retrievers are told to us as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn_instrumentors._kit import Step, as_dict
from sojourn_instrumentors._langchain.graphs import NAMELESS, node_facts
from sojourn_instrumentors._langchain.labels import attempt, conversation, label

if TYPE_CHECKING:
    from sojourn_instrumentors._langchain.graphs import Graph
    from sojourn_instrumentors._langchain.labels import Told

__all__ = ["chain", "retriever", "tool"]

# LangChain's own agents before it had graphs.
_EXECUTOR = "AgentExecutor"
_GRAPHS = ("langgraph", "langchain_create_agent")


def chain(told: dict[str, Any], graph: Graph | None, above: Told | None) -> Step:
    """A runnable that is no model, tool or retriever; `graph` when it is the run of one."""
    name, tags, metadata = told.get("name") or "chain", told.get("tags") or (), as_dict(told.get("metadata"))
    node = metadata.get("langgraph_node")
    if graph is not None or (node is None and metadata.get("ls_integration") in _GRAPHS):
        step = _graph(name, metadata, graph, above)
    elif name == _EXECUTOR:
        step = Step(name, semconv.INVOKE_AGENT, agent_name=name)
    else:
        step = Step(name, kind="chain")
    step.others = label(tags, metadata, above)
    if above is None:
        step.conversation_id = step.conversation_id or conversation(metadata)
    elif node is not None:
        step.others.update(node_facts(metadata, above[1]))
    if again := attempt(tags):
        step.others[semconv.RETRY_ATTEMPT] = again
    return step


def tool(about: Any, told: dict[str, Any], above: Told | None) -> Step:
    run_name, metadata, facts = told.get("name"), as_dict(told.get("metadata")), as_dict(about)
    name = facts.get("name") or run_name or "tool"
    step = Step(name, semconv.EXECUTE_TOOL, tool_name=name, tool_type="function")
    step.tool_description, step.tool_call_id = facts.get("description"), told.get("tool_call_id")
    step.others = label(told.get("tags"), metadata, above)
    if above is None:
        step.conversation_id = conversation(metadata)
    if run_name and run_name != name:
        step.others[semconv.RUN_NAME] = run_name
    return step


def retriever(told: dict[str, Any], above: Told | None) -> Step:
    metadata = as_dict(told.get("metadata"))
    name = told.get("name") or metadata.get("ls_retriever_name") or ""
    step = Step(name, semconv.RETRIEVAL, data_source=name or None)
    step.others = label(told.get("tags"), metadata, above)
    if above is None:
        step.conversation_id = conversation(metadata)
    return step


def _graph(name: str, metadata: dict[str, Any], graph: Graph | None, above: Told | None) -> Step:
    # Runs inside an agent inherit what its metadata say of it.
    inherited = {} if above is None else above[1]
    agent = metadata.get("lc_agent_name")
    if agent is not None and inherited.get("lc_agent_name") == agent:
        agent = None
    if graph is None:
        made = metadata.get("ls_integration") == "langchain_create_agent"
        step = _named(name, agent, is_agent=made or agent is not None)
        step.conversation_id = conversation(metadata)
        return step
    step = _named(name, agent or graph.name, is_agent=graph.is_agent or agent is not None)
    step.conversation_id = graph.thread or conversation(metadata)
    return step


def _named(name: str, called: str | None, *, is_agent: bool) -> Step:
    """The run of a graph under the name `name`, when the graph itself is `called` something, or nothing."""
    shown = name if name != NAMELESS else called or ""
    if is_agent:
        return Step(shown, semconv.INVOKE_AGENT, agent_name=called)
    return Step(shown or name, semconv.INVOKE_WORKFLOW, workflow_name=called or name)
