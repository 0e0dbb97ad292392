"""The page of the cross-check says what the tests compare."""

from __future__ import annotations

from tests.gateway.crosscheck.facts import FACTS
from tests.gateway.crosscheck.matrix import READERS, WRITERS
from tests.gateway.crosscheck.page import PAGE, page


def test_the_page_says_what_is_compared() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `python -m tests.gateway.crosscheck.page`"


def test_the_first_reader_says_everything_and_every_fact_is_read_by_several() -> None:
    assert not READERS[0].unsaid
    assert not READERS[0].of_traces
    for fact in FACTS:
        assert sum(fact not in reader.unsaid for reader in READERS) >= 3, fact


def test_every_writer_says_or_excuses_every_fact_but_the_times() -> None:
    """Of a program that runs now, only readers can say when it was."""
    for writer in WRITERS:
        silent = set(FACTS) - writer.says.keys() - writer.unsaid.keys() - writer.apart.keys()
        assert silent <= {"start", "end", *_OF_THE_RECORDING[writer.id == "agentops-0.4"]}, writer.id


_OF_THE_RECORDING = (
    (),
    ("input tokens", "output tokens", "cached tokens", "reasoning tokens", "all tokens", "cost"),
)
