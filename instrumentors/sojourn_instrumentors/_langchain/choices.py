"""Choices: what programs of LangChain and LangGraph decide, as steps of their own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from sojourn import semconv
from sojourn_instrumentors._kit import Step, as_dict, as_list
from sojourn_instrumentors._langchain.graphs import goto

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sojourn.content import ContentPolicy
    from sojourn_instrumentors._kit.observation import Observation
    from sojourn_instrumentors._langchain.graphs import Graph

__all__ = [
    "CHOSEN",
    "PAUSED",
    "begin_choice",
    "chosen",
    "decision",
    "find_choice",
    "handover",
    "listed",
    "tries_in_turn",
]

Choice: TypeAlias = tuple[str, Any]
"""A conditional edge: how it is called, and what LangGraph knows of it."""

PAUSED = ("pause", "")
CHOSEN = "routing"
# LangChain's name for a run that tries one runnable after the other, and where that is written; callbacks tell names
# only, and a program may give such a run another one.
_FALLBACKS = "RunnableWithFallbacks"
_OF_FALLBACKS = "langchain_core.runnables.fallbacks"
_OF_CALLBACKS = "langchain_core.callbacks.manager"
_MOST = 100
"""Names that one decision tells. A graph may send work to thousands of nodes at once."""
_START = "__start__"
_END = "__end__"
_PARENT = "__parent__"
_OF_NODES = (
    semconv.LANGGRAPH_NODE,
    semconv.LANGGRAPH_STEP,
    semconv.LANGGRAPH_TRIGGERS,
    semconv.LANGGRAPH_CHECKPOINT_NS,
)
# What tools that hand over call their arguments.
_TASK, _REASON = ("task_description", "task"), ("reason",)


def decision(kind: str, made: str | None, *, target: str | None = None, reasoning: Any = None) -> Step:
    """Something that was decided."""
    step = Step(f"decision {kind}", kind="decision")
    step.others = {
        semconv.DECISION_KIND: kind,
        semconv.DECISION_MADE: made,
        semconv.DECISION_TARGET: target,
    }
    if reasoning is not None:
        step.asides[semconv.DECISION_REASONING] = reasoning
    return step


def handover(step: Step, given: Any, aims: list[str], above: Observation | None) -> Iterator[Step]:
    """What a step decided that goes on at `aims`, as far as nothing below it said so.

    Who leaves a graph hands over to another agent, and so does a tool that goes on at a node which is one. Whatever
    else is chosen is only what comes next.
    """
    fresh = [aim for aim in aims if (CHOSEN, aim) not in step.decided]
    found = {(CHOSEN, aim) for aim in aims}
    step.decided |= found
    if above is not None and isinstance(above.record, Step):
        above.record.decided |= found
    if step.choice is not None or not fresh:
        return
    agents = _agents(step, given, fresh, above)
    if plain := [aim for aim in fresh if aim not in agents and aim != _END] if agents else fresh:
        told = ", ".join(listed(plain))
        yield decision(CHOSEN, told, target=told)
    if not agents:
        return
    agent, taken = _agent(step, above), as_dict(step.taken)
    reason, task = _first(taken, _REASON), _first(taken, _TASK)
    for aim in agents:
        yield decision("handoff", aim, target=aim, reasoning=reason)
        passed = Step(f"handoff {aim}", kind="handoff")
        passed.others = {semconv.HANDOFF_FROM: agent, semconv.HANDOFF_TO: aim}
        for name, said in ((semconv.HANDOFF_REASON, reason), (semconv.HANDOFF_TASK, task)):
            if said is not None:
                passed.asides[name] = said
        yield passed


def listed(aims: list[str]) -> list[str]:
    """Names of nodes, and of those beyond the first hundred how many there are."""
    return aims if len(aims) <= _MOST else [*aims[:_MOST], f"and {len(aims) - _MOST:,} more"]


def tries_in_turn(name: str) -> bool:
    """Whether the run that LangChain tells us of at this moment is one that tries one runnable after the other."""
    if name == _FALLBACKS:
        return True
    # No argument says of what class a run is; who begins it stands behind LangChain's own callbacks.
    frame = sys._getframe(2)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # see above
    while frame.f_back is not None and frame.f_globals.get("__name__") == _OF_CALLBACKS:
        frame = frame.f_back
    return frame.f_globals.get("__name__") == _OF_FALLBACKS


def find_choice(name: str | None, metadata: dict[str, Any], above: Observation) -> Choice | None:
    """The conditional edge whose function a run is, below a node or at the beginning of a graph."""
    node = metadata.get("langgraph_node")
    if node != _START and not (isinstance(above.record, Step) and semconv.LANGGRAPH_NODE in above.record.others):
        return None
    for called, branch in as_dict(above.graph.branches.get(node)).items():
        path = getattr(branch, "path", None)
        if name in (called, getattr(path, "name", None) or type(path).__name__):
            return called, branch
    return None


def begin_choice(step: Step, choice: Choice) -> None:
    """Make a step the choice that it is."""
    step.kind, (step.name, step.choice) = "decision", choice
    step.others[semconv.DECISION_KIND] = CHOSEN
    step.others[semconv.DECISION_CONDITION] = step.name
    # The beginning of a graph is no node of it, though it is told as one.
    if step.others.get(semconv.LANGGRAPH_NODE) == _START:
        for fact in _OF_NODES:
            step.others.pop(fact, None)


def chosen(step: Step, output: Any, policy: ContentPolicy) -> None:
    """Write where the function of a conditional edge leads."""
    ends = as_dict(getattr(step.choice, "ends", None))
    targets: list[str] = []
    for one in as_list(output) or (output,):
        target: list[Any] = goto(one) or [_end(one, ends)]
        targets += [name for name in target if isinstance(name, str)]
    made = policy.redact(", ".join(listed(targets))) or None
    step.others[semconv.DECISION_MADE] = step.others[semconv.DECISION_TARGET] = made
    step.others[semconv.DECISION_MATCHED] = made is not None
    if ends and step.wants_content:
        step.asides[semconv.DECISION_CANDIDATES] = [
            {"target": end, "condition": str(key), "result": "chosen" if end in targets else "not chosen"}
            for key, end in ends.items()
        ]


def _agents(step: Step, given: Any, aims: list[str], above: Observation | None) -> list[str]:
    """Those of the aims that are other agents, each once."""
    around = above
    while around is not None and around.graph is None:
        around = around.above
    graph: Graph | None = None if around is None or step.operation != semconv.EXECUTE_TOOL else around.graph
    leaving: set[str] = set()
    for one in as_list(given) or (given,):
        if getattr(one, "graph", None) == _PARENT:
            leaving.update(goto(one) or ())
    found = dict.fromkeys(
        aim for aim in aims if aim != _END and (aim in leaving or (graph is not None and graph.is_graph(aim)))
    )
    return list(found)[:_MOST]


def _agent(step: Step, above: Observation | None) -> str | None:
    record: Any = step
    while not (isinstance(record, Step) and record.operation == semconv.INVOKE_AGENT and record.agent_name):
        if above is None:
            return None
        record, above = above.record, above.above
    return record.agent_name


def _first(taken: dict[str, Any], names: tuple[str, ...]) -> str | None:
    found = (taken.get(name) for name in names)
    return next((one for one in found if isinstance(one, str) and one), None)


def _end(one: Any, ends: dict[Any, str]) -> Any:
    try:
        return ends.get(one, one)
    except TypeError:  # it cannot be hashed, and so is no key
        return one
