"""Who answers is told by the address, whatever client asks; Azure's client has ways of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.instrumentors.openai.service import Service
from tests.instrumentors.openai.test_media import VECTOR
from tests.instrumentors.provider import completion

if TYPE_CHECKING:
    from tests.instrumentors.observed import Observed

ASK: Any = {"model": "m-1", "messages": []}


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://api.together.xyz/v1", "together"),
        ("https://api.cerebras.ai/v1", "cerebras"),
        ("https://api.fireworks.ai/inference/v1", "fireworks"),
        ("https://api.moonshot.ai/v1", "moonshot_ai"),
        ("https://mine.services.ai.azure.com/models", "azure.ai.inference"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "gcp.gemini"),
        ("https://us-east5-aiplatform.googleapis.com/v1/projects/p", "gcp.vertex_ai"),
        ("https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1", "aws.bedrock"),
        ("https://router.huggingface.co/v1", "huggingface"),
        ("http://localhost:11434/v1", "ollama"),
        ("http://localhost:8000/v1", "openai"),
    ],
)
def test_the_provider_is_told_by_its_address(base_url: str, name: str, observed: Observed) -> None:
    Service([completion("Ni")]).client(base_url=base_url).chat.completions.create(**ASK)

    assert observed.one()["gen_ai.provider.name"] == name


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({"azure_endpoint": "https://mine.openai.azure.com"}, "mine.openai.azure.com"),
        ({"azure_endpoint": "https://mine.openai.azure.com", "azure_deployment": "d-1"}, "mine.openai.azure.com"),
        ({"base_url": "https://gateway.example.com/azure"}, "gateway.example.com"),
    ],
)
@pytest.mark.parametrize("surface", ["chat", "embeddings", "files"])
def test_the_client_of_azure_is_azure_behind_any_gateway(
    surface: str, options: dict[str, str], address: str, observed: Observed
) -> None:
    service = Service([VECTOR if surface == "embeddings" else completion("Ni")])
    given = {"base_url": None, "api_version": "2024-10-21", **options}
    client = service.client(openai.AzureOpenAI, **given)
    match surface:
        case "chat":
            client.chat.completions.create(**ASK)
        case "embeddings":
            client.embeddings.create(model="m-1", input="x")
        case _:
            client.files.retrieve("file_1")

    seen = observed.one()
    assert (seen["gen_ai.provider.name"], seen["server.address"]) == ("azure.ai.openai", address)
    assert seen.name == {"chat": "chat m-1", "embeddings": "embeddings m-1", "files": "files.retrieve"}[surface]
    if surface == "chat" and "azure_endpoint" in options:
        assert f"/deployments/{options.get('azure_deployment', 'm-1')}/" in service.requests[0].url.path


def test_a_model_that_only_the_path_names_is_known(observed: Observed) -> None:
    client = Service([completion("Ni")]).client(base_url="https://mine.openai.azure.com/openai/deployments/d-1")
    client.post("/chat/completions", body={"messages": []}, cast_to=object)

    assert observed.one().name == "chat d-1"


@pytest.mark.parametrize("details", [{}, {"cached_tokens": 10}, {"cached_tokens": 10, "cache_write_tokens": 7}])
@pytest.mark.parametrize("form", ["whole", "raw"])
def test_tokens_written_to_a_cache_are_told_where_the_answer_has_them(
    form: str, details: dict[str, int], observed: Observed
) -> None:
    """A client's own class may or may not know the field yet; an answer read without a class has no attributes."""
    answer = completion("Ni")
    answer["usage"] = {**answer["usage"], "prompt_tokens_details": details}
    client = Service([answer]).client()
    if form == "raw":
        client.chat.completions.with_raw_response.create(**ASK).http_response.read()
    else:
        client.chat.completions.create(**ASK)

    seen = observed.one()
    assert seen.attributes.get("gen_ai.usage.cache_write.input_tokens") == details.get("cache_write_tokens")
    assert seen.attributes.get("gen_ai.usage.cache_read.input_tokens") == details.get("cached_tokens")
