"""Graphs: what LangGraph knows of a run that its callbacks do not say."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sojourn import semconv
from sojourn_instrumentors._kit import as_dict, as_list

__all__ = ["COMING", "NAMELESS", "Graph", "goto", "is_resuming", "node_facts", "read_graph", "steering"]

NAMELESS = "LangGraph"
"""LangGraph's name for a graph that was given none."""

# The functions that make agents; their graphs are known by nodes made inside of them.
_MAKERS = ("create_react_agent.", "create_agent.")
# What LangGraph raises to pause a graph, and to hand over to another one: control flow, not errors.
_CONTROL_FLOW, _PAUSE = "GraphBubbleUp", "GraphInterrupt"


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph that is about to run."""

    name: str | None
    is_agent: bool
    thread: str | None
    namespace: str
    checkpoint: str | None
    branches: dict[str, Any]
    """Its conditional edges, by the node that they start from."""
    nodes: dict[str, Any]

    @property
    def lineage(self) -> tuple[str | None, str, str] | None:
        """What a run that pauses and the one that goes on from there have in common."""
        return None if self.thread is None else (self.name, self.thread, self.namespace)

    def is_graph(self, node: str) -> bool:
        """Whether a node of it is, or calls, a graph of its own: an agent, say."""
        held = self.nodes.get(node)
        # Older releases look for graphs inside of functions only when they are asked for their state.
        return bool(getattr(held, "subgraphs", None)) or hasattr(getattr(held, "bound", None), "get_subgraphs")


COMING: ContextVar[Graph | None] = ContextVar("sojourn_langgraph", default=None)
"""The graph whose run the callbacks tell of next, in this context."""


def read_graph(graph: Any, config: Any) -> Graph:
    """Of a compiled graph and the configuration that it runs with."""
    chosen = as_dict(as_dict(config).get("configurable"))
    thread, nodes = chosen.get("thread_id"), as_dict(getattr(graph, "nodes", None))
    name = getattr(graph, "name", None)
    if name == NAMELESS:
        # A workflow of the functional API is one node, which has its name.
        name = next(iter(nodes)) if len(nodes) == 1 else None
    return Graph(
        name=name,
        is_agent=any(_is_made_by_agent_maker(node) for node in nodes.values()),
        thread=None if thread is None else str(thread),
        namespace=chosen.get("checkpoint_ns") or "",
        checkpoint=chosen.get("checkpoint_id"),
        branches=as_dict(getattr(getattr(graph, "builder", None), "branches", None)),
        nodes=nodes,
    )


def node_facts(metadata: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Of the run that is a node (or a task of the functional API): the first in its namespace of checkpoints."""
    namespace = metadata.get("langgraph_checkpoint_ns")
    if namespace is None or namespace == above.get("langgraph_checkpoint_ns"):
        return {}
    return {
        semconv.LANGGRAPH_NODE: metadata.get("langgraph_node"),
        semconv.LANGGRAPH_STEP: metadata.get("langgraph_step"),
        semconv.LANGGRAPH_TRIGGERS: list(as_list(metadata.get("langgraph_triggers"))) or None,
        semconv.LANGGRAPH_CHECKPOINT_NS: namespace,
    }


def is_resuming(inputs: Any, graph: Graph) -> bool:
    """Whether a graph goes on where it paused: it is given the answer, or nothing at all."""
    if inputs is None:
        return graph.thread is not None
    return type(inputs).__name__ == "Command" and getattr(inputs, "resume", None) is not None


def steering(error: BaseException) -> str | None:
    """How a step ended whose exception is LangGraph's control flow; None for a real error."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if _PAUSE in kinds:
        return "interrupted"
    return "handed_over" if _CONTROL_FLOW in kinds else None


def goto(output: Any) -> list[str] | None:
    """The nodes that a step chose to go on with, by `Command` or `Send`."""
    named: list[str] = []
    for one in as_list(output) or (output,):
        kind = type(one).__name__
        if kind == "Command":
            for aim in as_list(one.goto) or (one.goto,):
                node = aim if isinstance(aim, str) else getattr(aim, "node", None)
                if isinstance(node, str) and node:
                    named.append(node)
        elif kind == "Send":
            named.append(one.node)
    return named or None


def _is_made_by_agent_maker(node: Any) -> bool:
    bound = getattr(node, "bound", None)
    for function in (getattr(bound, "func", None), getattr(bound, "afunc", None)):
        if getattr(function, "__qualname__", "").startswith(_MAKERS):
            return True
    return False
