"""The listener: a callback handler of LangChain that tells its runs to the kit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn.faults import contained
from sojourn_instrumentors._formats.langchain_messages import plain, read_document, read_sent, read_tools
from sojourn_instrumentors._formats.langchain_results import read_result
from sojourn_instrumentors._kit import Step, as_dict
from sojourn_instrumentors._kit.observation import error_type
from sojourn_instrumentors._langchain import steps
from sojourn_instrumentors._langchain.calls import call
from sojourn_instrumentors._langchain.choices import (
    PAUSED,
    begin_choice,
    chosen,
    decision,
    find_choice,
    handover,
    listed,
    tries_in_turn,
)
from sojourn_instrumentors._langchain.graphs import COMING, goto, is_resuming, steering
from sojourn_instrumentors._langchain.labels import attempt, redact

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from opentelemetry.trace import SpanContext

    from sojourn_instrumentors._kit import Generation, Runs
    from sojourn_instrumentors._kit.observation import Observation
    from sojourn_instrumentors._langchain.graphs import Graph

__all__ = ["Listener"]

# LangGraph and others put this tag on the runs that are their own plumbing.
_HIDDEN = "langsmith:hidden"
_MAX_PAUSED = 1000
"""Graphs that paused and may go on, remembered so that their runs are linked. The oldest is forgotten first."""


class Listener:
    """Becomes a callback handler of LangChain when that is there to inherit from."""

    run_inline = True  # on the caller's thread and in its context, where claims are laid
    # What gets past our guards is what the program's own limits raise, and faults of ours under test.
    raise_error = True

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self._paused: dict[tuple[str | None, str, str], SpanContext] = {}

    # In what follows guards are built only when needed, and ids are told as numbers, since each of them would be a
    # call (a UUID is hashed in Python) on the program's thread for every run.

    def on_chain_start(
        self, _: Any, inputs: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **told: Any
    ) -> None:
        try:
            graph = COMING.get()
            if graph is not None:
                COMING.set(None)
            above_id = None if parent_run_id is None else parent_run_id.int
            above = self.runs.get(above_id)
            choice = None
            if above is not None and above.graph is not None and above.graph.branches:
                choice = find_choice(told.get("name"), told.get("metadata") or {}, above)
            if choice is None and _HIDDEN in (told.get("tags") or ()):
                self.runs.hide(run_id.int, above_id)
                return
            step = steps.chain(told, graph, None if above is None else above.told)
            if choice is not None:
                begin_choice(step, choice)
            if above is not None and above.failed_below:
                self._fall_back(step.name, above, above_id)
            if semconv.RETRY_ATTEMPT in step.others:
                self._try_again(step.others[semconv.RETRY_ATTEMPT], step.name, above_id)
            if self.runs.policy.redactors:
                redact(step, self.runs.policy)
            begun = self.runs.start(run_id.int, above_id, step, lambda: plain(inputs))
            if begun is not None:
                begun.told = (told.get("tags") or (), told.get("metadata") or {})
                if tries_in_turn(step.name):
                    begun.failed_below = False
                if graph is not None:
                    begun.graph = graph
                    self._begin_graph(begun, step, graph, inputs, run_id)
                elif above is not None and above.graph is not None and semconv.LANGGRAPH_NODE in step.others:
                    begun.graph = above.graph
        except Exception:
            with contained("langchain.chain_start"):
                raise

    def on_tool_start(
        self, tool: Any, input_text: str, *, run_id: UUID, parent_run_id: UUID | None = None, **told: Any
    ) -> None:
        with contained("langchain.tool_start"):
            above_id = None if parent_run_id is None else parent_run_id.int
            given = told.get("inputs")
            above = self.runs.get(above_id)
            step = steps.tool(tool, told, None if above is None else above.told)
            if above is not None:
                self._come_again(step, step.name, told, above, above_id)
            if self.runs.policy.redactors:
                redact(step, self.runs.policy)
            begun = self.runs.start(run_id.int, above_id, step, lambda: plain(input_text if given is None else given))
            _remember(begun, told)

    def on_retriever_start(
        self, _: Any, query: str, *, run_id: UUID, parent_run_id: UUID | None = None, **told: Any
    ) -> None:
        with contained("langchain.retriever_start"):
            above_id = None if parent_run_id is None else parent_run_id.int
            above = self.runs.get(above_id)
            step = steps.retriever(told, None if above is None else above.told)
            if above is not None:
                self._come_again(step, step.name, told, above, above_id)
            if self.runs.policy.redactors:
                redact(step, self.runs.policy)
            _remember(self.runs.start(run_id.int, above_id, step, lambda: query), told)

    def on_chat_model_start(
        self, _: Any, messages: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **told: Any
    ) -> None:
        self.runs.admit(told.get("invocation_params"))
        with contained("langchain.chat_model_start"):
            self._call(semconv.CHAT, run_id, parent_run_id, told, lambda gen: read_sent(messages[0], gen))

    def on_llm_start(
        self, _: Any, prompts: list[str], *, run_id: UUID, parent_run_id: UUID | None = None, **told: Any
    ) -> None:
        self.runs.admit(told.get("invocation_params"))
        with contained("langchain.llm_start"):
            self._call(semconv.TEXT_COMPLETION, run_id, parent_run_id, told, lambda gen: read_sent(prompts, gen))

    def on_llm_new_token(self, *_: Any, run_id: UUID, **__: Any) -> None:
        with contained("langchain.token"):
            self.runs.streamed(run_id.int)

    on_stream_event = on_llm_new_token

    def on_llm_end(self, result: Any, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id, lambda record: read_result(result, record))

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **told: Any) -> None:
        self._end(run_id, lambda record: self._give_chain(record, outputs, run_id, told))

    def on_tool_end(self, output: Any, *, run_id: UUID, **told: Any) -> None:
        self._end(run_id, lambda record: self._give_tool(record, output, run_id, told))

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id, lambda record: _give(record, [read_document(one) for one in documents]))

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        steered = steering(error)
        partly = told.get("response")
        if steered is None:
            self._failed(told.get("parent_run_id"))
            self._end(run_id, lambda record: read_result(partly, record), error)
            return
        if steered == "interrupted":
            with contained("langchain.pause"):
                self._tell_pause(run_id, error.args[0] if error.args else None)
                self.pause(told.get("parent_run_id"))
                self.pause(run_id)
        self._end(run_id, lambda record: self._steer(record, error, steered, run_id, told))

    on_llm_error = on_tool_error = on_retriever_error = on_chain_error

    def on_retry(self, state: Any, *, run_id: UUID, **_: Any) -> None:
        with contained("langchain.retry"):
            outcome = getattr(state, "outcome", None)
            error = outcome.exception() if outcome is not None and outcome.failed else None
            facts: dict[str, Any] = {semconv.RETRY_ATTEMPT: state.attempt_number}
            if error is not None:
                facts[semconv.ERROR_TYPE] = error_type(error)
            self._happened(run_id, semconv.RETRY_EVENT, facts)
            begun = self.runs.get(run_id.int)
            if begun is not None:
                self._try_again(state.attempt_number + 1, getattr(begun.record, "name", None), run_id.int)

    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **_: Any) -> None:
        with contained("langchain.custom_event"):
            self._happened(run_id, semconv.CUSTOM_EVENT, {semconv.EVENT_NAME: name}, data)

    def pause(self, run_id: UUID | None, *, checkpoint: str | None = None) -> None:
        """A graph, or a node of one, stops to wait for a person."""
        begun = None if run_id is None else self.runs.get(run_id.int)
        if begun is None or not isinstance(begun.record, Step):
            return
        begun.record.others[semconv.LANGGRAPH_END_STATE] = "interrupted"
        if checkpoint is not None:
            self._tell_pause(run_id)
            begun.record.others[semconv.LANGGRAPH_CHECKPOINT_ID] = checkpoint
        lineage = begun.lineage
        if lineage is not None:
            self._paused[lineage] = begun.place
            while len(self._paused) > _MAX_PAUSED:
                self._paused.pop(next(iter(self._paused)), None)

    def resume(self, run_id: UUID | None, checkpoint: str | None) -> None:
        """A graph goes on from a checkpoint."""
        begun = None if run_id is None else self.runs.get(run_id.int)
        if begun is not None and isinstance(begun.record, Step):
            begun.record.others[semconv.LANGGRAPH_RESUMED] = True
            begun.record.others[semconv.LANGGRAPH_CHECKPOINT_ID] = checkpoint

    def _tell_pause(self, run_id: UUID | None, asked: Any = None) -> None:
        """Say once, where it happened, that the program waits for a person; graphs around it pause with it."""
        begun = None if run_id is None else self.runs.get(run_id.int)
        if begun is None or run_id is None or not isinstance(begun.record, Step):
            return
        if PAUSED not in begun.record.decided:
            begun.record.decided.add(PAUSED)
            self._note(decision("pause", "pause", reasoning=plain(asked) if asked else None), run_id.int)
        if begun.above is not None and isinstance(begun.above.record, Step):
            begun.above.record.decided.add(PAUSED)

    def _failed(self, parent_run_id: UUID | None) -> None:
        above = None if parent_run_id is None else self.runs.get(parent_run_id.int)
        if above is not None and above.failed_below is not None:
            above.failed_below = True

    def _come_again(
        self,
        record: Step | Generation,
        name: str | None,
        told: dict[str, Any],
        above: Observation,
        above_id: int | None,
    ) -> None:
        """Say of what is no chain that it is called after something failed: in place of it, or once more."""
        if above.failed_below:
            self._fall_back(name, above, above_id)
        again = attempt(told.get("tags") or ())
        if again is not None:
            record.others[semconv.RETRY_ATTEMPT] = again
            self._try_again(again, name, above_id)

    def _fall_back(self, name: str | None, above: Observation, above_id: int | None) -> None:
        above.failed_below = False
        self._note(decision("retry", f"fall back to {name}" if name else "fall back", target=name), above_id)

    def _try_again(self, attempt: int, name: str | None, above_id: int | None) -> None:
        self._note(decision("retry", f"attempt {attempt}", target=name), above_id)

    def _note(self, step: Step, above_id: int | None) -> None:
        if self.runs.policy.redactors:
            redact(step, self.runs.policy)
        self.runs.note(step, above_id)

    def _begin_graph(self, begun: Observation, step: Step, graph: Graph, inputs: Any, run_id: UUID) -> None:
        begun.lineage = graph.lineage
        step.others[semconv.LANGGRAPH_CHECKPOINT_ID] = graph.checkpoint
        if is_resuming(inputs, graph):
            step.others[semconv.LANGGRAPH_RESUMED] = True
            if not graph.namespace:
                answer = getattr(inputs, "resume", None)
                self._note(
                    decision("resume", "resume", reasoning=None if answer is None else plain(answer)), run_id.int
                )
            paused = None if graph.lineage is None else self._paused.pop(graph.lineage, None)
            if paused is not None:
                begun.link(paused)

    def _call(
        self,
        operation: str,
        run_id: UUID,
        parent_run_id: UUID | None,
        told: dict[str, Any],
        read: Callable[[Generation], None],
    ) -> None:
        def content(gen: Generation) -> None:
            read(gen)
            gen.tools = read_tools(as_dict(told.get("invocation_params")))

        above_id = None if parent_run_id is None else parent_run_id.int
        above = self.runs.get(above_id)
        generation = call(operation, told, None if above is None else above.told)
        if above is not None:
            self._come_again(generation, generation.model or told.get("name"), told, above, above_id)
        if self.runs.policy.redactors:
            redact(generation, self.runs.policy)
        batch = told.get("invocation_params")
        _remember(self.runs.start_call(run_id.int, above_id, generation, content, batch=batch), told)

    def _give_chain(self, step: Step, outputs: Any, run_id: UUID, told: dict[str, Any]) -> None:
        if step.wants_content and "inputs" in told:
            # Of what is handed on in pieces LangChain knows only at the end what went in.
            step.asides[semconv.INPUT] = plain(told["inputs"])
        if step.choice is not None:
            chosen(step, outputs, self.runs.policy)
        if aims := _give(step, outputs):
            self._hand_over(step, outputs, aims, run_id, told)

    def _give_tool(self, step: Step, output: Any, run_id: UUID, told: dict[str, Any]) -> None:
        content = getattr(output, "content", output)
        if aims := _give(step, content):
            self._hand_over(step, content, aims, run_id, told)
        if step.tool_call_id is None:
            step.others[semconv.TOOL_CALL_ID] = getattr(output, "tool_call_id", None)
        if getattr(output, "status", None) == "error":
            step.failure = str(content)

    def _steer(self, step: Step, error: BaseException, steered: str, run_id: UUID, told: dict[str, Any]) -> None:
        step.others[semconv.LANGGRAPH_END_STATE] = steered
        given = error.args[0] if error.args else None
        if aims := _give(step, given):
            self._hand_over(step, given, aims, run_id, told)

    def _hand_over(self, step: Step, given: Any, aims: list[str], run_id: UUID, told: dict[str, Any]) -> None:
        parent_id = told.get("parent_run_id")
        above = None if parent_id is None else self.runs.get(parent_id.int)
        for one in handover(step, given, aims, above):
            self._note(one, run_id.int)

    def _end(self, run_id: UUID, read: Callable[[Any], Any], error: BaseException | None = None) -> None:
        try:
            self.runs.end(run_id.int, read, error)
        except Exception:
            with contained("langchain.end"):
                raise

    def _happened(self, run_id: UUID, name: str, facts: dict[str, Any], data: Any = None) -> None:
        begun = self.runs.get(run_id.int)
        if begun is not None:
            begun.happened(name, facts, () if data is None else ((semconv.EVENT_DATA, plain(data)),))


def _remember(begun: Observation | None, told: dict[str, Any]) -> None:
    if begun is not None:
        begun.told = (told.get("tags") or (), told.get("metadata") or {})


def _give(step: Step, given: Any) -> list[str] | None:
    aims = goto(given)
    if aims:
        step.others[semconv.LANGGRAPH_GOTO] = listed(aims)
    if step.wants_content:
        step.given = plain(given)
    return aims
