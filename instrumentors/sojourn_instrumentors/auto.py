"""What OpenTelemetry's own tools start: each library module as a class, under `opentelemetry_instrumentor`.

`OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` names them as the entry points do: `sojourn_openai`, ...
"""

from __future__ import annotations

from sojourn_instrumentors._kit.offered import Offered
from sojourn_instrumentors._kit.rivals import logfire, opentelemetry

__all__ = ["Anthropic", "LangChain", "LangGraph", "OpenAI"]

_LANGCHAIN = (
    opentelemetry("OpenInference", "openinference.instrumentation.langchain:LangChainInstrumentor"),
    opentelemetry("OpenLLMetry", "opentelemetry.instrumentation.langchain:LangchainInstrumentor"),
    opentelemetry("OpenTelemetry", "opentelemetry.instrumentation.genai.langchain:LangChainInstrumentor"),
)


class Anthropic(Offered):
    """Observes `anthropic`."""

    module = "sojourn_instrumentors.anthropic"
    rivals = (
        opentelemetry("OpenInference", "openinference.instrumentation.anthropic:AnthropicInstrumentor"),
        opentelemetry("OpenLLMetry", "opentelemetry.instrumentation.anthropic:AnthropicInstrumentor"),
        opentelemetry("OpenTelemetry", "opentelemetry.instrumentation.genai.anthropic:AnthropicInstrumentor"),
        logfire("anthropic", "Anthropic"),
    )


class LangChain(Offered):
    """Observes `langchain-core`."""

    module = "sojourn_instrumentors.langchain"
    rivals = _LANGCHAIN


class LangGraph(Offered):
    """Observes what LangGraph does not tell LangChain."""

    module = "sojourn_instrumentors.langgraph"
    rivals = _LANGCHAIN


class OpenAI(Offered):
    """Observes `openai`."""

    module = "sojourn_instrumentors.openai"
    rivals = (
        opentelemetry("OpenInference", "openinference.instrumentation.openai:OpenAIInstrumentor"),
        opentelemetry("OpenLLMetry", "opentelemetry.instrumentation.openai:OpenAIInstrumentor"),
        opentelemetry("OpenTelemetry", "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor"),
        opentelemetry("OpenTelemetry", "opentelemetry.instrumentation.openai_v2:OpenAIInstrumentor"),
        logfire("openai", "OpenAI"),
    )
