"""LangChain and LangGraph: everything that reports through the callbacks of langchain-core."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sojourn import semconv
from sojourn.faults import contained
from sojourn_instrumentors._formats.langchain_messages import plain, read_document, read_result, read_sent, read_tools
from sojourn_instrumentors._kit import Bridge, Generation, Instrumentor, Runs, Step, as_dict

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

__all__ = ["INSTRUMENTOR"]

# LangGraph and others put this tag on the runs that are their own plumbing.
_HIDDEN = "langsmith:hidden"
# What LangGraph raises to pause a graph or to hand over to another one: control flow, not an error.
_CONTROL_FLOW = "GraphBubbleUp"
_PROVIDERS = {
    "azure": "azure.ai.openai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "amazon_bedrock": "aws.bedrock",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}


class _Callbacks:
    """Becomes a callback handler of LangChain when that is there to inherit from."""

    run_inline = True  # on the caller's thread and in its context, where claims are laid
    # What gets past our guards is what the program's own limits raise, and faults of ours under test.
    raise_error = True

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def on_chain_start(
        self, _: Any, inputs: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **told: Any
    ) -> None:
        with contained("langchain.chain_start"):
            if _HIDDEN in (told.get("tags") or ()):
                self._runs.hide(run_id, parent_run_id)
                return
            step = _chain(told.get("name") or "chain", as_dict(told.get("metadata")), is_root=parent_run_id is None)
            self._runs.start(run_id, parent_run_id, step, lambda: plain(inputs))

    def on_tool_start(
        self, tool: Any, input_text: str, *, run_id: UUID, parent_run_id: UUID | None = None, **told: Any
    ) -> None:
        with contained("langchain.tool_start"):
            name = as_dict(tool).get("name") or told.get("name") or "tool"
            step = Step(name, semconv.EXECUTE_TOOL, tool_name=name, tool_type="function")
            step.tool_description = as_dict(tool).get("description")
            step.tool_call_id = told.get("tool_call_id")
            self._runs.start(run_id, parent_run_id, step, lambda: plain(told.get("inputs") or input_text))

    def on_retriever_start(
        self, _: Any, query: str, *, run_id: UUID, parent_run_id: UUID | None = None, **told: Any
    ) -> None:
        with contained("langchain.retriever_start"):
            name = told.get("name") or as_dict(told.get("metadata")).get("ls_retriever_name") or ""
            step = Step(name, semconv.RETRIEVAL, data_source=name or None)
            self._runs.start(run_id, parent_run_id, step, lambda: query)

    def on_chat_model_start(
        self, _: Any, messages: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **told: Any
    ) -> None:
        self._runs.admit(told.get("invocation_params"))
        with contained("langchain.chat_model_start"):
            self._call(semconv.CHAT, run_id, parent_run_id, told, lambda gen: read_sent(messages[0], gen))

    def on_llm_start(
        self, _: Any, prompts: list[str], *, run_id: UUID, parent_run_id: UUID | None = None, **told: Any
    ) -> None:
        self._runs.admit(told.get("invocation_params"))
        with contained("langchain.llm_start"):
            self._call(semconv.TEXT_COMPLETION, run_id, parent_run_id, told, lambda gen: read_sent(prompts, gen))

    def on_llm_new_token(self, *_: Any, run_id: UUID, **__: Any) -> None:
        with contained("langchain.token"):
            self._runs.streamed(run_id)

    def on_llm_end(self, result: Any, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id, lambda record: read_result(result, record))

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id, lambda record: _give(record, outputs))

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id, lambda record: _give_tool(record, output))

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id, lambda record: _give(record, [read_document(one) for one in documents]))

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        steered = any(kind.__name__ == _CONTROL_FLOW for kind in type(error).__mro__)
        partly = told.get("response")
        self._end(run_id, lambda record: read_result(partly, record), None if steered else error)

    on_llm_error = on_tool_error = on_retriever_error = on_chain_error

    def _call(
        self,
        operation: str,
        run_id: UUID,
        parent_run_id: UUID | None,
        told: dict[str, Any],
        read: Callable[[Generation], None],
    ) -> None:
        asked = as_dict(told.get("invocation_params"))

        def content(gen: Generation) -> None:
            read(gen)
            gen.tools = read_tools(asked)

        generation = _generation(operation, asked, as_dict(told.get("metadata")))
        self._runs.start_call(run_id, parent_run_id, generation, content, batch=told.get("invocation_params"))

    def _end(self, run_id: UUID, read: Callable[[Any], None], error: BaseException | None = None) -> None:
        with contained("langchain.end"):
            self._runs.end(run_id, read, error)


def _chain(name: str, metadata: dict[str, Any], *, is_root: bool) -> Step:
    node = metadata.get("langgraph_node")
    if node is None and metadata.get("ls_integration") in ("langgraph", "langchain_create_agent"):
        # The run of a graph itself; `create_agent` says that its graph is an agent.
        agent = metadata.get("lc_agent_name")
        step = Step(name, semconv.INVOKE_WORKFLOW if agent is None else semconv.INVOKE_AGENT)
        step.agent_name, step.workflow_name = agent, None if agent else name
    else:
        step = Step(name, kind="chain")
    if node is not None and node == name:
        step.node, step.step = node, metadata.get("langgraph_step")
    if is_root:
        step.conversation_id = metadata.get("thread_id")
    return step


def _generation(operation: str, asked: dict[str, Any], metadata: dict[str, Any]) -> Generation:
    provider = metadata.get("ls_provider")
    gen = Generation(operation, provider=_PROVIDERS.get(provider or "", provider))
    gen.model = asked.get("model") or asked.get("model_name") or metadata.get("ls_model_name")
    gen.temperature, gen.max_tokens = metadata.get("ls_temperature"), metadata.get("ls_max_tokens")
    gen.stop_sequences = metadata.get("ls_stop")
    return gen


def _give(step: Step, given: Any) -> None:
    if step.wants_content:
        step.given = plain(given)


def _give_tool(step: Step, output: Any) -> None:
    content = getattr(output, "content", output)
    _give(step, content)
    if getattr(output, "status", None) == "error":
        step.failure = str(content)


def _listen(runs: Runs) -> Callable[[], None]:
    from langchain_core.callbacks.base import BaseCallbackHandler
    from langchain_core.tracers import context

    handler = type("SojournCallbacks", (_Callbacks, BaseCallbackHandler), {})(runs)
    # LangChain asks this variable for a handler whenever it configures callbacks, on any thread: hence the default.
    variable: ContextVar[Any] = ContextVar("sojourn_langchain", default=handler)
    context.register_configure_hook(variable, inheritable=True)

    def unlisten() -> None:
        hooks = context._configure_hooks  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # no public way back
        hooks[:] = [hook for hook in hooks if hook[0] is not variable]

    return unlisten


def _current_run() -> Any:
    """The id of the run that this code runs in; LangChain carries it through threads and tasks."""
    module = sys.modules.get("langchain_core.runnables.config")
    config = module.var_child_runnable_config.get() if module else None
    return getattr(as_dict(config).get("callbacks"), "parent_run_id", None)


INSTRUMENTOR = Instrumentor(
    library="langchain_core",
    requires="langchain-core >= 1.0",
    hooks=(Bridge("langchain_core.tracers.context:register_configure_hook", _listen, _current_run),),
)
