"""The filter language, as text (`status = ERROR and (cost > 1 or latency_ms > 5000)`) and as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from sojourn_gateway.model.where import MOST_PREDICATES, OPERATORS, AllOf, AnyOf
from sojourn_gateway.query.predicates import BadFilter, build, find_field, find_operator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn_gateway.model.where import Field, Operator, Predicate, Resource, Where
    from sojourn_gateway.query.predicates import Place

__all__ = ["MOST_FILTER", "BadFilter", "parse_filter", "parse_filter_list", "parse_json"]

MOST_FILTER: Final = 16_384
"""The longest filter, in characters."""

_MOST_DIGITS: Final = 40
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<mark>[()]|!=|>=|<=|=|>|<)
    |"(?P<double>(?:[^"\\]|\\.)*)"
    |'(?P<single>(?:[^'\\]|\\.)*)'
    |(?P<word>[^\s()"'=<>!][^\s()=<>!]*))""",
    re.VERBOSE | re.DOTALL,
)
_MARKS: Final[dict[str, Operator]] = {
    "=": "equals",
    "!=": "notEquals",
    ">": "gt",
    ">=": "gte",
    "<": "lt",
    "<=": "lte",
}
_WORDS: Final[dict[tuple[str, ...], Operator]] = {
    ("does", "not", "exist"): "doesNotExist",
    ("not", "contains"): "notContains",
    ("starts", "with"): "startsWith",
    ("ends", "with"): "endsWith",
    ("contains",): "contains",
    ("exists",): "exists",
}
_SHOWN: Final[dict[Operator, str]] = {
    **{name: mark for mark, name in _MARKS.items()},
    **{name: " ".join(words) for words, name in _WORDS.items()},
}


def parse_filter(resource: Resource, told: str) -> Where:
    """A filter in either notation: what begins with `[` is JSON. Raises `BadFilter`."""
    if len(told) > MOST_FILTER:
        raise BadFilter(MOST_FILTER + 1, f"a filter has at most {MOST_FILTER} characters")
    if not told.lstrip().startswith("["):
        return _Text(resource, told).filter()
    try:
        parsed: Any = parse_json(told)
    except json.JSONDecodeError as fault:
        raise BadFilter(fault.pos + 1, f"this is no JSON: {fault.msg}") from None
    except ValueError:
        raise BadFilter("filter", "a number has too many digits") from None
    except RecursionError:
        raise BadFilter("filter", "expected a list of predicates, found a deeper nesting") from None
    return parse_filter_list(resource, parsed, "filter")


def parse_json(told: str) -> Any:
    """JSON whose fractions keep every digit. Raises `ValueError`, and `RecursionError` for what is too deep."""
    return json.loads(told, parse_float=_exactly)


def parse_filter_list(resource: Resource, told: Any, path: str) -> Where:
    """A filter from parsed JSON; `path` is how a fault names it. Raises `BadFilter`."""
    if not _is_list(told):
        raise BadFilter(path, "expected a list of predicates")
    parts: list[Where] = []
    leaves = 0
    for number, item in enumerate(told):
        here = f"{path}[{number}]"
        if _is_object(item) and "or" in item:
            _no_others(item, ("or",), here)
            several = item["or"]
            if not _is_list(several) or not several:
                raise BadFilter(f"{here}.or", "expected a list of predicates")
            leaves += len(several)
            _check_count(leaves, here)
            parts.append(AnyOf(tuple(_leaf(resource, one, f"{here}.or[{at}]") for at, one in enumerate(several))))
        else:
            leaves += 1
            _check_count(leaves, here)
            parts.append(_leaf(resource, item, here))
    return AllOf(tuple(parts))


def _leaf(resource: Resource, item: Any, path: str) -> Predicate:
    if not _is_object(item):
        raise BadFilter(path, "expected an object with field, operator and value")
    _no_others(item, ("field", "operator", "value"), path)
    name, word = item.get("field"), item.get("operator")
    if not isinstance(name, str):
        raise BadFilter(f"{path}.field", "expected the name of a field")
    field = find_field(resource, name, f"{path}.field")
    if not isinstance(word, str):
        raise BadFilter(f"{path}.operator", "expected the name of an operator")
    operator = find_operator(field, word, f"{path}.operator")
    value_path = f"{path}.value"
    if "value" not in item:
        return build(field, operator, (), (path,))
    if operator in ("in", "notIn", "between"):
        values = item["value"]
        if not _is_list(values):
            raise BadFilter(value_path, f"{operator} takes a list")
        places: list[Place] = [f"{value_path}[{at}]" for at in range(len(values))]
        texts = [_plain(field, value, place) for value, place in zip(values, places, strict=True)]
        return build(field, operator, texts, (*places, value_path))
    return build(field, operator, (_plain(field, item["value"], value_path),), (value_path, path))


