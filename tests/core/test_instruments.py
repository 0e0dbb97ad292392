"""Which libraries are observed, by choice of the program."""

from __future__ import annotations

from typing import Any

import pytest

import sojourn
from sojourn.testing import captured
from tests.instrumentors.chat_models import chat_openai
from tests.instrumentors.provider import Provider


def names(**options: Any) -> list[str]:
    """The steps of a LangChain call, when these are the options."""
    with captured() as seen:
        sojourn.init(**options)
        chat_openai(Provider()).invoke("Hello")
    return [f"{span.name} {span.attributes.get('openai.api.type', '-')}" for span in seen.spans]


def test_all_are_observed_unless_chosen() -> None:
    assert len(names()) == len(names(instrument=True)) == 1


@pytest.mark.parametrize("chosen", [["openai"], "openai", ["OpenAI"]])
def test_only_the_named_are_observed(chosen: Any) -> None:
    assert names(instrument=chosen) == ["chat m-1 chat_completions"]


@pytest.mark.parametrize("chosen", [["langchain"], ["langchain_core"], ["langchain-core"]])
def test_a_library_answers_to_the_names_that_people_give_it(chosen: list[str]) -> None:
    assert names(instrument=chosen) == ["chat m-1 -"]


def test_none_is_observed_when_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(instrument=False) == []
    monkeypatch.setenv("SOJOURN_INSTRUMENT", "off")
    assert names() == []
    monkeypatch.setenv("SOJOURN_INSTRUMENT", "openai, langchain")
    assert len(names()) == 1


def test_an_unknown_name_is_refused_with_a_list_of_what_there_is() -> None:
    with pytest.raises(ValueError, match=r"'opnai'; what can be observed is .*langchain.*openai"):
        sojourn.init(instrument=["opnai", "openai"])
    assert sojourn.current_session() is None


@pytest.mark.parametrize("bad", [3, [3]])
def test_a_choice_of_another_type_is_refused_in_words(bad: Any) -> None:
    with pytest.raises(TypeError, match="instrument must"):
        sojourn.init(instrument=bad)
