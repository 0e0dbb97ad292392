"""Prices: the same as the table's own calculation, and never 0 for what is unknown."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot

from sojourn.prices import Usage, rates

if TYPE_CHECKING:
    from decimal import Decimal

AT_NS = 1_790_000_000_000_000_000


def _every_model() -> list[tuple[str, str]]:
    return [(provider.id, model.id) for provider in get_snapshot().providers for model in provider.models]


def _theirs(provider: str, model: str, usage: TheirUsage, at_ns: int) -> Decimal:
    at = datetime.fromtimestamp(at_ns // 10**9, UTC)
    return calc_price(usage, model, provider_id=provider, genai_request_timestamp=at).total_price


@pytest.mark.parametrize("at_ns", [AT_NS, 1_738_000_000_000_000_000, AT_NS + 17 * 3600 * 10**9])
@pytest.mark.parametrize("input_tokens", [1_000, 300_000])
def test_every_model_of_the_table_costs_what_the_table_says(at_ns: int, input_tokens: int) -> None:
    usage = Usage(input=input_tokens, output=777, cache_read=321, cache_write=55, reasoning=111)
    theirs = TheirUsage(
        input_tokens=input_tokens,
        output_tokens=777,
        cache_read_tokens=321,
        cache_write_tokens=55,
        output_reasoning_tokens=111,
    )
    seen = 0
    for provider, model in _every_model():
        found = rates(provider, model, at_ns)
        if found is None:
            continue  # another model of the table answers to the same name, or none does
        seen += 1
        assert found.cost(usage) == _theirs(provider, model, theirs, at_ns), (provider, model)
        assert found.since_ns <= at_ns < found.until_ns
    assert seen > 1_500


@pytest.mark.parametrize(
    ("ours", "theirs", "model"),
    [
        ("openai", "openai", "gpt-4o-mini-2024-07-18"),
        ("azure.ai.openai", "azure", "gpt-4o"),
        ("anthropic", "anthropic", "claude-sonnet-4-5"),
        ("aws.bedrock", "aws", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("gcp.gemini", "google", "gemini-2.5-pro"),
        ("gcp.vertex_ai", "google", "gemini-2.5-flash"),
        ("mistral_ai", "mistral", "mistral-large-latest"),
        ("x_ai", "x-ai", "grok-4"),
        ("cohere", "cohere", "command-r-plus"),
        ("groq", "groq", "llama-3.3-70b-versatile"),
        ("deepseek", "deepseek", "deepseek-chat"),
        ("perplexity", "perplexity", "sonar-pro"),
        ("moonshot_ai", "moonshotai", "kimi-k2-0905-preview"),
    ],
)
def test_providers_go_by_their_opentelemetry_names(ours: str, theirs: str, model: str) -> None:
    found = rates(ours, model, AT_NS)
    assert found is not None
    assert found.cost(Usage(input=900, output=80)) == _theirs(
        theirs, model, TheirUsage(input_tokens=900, output_tokens=80), AT_NS
    )


def test_audio_is_priced_apart_where_the_model_has_a_price_for_it() -> None:
    found = rates("openai", "gpt-4o-audio-preview", AT_NS)
    assert found is not None
    assert found.cost(Usage(input=1000, output=500, audio_input=400, audio_output=300)) == _theirs(
        "openai",
        "gpt-4o-audio-preview",
        TheirUsage(input_tokens=1000, output_tokens=500, input_audio_tokens=400, output_audio_tokens=300),
        AT_NS,
    )
    assert found.is_partial(Usage(audio_input=1)) == (not found.audio)


def test_audio_taken_for_text_is_partial() -> None:
    found = rates("openai", "gpt-4.1-mini", AT_NS)
    assert found is not None
    assert not found.is_partial(Usage(input=10, output=10))
    assert found.is_partial(Usage(input=10, output=10, audio_input=5))


def test_a_model_without_a_single_price_is_partial_not_free() -> None:
    bare = [
        found
        for provider, model in _every_model()
        if (found := rates(provider, model, AT_NS)) is not None and found.cost(Usage(input=10**6, output=10**6)) == 0
    ]
    assert any(found.partial for found in bare)


@pytest.mark.parametrize(("provider", "model"), [("openai", "no-such-model"), ("", ""), ("no-such", "nothing-at-all")])
def test_an_unknown_model_has_no_rates(provider: str, model: str) -> None:
    assert rates(provider, model, AT_NS) is None


def test_an_unknown_provider_is_looked_up_by_the_name_of_the_model() -> None:
    by_name = rates("my-proxy", "gpt-4o-mini", AT_NS)
    assert by_name is not None
    assert by_name.tiers == (rates("openai", "gpt-4o-mini", AT_NS) or by_name).tiers


def test_parts_larger_than_their_whole_do_not_make_a_negative_cost() -> None:
    found = rates("openai", "gpt-4o-mini", AT_NS)
    assert found is not None
    assert found.cost(Usage(input=1, output=1, cache_read=100, reasoning=100)) > 0


def test_importing_does_not_load_the_table() -> None:
    code = "import sys, sojourn.prices; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