def _plain(field: Field, value: Any, place: Place) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise BadFilter(place, "expected a text or a number")
    if field.kind not in ("numeric", "score"):
        raise BadFilter(place, "expected a text")
    # By its text, since a float's shortest decimal is what was written.
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise BadFilter(place, "expected a number of at most 18 + 18 digits")
    return f"{number:f}"


def _exactly(told: str) -> Decimal:
    try:
        return Decimal(told)
    except InvalidOperation:
        return Decimal("NaN")


def _no_others(item: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
    for name in item:
        if name not in known:
            raise BadFilter(path, f"unknown key {name[:50]!r}; expected {', '.join(known)}")


def _check_count(leaves: int, place: Place) -> None:
    if leaves > MOST_PREDICATES:
        raise BadFilter(place, f"a filter holds at most {MOST_PREDICATES} predicates")


@dataclass(frozen=True, slots=True)
class _Token:
    place: int
    mark: str
    """A bracket, an operator of signs, or `text`, `word`, `end`."""
    text: str

    def __str__(self) -> str:
        return "the end" if self.mark == "end" else repr(self.text[:50])

    def says(self, word: str) -> bool:
        return self.mark == "word" and self.text.lower() == word


class _Text:
    """Reads the text form from left to right: clauses joined by `and`, in brackets predicates joined by `or`."""

    def __init__(self, resource: Resource, told: str) -> None:
        self._resource: Resource = resource
        self._tokens = _tokens(told)
        self._at = 0
        self._leaves = 0

    def filter(self) -> Where:
        parts = [self._clause()]
        while self._next.says("and"):
            self._take()
            parts.append(self._clause())
        if self._next.says("or"):
            raise BadFilter(self._next.place, "'or' stands inside brackets only: a = 1 and (b = 2 or c = 3)")
        if self._next.mark != "end":
            raise BadFilter(self._next.place, f"expected 'and' or the end, found {self._next}")
        return AllOf(tuple(parts))

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        if token.mark != "end":
            self._at += 1
        return token

    def _clause(self) -> Where:
        if self._next.mark != "(":
            return self._predicate()
        self._take()
        parts = [self._predicate()]
        while self._next.says("or"):
            self._take()
            parts.append(self._predicate())
        if self._next.says("and"):
            raise BadFilter(self._next.place, "'and' stands outside brackets only")
        closing = self._take()
        if closing.mark != ")":
            raise BadFilter(closing.place, f"expected 'or' or ')', found {closing}")
        return AnyOf(tuple(parts))

    def _predicate(self) -> Predicate:
        token = self._take()
        if token.mark == "(":
            raise BadFilter(token.place, "brackets do not nest")
        if token.mark != "word":
            raise BadFilter(token.place, f"expected the name of a field, found {token}")
        self._leaves += 1
        _check_count(self._leaves, token.place)
        field = find_field(self._resource, token.text, token.place)
        operator = self._operator(field)
        if operator in ("exists", "doesNotExist"):
            return build(field, operator, (), (token.place,))
        value = self._take()
        if value.mark not in ("word", "text"):
            raise BadFilter(value.place, f"expected a value, found {value}")
        return build(field, operator, (value.text,), (value.place, token.place))

    def _operator(self, field: Field) -> Operator:
        token = self._next
        if token.mark in _MARKS:
            self._take()
            return find_operator(field, _MARKS[token.mark], token.place)
        for words, operator in _WORDS.items():
            following = self._tokens[self._at : self._at + len(words)]
            if len(following) == len(words) and all(map(_Token.says, following, words)):
                self._at += len(words)
                return find_operator(field, operator, token.place)
        shown = ", ".join(_SHOWN[one] for one in OPERATORS[field.kind] if one in _SHOWN)
        raise BadFilter(token.place, f"expected an operator ({shown}), found {token}")


def _tokens(told: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while told[at:].strip():
        match = _TOKEN.match(told, at)
        if match is None:
            place = at + len(told[at:]) - len(told[at:].lstrip()) + 1
            quote = told[place - 1] in "\"'"
            raise BadFilter(place, "a quote is never closed" if quote else f"unexpected {told[place - 1]!r}")
        kind = str(match.lastgroup)
        text = match[kind]
        start = match.start(kind) + 1
        if kind in ("double", "single"):
            found.append(_Token(start - 1, "text", re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)))
        else:
            found.append(_Token(start, text if kind == "mark" else "word", text))
        at = match.end()
    found.append(_Token(len(told) + 1, "end", ""))
    return found


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)
