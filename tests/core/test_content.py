"""The gate of content: what redactors see, what cannot be serialised, what errors may say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import faults
from sojourn.content import MAX_TEXT, WITHHELD, ContentPolicy

CANARY = "canary-3f0e"
MESSAGES = [{"role": "user", "parts": [{"type": "text", "content": f'say "{CANARY}"\n'}]}]


def mask(text: str) -> str:
    return text.replace(CANARY, "***")


class Hostile:
    """Fails in whatever it is asked."""

    def __str__(self) -> str:
        raise RuntimeError(CANARY)

    __repr__ = __str__


def test_a_redactor_sees_texts_and_not_json() -> None:
    seen: list[str] = []

    def watch(text: str) -> str:
        seen.append(text)
        return text

    ContentPolicy(redactors=(watch,)).render(MESSAGES)

    assert seen == [f'say "{CANARY}"\n']


def test_what_a_redactor_puts_in_cannot_break_the_json() -> None:
    told = ContentPolicy(redactors=(lambda _: '"]}\\',)).render(MESSAGES)

    assert told is not None
    assert json.loads(told) == [{"role": "user", "parts": [{"type": "text", "content": '"]}\\'}]}]


@pytest.mark.parametrize(
    "value",
    [
        {"note": {"deep": [CANARY]}},
        {CANARY: 1},
        {CANARY},
        (CANARY,),
        Exception(CANARY),
        [{"role": "user", "name": CANARY, "parts": []}],
        [{"type": "tool_call", "name": "f", "arguments": {"id": CANARY, "role": CANARY}}],
    ],
    ids=repr,
)
def test_every_text_passes_the_redactors_wherever_it_is(value: Any) -> None:
    told = ContentPolicy(redactors=(mask,)).render(value)

    assert told is not None
    assert CANARY not in told
    assert "***" in told
    json.loads(told)


def test_a_number_that_a_redactor_knows_goes_too() -> None:
    digits = ContentPolicy(redactors=(lambda text: "#" if text == "4155550123" else text,))

    assert digits.render({"phone": 4155550123, "count": 3}) == '{"phone":"#","count":3}'


def test_keys_that_become_the_same_are_told_apart() -> None:
    told = ContentPolicy(redactors=(lambda text: "x" if text.startswith("k") else text,)).render({"k1": 1, "k2": 2})

    assert told == '{"x":1,"x (2)":2}'


@pytest.mark.parametrize("answer", [None, 7, b"bytes"])
def test_a_redactor_that_returns_no_text_costs_its_text_only(answer: Any) -> None:
    def broken(text: str) -> Any:
        return answer if CANARY in text else text

    before = faults.counted().get("redact", 0)
    told = ContentPolicy(redactors=(broken,)).render(["kept", CANARY])

    assert told == json.dumps(["kept", WITHHELD], separators=(",", ":"))
    assert faults.counted()["redact"] == before + 1


def test_what_a_redactor_returns_is_plain_text_that_can_be_sent() -> None:
    """One that cuts in the middle of an emoji's two halves, and one that marks its words by a class of its own."""

    class Marked(str):
        __slots__ = ()

    told = ContentPolicy(redactors=(lambda text: Marked(text + "\ud83d"),)).redact("name")
    assert (type(told), told) == (str, "name?")


def test_a_redactor_that_raises_costs_its_text_only_and_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    def broken(text: str) -> str:
        raise ValueError(text)

    assert ContentPolicy(redactors=(broken,)).render_text(CANARY) == WITHHELD
    assert CANARY not in caplog.text


def test_a_redactor_that_is_observed_itself_does_not_run_in_circles() -> None:
    policy = ContentPolicy()

    def asks_again(text: str) -> str:
        return f"{text} {policy.redact('inner')}"

    policy.redactors = (asks_again,)

    assert policy.redact("outer") == f"outer {WITHHELD}"


def test_lengths_tell_the_shape_and_no_text() -> None:
    value = [
        {"role": "user", "parts": [{"type": "tool_call", "name": "find", "arguments": {"name": "Ada", "id": "7"}}]}
    ]

    assert json.loads(ContentPolicy("lengths").render(value) or "") == [
        {
            "role": "user",
            "parts": [
                {
                    "type": "tool_call",
                    "name": "find",
                    "arguments": {"name": "[3 characters]", "id": "[1 characters]"},
                }
            ],
        }
    ]


def test_off_renders_nothing() -> None:
    policy = ContentPolicy("off")

    assert not policy.wants
    assert (policy.render(MESSAGES), policy.render_text(CANARY)) == (None, None)


def test_what_an_error_says_is_content() -> None:
    error = ValueError(f"bad prompt: {CANARY}")

    off, lengths, masked = ContentPolicy("off"), ContentPolicy("lengths"), ContentPolicy(redactors=(mask,))
    assert (off.message(error), off.stack(error), off.reason(error)) == (None, None, "ValueError")
    assert (lengths.message(error), lengths.stack(error)) == ("[23 characters]", None)
    assert masked.reason(error) == "ValueError: bad prompt: ***"
    assert CANARY not in (masked.stack(error) or CANARY)


def test_cycles_and_numbers_that_json_lacks_are_described() -> None:
    loop: list[Any] = [1]
    loop.append(loop)

    assert ContentPolicy().render(loop) == '[1,"[cycle]"]'
    assert ContentPolicy().render({"n": float("nan"), (1, 2): b"abc"}) == '{"n":"nan","(1, 2)":"[3 bytes]"}'


def test_a_value_that_fails_in_everything_is_described() -> None:
    for policy in (ContentPolicy(), ContentPolicy(redactors=(mask,)), ContentPolicy("lengths")):
        told = policy.render({"it": Hostile(), "them": {1: Hostile()}})
        assert told is not None
        assert CANARY not in told
        json.loads(told)


def test_what_is_nested_too_deeply_is_cut_there() -> None:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]

    told = ContentPolicy().render(value)
    assert told is not None
    assert "nested too deeply" in told


def test_what_is_too_long_is_cut_and_says_so() -> None:
    told = ContentPolicy().render_text("x" * (MAX_TEXT + 1))

    assert told is not None
    assert told.endswith(f"[sojourn: cut, {MAX_TEXT + 1} characters in all]")


@dataclass
class Plain:
    """Any class of the program."""

    value: Any


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(Hostile),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers() | st.none() | st.tuples(st.integers()), inner)
        | st.builds(Plain, inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_a_program_hands_over_becomes_json_that_can_be_sent(value: Any) -> None:
    for policy in (ContentPolicy(), ContentPolicy(redactors=(mask,)), ContentPolicy("lengths")):
        told = policy.render(value)
        assert told is not None
        json.loads(told)
        told.encode()
