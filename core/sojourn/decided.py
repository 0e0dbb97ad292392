"""Decided: what is said of a choice, hand-over, check, change or answer, as the facts of a step."""

from __future__ import annotations

import math
from collections.abc import Sized
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sojourn import current, faults, frameworks, semconv
from sojourn.arguments import is_mapping
from sojourn.content import as_text, utf8

if TYPE_CHECKING:
    from sojourn.content import ContentPolicy
    from sojourn.current import Stamp

__all__ = ["MAX_CANDIDATES", "MAX_NAME", "Decided"]

MAX_NAME: Final = 1000
"""Characters kept of what names a thing: a target, a condition, an outcome."""
MAX_CANDIDATES: Final = 100

# What these say is not free text, and redacted it could not be understood.
_WORDS: Final = frozenset(
    (
        *("routing", "handoff", "escalation", "completion", "retry", "backtrack", "stop", "pause", "resume", "reopen"),
        *("waive", "input", "output", "allow", "block", "redact", "text", "markdown", "json", "html"),
    )
)


class Decided:
    """What is said of one step. Whatever it is told, it takes what it can use of it and raises nothing."""

    def __init__(self, policy: ContentPolicy, kind: str, name: object) -> None:
        self._policy = policy
        called = _called(name)
        self.span_name = f"{kind} {called}" if called else kind
        """As the program has it: not redacted yet."""
        self.facts: dict[str, Stamp] = {semconv.KIND: kind}

    def name(self, key: str, value: object) -> None:
        """What a thing is called: recorded without content as well, as names of tools and agents are."""
        if value is None:
            return
        called = _called(value)
        if called is None:  # whatever it is, it is no name
            self.value(key, value)
        else:
            self.facts[key] = called if called in _WORDS else self._policy.redact(called)

    def flag(self, key: str, value: object) -> None:
        """Yes or no."""
        if value is None:
            return
        # numpy has one of its own, under either name.
        if type(value).__name__ in {"bool", "bool_"}:
            self.facts[key] = bool(value)
        else:
            _left_out(key, "True or False", value)

    def number(self, key: str, value: Any) -> None:
        """A number that is one."""
        if value is None:
            return
        try:
            number = math.nan if type(value) in {str, bytes, bool} else float(value)
        except Exception:  # noqa: BLE001  # an object of the program's own may fail in any way
            number = math.nan
        if math.isfinite(number):
            self.facts[key] = number
        else:
            _left_out(key, "a number", value)

    def content(self, key: str, value: object) -> None:
        """What was said or thought: text as it is, all else as JSON, both as the content policy has it."""
        if value is None:
            return
        if issubclass(type(value), str):
            self._keep(key, self._policy.render_text(as_text(value)))
        else:
            self.value(key, value)

    def value(self, key: str, value: object) -> None:
        """A value of the program's, as JSON."""
        self._keep(key, self._policy.render(value))

    def candidates(self, key: str, given: Any) -> None:
        """What else could have been: a list of names, or of facts by name."""
        if given is None or self._policy.capture == "off":
            return
        try:
            told: Any = _listed(given)
        except Exception:  # noqa: BLE001  # an object of the program's own may fail in any way
            told = given  # described, then, as any value is
        self.value(key, told)

    def agent_at_work(self) -> object:
        """The name of the agent that the calling code belongs to, as far as it is known here."""
        from opentelemetry import trace

        around: object = getattr(trace.get_current_span(frameworks.context()), "attributes", None)
        named = around.get(semconv.AGENT_NAME) if is_mapping(around) else None
        return named or current.stamps().get(semconv.AGENT_NAME)

    def _keep(self, key: str, said: str | None) -> None:
        if said is not None:
            self.facts[key] = said


def _called(value: object) -> str | None:
    """What names a thing: itself when it is text or a number, an agent's or function's name; None without one."""
    try:
        if issubclass(type(value), Enum) and not issubclass(type(value), str):
            value = getattr(value, "value", None)
        if issubclass(type(value), str | int | float):
            return _short(as_text(value))
        for attribute in ("name", "__name__"):
            told = getattr(value, attribute, None)
            if type(told) is str and told:
                return _short(told)
    except Exception:  # noqa: BLE001  # an object of the program's own may fail in any way
        return None
    return None


def _short(text: str) -> str:
    text = utf8(text)
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}… [sojourn: cut, {len(text)} characters in all]"


def _listed(given: Any) -> list[Any]:
    items: Any = [given] if is_mapping(given) or issubclass(type(given), str) else given
    taken: list[Any] = list(islice(items, MAX_CANDIDATES + 1))
    told: list[Any] = [one if is_mapping(one) else {"target": _called(one)} for one in taken[:MAX_CANDIDATES]]
    if len(taken) > MAX_CANDIDATES:
        many = f", {len(given)} in all" if isinstance(given, Sized) else ""
        told.append({"reason": f"[sojourn: cut{many}]"})
    return told


def _left_out(key: str, meant: str, value: object) -> None:
    faults.trouble("deciding", f"{key} must be {meant}, not {type(value).__name__}; it is left out")
