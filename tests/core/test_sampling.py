"""Sampling: whole sessions are recorded or not, by their id alone; all of them are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

import sojourn
from sojourn.sampling import is_sampled
from tests.core.journalled import read_home

if TYPE_CHECKING:
    from pathlib import Path


def test_the_share_is_about_the_rate_and_grows_with_it() -> None:
    ids = [str(uuid4()) for _ in range(4000)]
    tenth = {one for one in ids if is_sampled(one, 0.1)}
    half = {one for one in ids if is_sampled(one, 0.5)}

    assert 250 < len(tenth) < 550
    assert tenth < half
    assert not any(is_sampled(one, 0.0) for one in ids)
    assert all(is_sampled(one, 1.0) for one in ids)


def test_an_id_decides_alike_everywhere() -> None:
    assert [is_sampled(text, 0.5) for text in ("a", "b", "c", "d")] == [False, True, True, True]


def test_nothing_of_an_unsampled_session_is_recorded_but_all_of_it_is_counted(home: Path) -> None:
    seen: list[str] = []

    def watch(text: str) -> str:
        seen.append(text)
        return text

    session = sojourn.init(sample_rate=0, redact=[watch], name="quiet", tags=["t"])
    session.record(sojourn.LLMEvent(model="m", prompt="secret", completion="x", prompt_tokens=3, cost=0.25))
    session.record(sojourn.ToolEvent(name="find", params={"q": "secret"}))
    session.record(sojourn.ErrorEvent(exception=ValueError("broken")))
    session.set_tags(["u"])
    found = session.get_analytics()
    assert float(session.end_session("Success")) == 0.25
    sojourn.flush(0)

    assert (found["LLM calls"], found["Tool calls"], found["Errors"]) == (1, 1, 1)
    journalled = read_home(home)
    assert (journalled.spans, journalled.pending, journalled.events) == ([], [], [])
    assert not any("secret" in text for text in seen)


def test_sessions_beside_each_other_are_decided_each_for_itself(home: Path) -> None:
    sojourn.init(sample_rate=0.5, auto_start_session=False)
    for name in ("a", "b"):
        with sojourn.start_session(inherited_session_id=name) as session:
            session.record(sojourn.ActionEvent(f"in {name}"))
    sojourn.flush(0)

    assert [span.name for span in read_home(home).spans] == ["in b"]


@pytest.mark.parametrize("bad", [2, -0.1, "often", True, float("nan")])
def test_a_rate_that_is_none_is_refused_in_words(bad: object) -> None:
    with pytest.raises((ValueError, TypeError), match="sample_rate"):
        sojourn.init(sample_rate=bad)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]  # the point


def test_the_variable_is_read_and_a_second_init_cannot_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_SAMPLE_RATE", "0.25")
    sojourn.init()

    assert sojourn.init(sample_rate=0.25) is sojourn.current_session()
    with pytest.raises(RuntimeError, match="another sample_rate"):
        sojourn.init(sample_rate=0.5)
