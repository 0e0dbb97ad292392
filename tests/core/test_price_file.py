"""Prices of the user's own: read whole or refused in words, closest entry first, dated."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

import sojourn
from sojourn import faults, tally
from sojourn.price_file import BadPrices, PriceList, find_rates
from sojourn.prices import ALWAYS_NS, Usage, rates

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = """
[[price]]
model = "llama-*"
input = 0.1
output = 0.2

[[price]]
model = "llama-3.1-8b"
provider = "ollama"
input = 1
output = 2
cache_read = 0.5
reasoning = 8
per_request = 0.01

[[price]]
model = "llama-3.1-8b"
provider = "ollama"
since = 2026-06-01
input = 3
output = 4
"""
JUNE_NS = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp()) * 10**9


def listed(tmp_path: Path, content: str = LOCAL, name: str = "prices.toml") -> PriceList:
    """The list in a file."""
    path = tmp_path / name
    path.write_text(content, "utf-8")
    return PriceList.read(path)


def test_kinds_of_tokens_are_priced_apart_and_a_kind_without_a_price_has_its_parents(tmp_path: Path) -> None:
    found = listed(tmp_path).rates("Ollama", "LLAMA-3.1-8b", 0)
    assert found is not None
    usage = Usage(input=1_000_000, output=500_000, cache_read=200_000, cache_write=100_000, reasoning=250_000)
    # 700k plain, 200k cached, 100k written; 250k plain, 250k of reasoning; and the call itself.
    assert found.cost(usage) == Decimal("0.7") + Decimal("0.1") + Decimal("0.1") + Decimal("0.5") + 2 + Decimal("0.01")
    assert not found.is_partial(usage)
    assert found.is_partial(Usage(audio_input=1))


def test_the_closest_entry_holds_and_a_later_one_from_its_date_on(tmp_path: Path) -> None:
    own = listed(tmp_path)

    def price(provider: str, model: str, at_ns: int) -> tuple[Decimal, int, int] | None:
        found = own.rates(provider, model, at_ns)
        return None if found is None else (found.input, found.since_ns, found.until_ns)

    assert price("ollama", "llama-3.1-8b", JUNE_NS - 1) == (Decimal(1), 0, JUNE_NS)
    assert price("ollama", "llama-3.1-8b", JUNE_NS) == (Decimal(3), JUNE_NS, ALWAYS_NS)
    assert price("vllm", "llama-3.1-8b", JUNE_NS) == (Decimal("0.1"), 0, ALWAYS_NS)
    assert price("ollama", "llama-4", JUNE_NS) == (Decimal("0.1"), 0, ALWAYS_NS)
    assert price("ollama", "mistral", JUNE_NS) is None


def test_what_the_user_says_beats_the_table_from_its_date_on(tmp_path: Path) -> None:
    own = listed(tmp_path, '[[price]]\nmodel = "gpt-4o-mini"\nsince = 2026-06-01\ninput = 7\noutput = 7\n')
    models = ["gpt-4o-mini-2024-07-18", "gpt-4o-mini"]
    table = rates("openai", models[0], 0)
    before = find_rates(own, "openai", models, JUNE_NS - 1)
    after = find_rates(own, "openai", models, JUNE_NS)
    assert table is not None
    assert before is not None
    assert after is not None
    assert (before.tiers, before.until_ns) == (table.tiers, JUNE_NS)
    assert (after.input, after.since_ns) == (Decimal(7), JUNE_NS)
    assert find_rates(PriceList(), "openai", ["nobody-knows"], 0) is None


def test_json_says_the_same_as_toml(tmp_path: Path) -> None:
    entry = {"model": "m", "input": 0.1, "output": 0.2, "since": "2026-06-01"}
    as_json = listed(tmp_path, json.dumps({"price": [entry]}), "prices.json")
    as_toml = listed(tmp_path, '[[price]]\nmodel = "m"\ninput = 0.1\noutput = 0.2\nsince = 2026-06-01\n')
    assert as_json.entries == as_toml.entries
    assert as_json.fingerprint != as_toml.fingerprint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("what", "no TOML"),
        ('price = "much"', "no list `price`"),
        ("price = [1]", "entry 1 is no table"),
        ('[[price]]\nmodel = "m"\ninput = 1\n', r"entry 1 \(m\) needs `output`"),
        ("[[price]]\ninput = 1\noutput = 1\n", "entry 1 needs a `model`"),
        ('[[price]]\nmodel = "m"\ninput = -1\noutput = 1\n', "`input` is"),
        ('[[price]]\nmodel = "m"\ninput = "1"\noutput = 1\n', "`input` is"),
        ('[[price]]\nmodel = "m"\ninput = nan\noutput = 1\n', "`input` is"),
        ('[[price]]\nmodel = "m"\ninput = 1\noutput = 1\nsince = "soon"\n', "`since` is 'soon'"),
        ('[[price]]\nmodel = "m"\ninput = 1e-99999999999999999999999\noutput = 1\n', "is wrong: InvalidOperation"),
        (f'[[price]]\nmodel = "m"\ninput = 0x{"F" * 9000}\noutput = 1\n', "is wrong: ValueError"),
        ("#" * 10_000_001, "is larger than"),
        ('[[price]]\nmodel = "m"\ninputs = 1\noutput = 1\n', "entry 1 has inputs; known are audio_input"),
    ],
)
def test_a_wrong_file_is_refused_in_words_that_name_the_file_and_the_entry(
    tmp_path: Path, content: str, words: str
) -> None:
    with pytest.raises(BadPrices, match=words) as refused:
        listed(tmp_path, content)
    assert str(tmp_path / "prices.toml") in str(refused.value)
    with pytest.raises(BadPrices, match="cannot be read"):
        PriceList.read(tmp_path / "nothing.toml")


def test_names_with_brackets_and_question_marks_mean_themselves(tmp_path: Path) -> None:
    own = listed(tmp_path, '[[price]]\nmodel = "sonnet-?[1m]*"\ninput = 1\noutput = 1\n')
    assert own.rates("", "sonnet-?[1M]-new", 0) is not None
    assert own.rates("", "sonnet-4m", 0) is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "prices.toml")
    with pytest.raises(BadPrices, match="cannot be read"):
        PriceList.read(tmp_path / "prices.toml")


def test_a_price_file_below_a_home_that_nobody_knows_does_not_stop_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_PRICES", "~nobody-knows-them/prices.toml")
    assert sojourn.init() is not None


def test_a_program_prices_its_calls_by_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(LOCAL, "utf-8")
    monkeypatch.setenv("SOJOURN_PRICES", str(path))
    session = sojourn.init()
    assert session is not None
    call = sojourn.LLMEvent(model="llama-4", prompt_tokens=1_000_000, completion_tokens=1_000_000)
    session.record(call)
    assert str(sojourn.end_session("Success")) == "0.300000"


def test_a_wrong_file_is_told_once_and_the_program_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "prices.toml"
    path.write_text("what", "utf-8")
    monkeypatch.setenv("SOJOURN_PRICES", str(path))
    # Once in a process: another test may have had it told, and the thread that loads prices ahead may come first.
    monkeypatch.setattr(faults, "_counts", Counter[str]())
    monkeypatch.setattr(tally, "_prices_asked_for", True)
    session = sojourn.init()
    assert session is not None
    with caplog.at_level(logging.WARNING, "sojourn"):
        for _ in range(2):
            session.record(sojourn.LLMEvent(model="gpt-4o-mini", prompt_tokens=1_000_000, completion_tokens=0))
            session.get_analytics()
    told = [record.getMessage() for record in caplog.records if "price file" in record.getMessage()]
    assert len(told) == 1
    assert "calls are priced without it" in told[0]
    assert str(sojourn.end_session("Success")) == "0.300000"
