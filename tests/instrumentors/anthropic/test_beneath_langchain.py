"""LangChain over Anthropic, both observed: the framework's span bears the tokens, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.instrumentors.battery.stage import TEXT
from tests.instrumentors.battery.subjects.anthropic import pieces, reply
from tests.instrumentors.battery.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.instrumentors.observed import Observed


try:
    from langchain_anthropic import ChatAnthropic
except (ImportError, AttributeError):
    pytest.skip("this release of langchain-anthropic wants another one of the client", allow_module_level=True)


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.close()


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
async def test_every_way_of_asking_counts_once(how: str, observed: Observed, wire: Wire) -> None:
    wire.answers = [pieces([TEXT]) if "stream" in how else reply(TEXT)]
    options: dict[str, Any] = {"model": "m-1", "base_url": wire.url, "api_key": "k", "max_retries": 0, "max_tokens": 64}
    model: Any = ChatAnthropic(**options)
    match how:
        case "invoke":
            model.invoke("x")
        case "ainvoke":
            await model.ainvoke("x")
        case "stream":
            list(model.stream("x"))
        case _:
            assert [part async for part in model.astream("x")]

    seen = observed.one()
    assert (seen.name, seen.children) == ("chat m-1", ())
    assert observed.usage() == (11, 7)
    told = seen.attributes
    # Facts that only the provider's client knows.
    assert told["gen_ai.provider.name"] == "anthropic"
    assert told["gen_ai.response.model"] == "m-1-2026"
    assert told["anthropic.message.stop_reason"] == "end_turn"
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert "gen_ai.output.messages" in told
