"""Calls of models: what LangChain says of them before they are made."""

from __future__ import annotations

from typing import Any

from sojourn import semconv
from sojourn_instrumentors._kit import Generation, as_dict
from sojourn_instrumentors._langchain.labels import Told, conversation, label

__all__ = ["call"]

_PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "google_anthropic_vertex": "gcp.vertex_ai",
    "amazon_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
    "ibm": "ibm.watsonx.ai",
    "watsonx": "ibm.watsonx.ai",
    "moonshot": "moonshot_ai",
}
_MODEL = ("model", "model_name", "model_id", "deployment_name", "azure_deployment")
# Ours, and how integrations call it; the conventions want only what the caller set.
_PARAMETERS = (
    ("temperature", "temperature"),
    ("max_tokens", "max_tokens"),
    ("max_tokens", "max_completion_tokens"),
    ("max_tokens", "max_output_tokens"),
    ("top_p", "top_p"),
    ("top_k", "top_k"),
    ("frequency_penalty", "frequency_penalty"),
    ("presence_penalty", "presence_penalty"),
    ("seed", "seed"),
    ("reasoning_level", "reasoning_effort"),
)
_TEXT = {"type": "text"}


def call(operation: str, told: dict[str, Any], above: Told | None) -> Generation:
    """A call of a model, as its integration describes it."""
    asked, metadata = as_dict(told.get("invocation_params")), as_dict(told.get("metadata"))
    provider = metadata.get("ls_provider") or asked.get("_type")
    gen = Generation(operation, provider=_PROVIDERS.get(provider or "", provider))
    for name in _MODEL:
        if gen.model is None:
            gen.model = asked.get(name)
    gen.model = gen.model or metadata.get("ls_model_name")
    gen.temperature, gen.max_tokens = metadata.get("ls_temperature"), metadata.get("ls_max_tokens")
    gen.stop_sequences = metadata.get("ls_stop")
    for ours, theirs in _PARAMETERS:
        value = asked.get(theirs)
        if isinstance(value, str | int | float):
            setattr(gen, ours, value)
    if gen.reasoning_level is None:
        gen.reasoning_level = as_dict(asked.get("reasoning")).get("effort")
    if asked.get("n") not in (None, 1):
        gen.choice_count = asked["n"]
    if "ls_structured_output_format" in (told.get("options") or ()) or asked.get("response_format", _TEXT) != _TEXT:
        gen.output_type = "json"
    gen.others = label(told.get("tags"), metadata, above)
    if spoken := conversation(metadata):
        gen.others[semconv.CONVERSATION_ID] = spoken
    if run_name := told.get("name"):
        gen.others[semconv.RUN_NAME] = run_name
    return gen
